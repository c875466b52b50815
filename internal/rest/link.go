package rest

import (
	"bufio"
	"context"
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
	hub       *Hub
	to        paxos.NodeID
	out       *outbox
	connected atomic.Bool
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
		l.out.take(nil)
		l.out.written()
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
	conn, in, err := l.open(ctx, address, door)
	if err != nil {
		return err
	}
	l.hub.Opened.Add(1)
	l.connected.Store(true)
	defer l.connected.Store(false)
	p := &pipe{conn: conn, in: in, peer: l.to, out: l.out, handle: l.hub.handle}
	return p.run(ctx)
}

// open asks for the Upgrade and checks who answers: an address is only a hint,
// and two addresses that lead to one node are one node.
func (l *link) open(ctx context.Context, address, door string) (net.Conn, *bufio.Reader, error) {
	dialer := net.Dialer{Timeout: dialLimit}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	in, err := l.upgrade(conn, address, door)
	if err != nil {
		_ = conn.Close()
		return nil, nil, fmt.Errorf("%s: %w", address, err)
	}
	return conn, in, nil
}

func (l *link) upgrade(conn net.Conn, address, door string) (*bufio.Reader, error) {
	if err := conn.SetDeadline(time.Now().Add(dialLimit)); err != nil {
		return nil, err
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+address+door, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", streamProtocol)
	request.Header.Set(headerFrom, string(l.hub.self))
	request.Header.Set(headerTo, string(l.to))
	request.Header.Set(headerConfig, l.hub.config.String())
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(conn, 64<<10)
	response, err := http.ReadResponse(in, request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusSwitchingProtocols {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1024))
		return nil, fmt.Errorf("status %d: %s", response.StatusCode, text)
	}
	if from := response.Header.Get(headerFrom); from != string(l.to) {
		return nil, fmt.Errorf("%s answers, %s was asked", from, l.to)
	}
	return in, conn.SetDeadline(time.Time{})
}
