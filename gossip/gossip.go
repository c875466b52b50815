package gossip

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

const (
	retryAlone   = time.Second            // between joins while nobody else is known
	lookInterval = time.Second            // between looks in the mirror
	tellInterval = 500 * time.Millisecond // between updates of our metadata
	leaveTimeout = time.Second            // for saying goodbye
)

// Gossip is this node's part in the gossip. Its methods may be called from any
// goroutine; none but Join and Stop waits for the network.
type Gossip struct {
	options Options
	address string
	port    int // listened on
	book    *book
	ears    *ears
	notes   *notes
	list    *memberlist.Memberlist
	tell    chan struct{} // asks for an update of our metadata; capacity 1

	// exchange keeps our own joins and looks in the mirror apart.
	exchange sync.Mutex

	ctx     context.Context
	cancel  context.CancelFunc
	loops   sync.WaitGroup
	written chan struct{} // closed when the notes are written
	once    sync.Once
	stopped chan struct{}
	stopErr error
}

// Start listens and begins to look for the others; it does not wait for them:
// seeds that do not answer are tried again, for ever. It fails with a sentence
// when an option is wrong, the key unreadable or the address taken.
func Start(o Options) (*Gossip, error) {
	g, err := start(o)
	if err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	return g, nil
}

func start(o Options) (*Gossip, error) {
	if o.RejoinInterval == 0 {
		o.RejoinInterval = defaultRejoin
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	config := o.tuned()
	key, err := o.key()
	if err != nil {
		return nil, err
	}
	config.SecretKey = key
	g := &Gossip{
		options: o, notes: newNotes(o.Log), tell: make(chan struct{}, 1),
		written: make(chan struct{}), stopped: make(chan struct{}),
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	if err := g.open(config); err != nil {
		g.cancel()
		return nil, err
	}
	go func() {
		defer close(g.written)
		g.notes.run(g.stopped)
	}()
	g.loops.Go(g.rejoin)
	g.loops.Go(g.publish)
	g.loops.Go(g.watch)
	return g, nil
}

// open fills in the rest of the configuration and starts memberlist.
func (g *Gossip) open(config *memberlist.Config) error {
	sockets, err := listen(g.options, g.notes)
	if err != nil {
		return err
	}
	g.port = sockets.GetAutoBindPort()
	// Only Shutdown of a running memberlist may wait for these sockets.
	abandon := func() { go func() { _ = sockets.Shutdown() }() }
	ip, port, err := advertised(g.options, g.port)
	if err != nil {
		abandon()
		return err
	}
	told, toldPort, err := sockets.FinalAdvertiseAddr(ip, port)
	if err != nil {
		abandon()
		return fmt.Errorf("no address to advertise: %w", err)
	}
	g.address = net.JoinHostPort(told.String(), strconv.Itoa(toldPort))

	// memberlist refuses a known name at a new address until the old process
	// has been dead for long, so every start is a new name; the id that stays
	// is in the card.
	var suffix [8]byte
	_, _ = rand.Read(suffix[:])
	config.Name = string(g.options.Node) + "/" + hex.EncodeToString(suffix[:])

	g.book = newBook(config.Name, g.address, g.options.card(time.Now()))
	g.ears = &ears{book: g.book, notes: g.notes, look: make(chan struct{}, 1)}
	config.Transport = transport{sockets, g.ctx, config.Label}
	config.BindPort = g.port
	config.AdvertiseAddr, config.AdvertisePort = ip, port
	config.Logger = logger(g.notes)
	config.Delegate, config.Events, config.Merge = g.ears, g.ears, g.ears
	if g.list, err = memberlist.Create(config); err != nil {
		abandon()
		return err
	}
	return nil
}

func logger(n *notes) *log.Logger { return log.New(n, "", 0) }

// Address is the host:port that others are told, the port chosen if Bind left
// it to the system.
func (g *Gossip) Address() string { return g.address }

// SetLeader tells the others who leads, in this node's eyes; the zero Hint
// says "nobody known". It never blocks: the news travels later, at most every
// half second, and only the latest counts. A hint with an id that is none is
// logged and dropped.
func (g *Gossip) SetLeader(h Hint) {
	if err := h.check(); err != nil {
		g.notes.warnf("gossip: leader hint dropped: %v", err)
		return
	}
	if g.book.setHint(h) {
		poke(g.tell)
	}
}

// publish sends our metadata when it has changed, not too often.
func (g *Gossip) publish() {
	for {
		select {
		case <-g.ctx.Done():
			return
		case <-g.tell:
		}
		// The update is queued at once; what the timeout bounds is the wait for
		// its delivery, on which nothing depends (and 0 would mean for ever).
		_ = g.list.UpdateNode(time.Millisecond)
		if !g.sleep(tellInterval) {
			return
		}
	}
}

// watch keeps the states exact and forgets what is long gone.
func (g *Gossip) watch() {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		select {
		case <-g.ctx.Done():
			return
		case <-g.ears.look:
		case <-tick.C:
		}
		g.look()
		g.book.forget(time.Now())
	}
}

// look takes the exact states over from memberlist, by way of the mirror. It
// takes place in memory; a join under way only puts it off to the next tick.
func (g *Gossip) look() {
	if !g.exchange.TryLock() {
		return
	}
	defer g.exchange.Unlock()
	g.ears.looking.Store(true)
	defer g.ears.looking.Store(false)
	_, _ = g.list.Join([]string{mirrorAt}) // "fails" with errMirror
}

// sleep waits and reports whether gossip still runs.
func (g *Gossip) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-g.ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// Stop says goodbye (others see this process as left), waits up to 1 s for
// that to be heard, and closes the sockets. It may be called more than once and
// gives the same answer: nil, or an error when nobody heard it. When ctx ends
// first Stop returns its error, and the rest goes on behind. After Stop the
// book still answers, with what was last known.
func (g *Gossip) Stop(ctx context.Context) error {
	g.once.Do(func() { go g.stop() })
	select {
	case <-g.stopped:
		<-g.written
		return g.stopErr
	case <-ctx.Done():
		return fmt.Errorf("gossip: still stopping: %w", ctx.Err())
	}
}

func (g *Gossip) stop() {
	g.cancel()
	if err := g.list.Leave(leaveTimeout); err != nil {
		g.stopErr = fmt.Errorf("gossip: left without being heard: %w", err)
	}
	if err := g.list.Shutdown(); err != nil {
		g.stopErr = errors.Join(g.stopErr, fmt.Errorf("gossip: %w", err))
	}
	g.loops.Wait()
	close(g.stopped)
}
