package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"paxos/client/wire"
	"paxos/paxos"
)

// streamFrom is the number of the command from which on a stream is worth its
// opening: a program that writes once is answered sooner by a request.
const streamFrom = 2

// How long an address is not asked for a stream again: where there is none (an
// older service, a proxy that passes no Upgrade on), and where one could not be
// opened now, or ended, which doubles up to the longest.
const (
	openLimit   = time.Second
	noStreamFor = time.Minute
	firstBar    = 100 * time.Millisecond
	longestBar  = 5 * time.Second
)

// way is the way to one address: the stream of commands, while one is open.
type way struct {
	base      string
	transport http.RoundTripper
	now       atomic.Pointer[pipe]

	mu      sync.Mutex
	opening chan struct{} // closed when the attempt is over; nil: none is made
	barred  time.Time
	bar     time.Duration
}

func newWay(base string, transport http.RoundTripper) *way {
	if transport == nil {
		transport = http.DefaultTransport
	}
	return &way{base: base, transport: transport}
}

// begin counts a command that may go over a stream.
func (c *Client) begin() {
	if c.commands.Load() < streamFrom {
		c.commands.Add(1)
	}
}

// streamTo gives the stream to an address, opening it if need be; nil if there
// is none: then a request is the way.
func (c *Client) streamTo(b budget, at int) *pipe {
	if at >= len(c.ways) {
		return nil
	}
	w := c.ways[at]
	if p := w.now.Load(); p != nil && !p.closed() {
		return p
	}
	if c.commands.Load() < streamFrom {
		return nil
	}
	opening := w.open()
	if opening == nil {
		return nil
	}
	limit := time.NewTimer(time.Until(b.until))
	defer limit.Stop()
	select {
	case <-opening:
	case <-limit.C:
	case <-b.ctx.Done():
	}
	if p := w.now.Load(); p != nil && !p.closed() {
		return p
	}
	return nil
}

// open begins to open the stream, unless that is under way; nil: not now.
func (w *way) open() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.opening != nil {
		return w.opening
	}
	if time.Now().Before(w.barred) {
		return nil
	}
	over := make(chan struct{})
	w.opening = over
	go func() {
		p, lasting, err := w.dial()
		w.mu.Lock()
		defer w.mu.Unlock()
		switch {
		case err == nil:
			w.now.Store(p)
		case lasting:
			w.barred = time.Now().Add(noStreamFor)
		default:
			w.barLocked()
		}
		w.opening = nil
		close(over)
	}()
	return over
}

func (w *way) barLocked() {
	w.bar = min(max(2*w.bar, firstBar), longestBar)
	w.barred = time.Now().Add(w.bar)
}

// ended is told when a stream has ended, or takes no more; well says that it
// did what it was for.
func (w *way) ended(p *pipe, well bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	lasted := time.Since(p.opened) > openLimit
	if well || lasted {
		w.bar = 0
	}
	// One that was good for a while is opened again at once.
	if w.now.CompareAndSwap(p, nil) && !well && !lasted {
		w.barLocked()
	}
}

// leave ends the stream when all on it is answered.
func (w *way) leave() {
	w.mu.Lock()
	opening := w.opening
	w.mu.Unlock()
	if opening != nil {
		<-opening
	}
	if p := w.now.Load(); p != nil {
		p.leave(true)
	}
}

// dial opens a stream. Lasting says of an error that the address has none.
func (w *way) dial() (p *pipe, lasting bool, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			cancel()
		}
	}()
	limit := time.AfterFunc(openLimit, cancel)
	defer limit.Stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.base+"/send", http.NoBody)
	if err != nil {
		return nil, true, err
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", wire.Protocol)
	response, err := w.transport.RoundTrip(request)
	if err != nil {
		return nil, false, err
	}
	conn, whole := response.Body.(io.ReadWriteCloser)
	window, _ := strconv.Atoi(response.Header.Get(wire.HeaderWindow))
	switch {
	case response.StatusCode != http.StatusSwitchingProtocols || response.Header.Get("Upgrade") != wire.Protocol:
		err = fmt.Errorf("%s opens no stream: status %d", w.base, response.StatusCode)
	case !whole:
		err = fmt.Errorf("%s opens no stream: the transport does not hand it on", w.base)
	case window < 1:
		err = fmt.Errorf("%s opens no stream: a window of %q", w.base, response.Header.Get(wire.HeaderWindow))
	case !limit.Stop():
		err = fmt.Errorf("%s opened a stream too late", w.base)
	}
	if err != nil {
		_ = response.Body.Close()
		code := response.StatusCode
		return nil, code < 500 || code == http.StatusNotImplemented, err
	}
	return newPipe(w, conn, cancel, paxos.NodeID(response.Header.Get(wire.HeaderFrom)), window), false, nil
}
