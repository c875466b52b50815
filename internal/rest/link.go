package rest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"paxos/paxos"
)

const (
	streamProtocol = "x-paxos/1"
	dialLimit      = time.Second
	backoffFirst   = 20 * time.Millisecond
	backoffMost    = time.Second

	headerFrom   = "Paxos-From"
	headerStart  = "Paxos-Start"
	headerTo     = "Paxos-To"
	headerConfig = "Paxos-Config"
)

// doors are the endpoints at which streams to each role are opened.
var doors = map[paxos.RoleName]string{
	paxos.AcceptorRole: "/accept",
	paxos.LearnerRole:  "/learn",
	paxos.ProposerRole: "/propose",
	paxos.ClientRole:   "/notify",
}

// link keeps one outgoing stream to a peer open, over whichever of its
// addresses the right node answers.
type link struct {
	hub  *Hub
	to   paxos.NodeID
	out  *outbox
	open atomic.Pointer[pipe] // nil while there is no stream
}

func (l *link) run(ctx context.Context) {
	log := l.hub.log.WithField("peer", string(l.to))
	pause := backoffFirst
	for turn := 0; ctx.Err() == nil; turn++ {
		changed := l.hub.book.Changed()
		addresses := l.hub.book.Addresses(l.to)
		err := fmt.Errorf("no address is known")
		if len(addresses) > 0 {
			began := time.Now()
			err = l.connect(ctx, addresses[turn%len(addresses)])
			if time.Since(began) > backoffMost {
				pause = backoffFirst
			}
		}
		if ctx.Err() != nil {
			return
		}
		log.Debugf("no stream: %v", err)
		// What waited is old by now; whoever still needs an answer asks again.
		l.out.drop()
		timer := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-ctx.Done():
		case <-changed:
			pause = backoffFirst
		case <-timer.C:
			pause = min(2*pause, backoffMost)
		}
		timer.Stop()
	}
}

// connect opens the stream and serves it until it ends.
func (l *link) connect(ctx context.Context, address string) error {
	door, ok := doors[l.hub.book.RoleOf(l.to)]
	if !ok {
		return fmt.Errorf("its role is not known")
	}
	p, err := l.dial(ctx, address, door)
	if err != nil {
		return err
	}
	l.hub.Opened.Add(1)
	p.handle = l.handle
	l.open.Store(p)
	err = p.run(ctx)
	l.open.Store(nil)
	l.hub.parted(l.to)
	return err
}

// errTwin ends a stream to the wrong one of two processes under one id: it says
// that its id leads, and does not lead itself.
var errTwin = errors.New("another process of this id leads")

// handle takes what the peer sends, and goes on to its next address if another
// process under its id is the one to ask.
func (l *link) handle(e paxos.Envelope) error {
	if err := l.hub.handle(e); err != nil {
		return err
	}
	m, ok := e.Message.(paxos.Refused)
	if ok && m.Reason == paxos.NotLeading && m.Leader == l.to && len(l.hub.book.Addresses(l.to)) > 1 {
		return errTwin
	}
	return nil
}

// dial asks for the Upgrade and checks who answers: an address is only a hint,
// and two addresses that lead to one node are one node.
func (l *link) dial(ctx context.Context, address, door string) (*pipe, error) {
	dialer := net.Dialer{Timeout: dialLimit}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	p := &pipe{conn: conn, peer: l.to, out: l.out, handle: l.hub.handle}
	if err := l.upgrade(p, address, door); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	return p, nil
}

func (l *link) upgrade(p *pipe, address, door string) error {
	if err := p.conn.SetDeadline(time.Now().Add(dialLimit)); err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+address+door, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", streamProtocol)
	request.Header.Set(headerFrom, string(l.hub.self))
	request.Header.Set(headerStart, l.hub.start)
	request.Header.Set(headerTo, string(l.to))
	request.Header.Set(headerConfig, l.hub.config.String())
	if err := request.Write(p.conn); err != nil {
		return err
	}
	p.in = bufio.NewReaderSize(p.conn, 64<<10)
	response, err := http.ReadResponse(p.in, request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusSwitchingProtocols {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1024))
		return fmt.Errorf("status %d: %s", response.StatusCode, text)
	}
	if from := response.Header.Get(headerFrom); from != string(l.to) {
		return fmt.Errorf("%s answers, %s was asked", from, l.to)
	}
	p.start = response.Header.Get(headerStart)
	return p.conn.SetDeadline(time.Time{})
}
