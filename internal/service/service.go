// Package service puts a node together: settings, disk, role, loop, gossip and
// HTTP, in the order in which they must start and stop. The programs in cmd/
// are a few lines around it.
//
// It holds no rule of Paxos and no endpoint.
package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"paxos/audit"
	"paxos/gossip"
	"paxos/internal/config"
	"paxos/internal/logging"
	"paxos/internal/node"
	"paxos/internal/rest"
	"paxos/internal/wal"
	"paxos/paxos"
	"paxos/proposer"
)

// How long a stopping node takes at most for each part.
const (
	drainLimit    = time.Second
	requestsLimit = 2 * time.Second
	leaveLimit    = 500 * time.Millisecond
)

// running is a node on its way up, at work, or on its way down.
type running struct {
	settings *config.Settings
	log      *logrus.Entry
	lock     *wal.DirLock
	disk     *node.Disk
	learner  *learning
	space    space
	parts    rest.Parts
	role     paxos.Role
	measured *measured
	server   *rest.Server
	gossip   *gossip.Gossip
	book     *book
	listener net.Listener
	trace    *audit.Writer // nil unless a test asks for it
}

// Run runs a node until ctx ends (nil) or until it must not go on.
func Run(ctx context.Context, s *config.Settings, log io.Writer) (err error) {
	entry, err := logging.New(log, s.LogLevel, s.LogFormat, s.ID)
	if err != nil {
		return err
	}
	r := &running{settings: s, log: entry}
	defer r.close()
	defer tuneCollector()()
	defer tuneProcessors()()
	// The disk first: a second process on it says who holds it, and not that
	// its address is taken.
	if err := r.build(ctx); err != nil {
		return err
	}
	defer tuneScheduling(&r.measured.crowd, r.log)()
	if r.listener, err = net.Listen("tcp", s.Listen); err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	if err := r.join(); err != nil {
		return err
	}
	r.log.Infof("%s listens on %s, gossips on %s", s.ID, s.Listen, s.GossipListen)
	return r.serve(ctx)
}

// What a build outside a checkout stamps (-ldflags -X, see the Dockerfile): the
// version, and the commit that was built.
var stampedVersion, stampedCommit string

// Version is the program's version and commit, as the build stamped them.
func Version() string {
	if stampedVersion != "" {
		return strings.TrimSpace(stampedVersion + " " + short(stampedCommit))
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version := info.Main.Version
	for _, kv := range info.Settings {
		if kv.Key == "vcs.revision" {
			version += " " + short(kv.Value)
		}
	}
	return version
}

// short is enough of a commit's name to find it.
func short(commit string) string { return commit[:min(12, len(commit))] }

// build makes the role and the loop around it.
func (r *running) build(ctx context.Context) error {
	r.measured = measure(r.settings)
	if err := r.beginTrace(); err != nil {
		return err
	}
	if err := r.makeRole(ctx); err != nil {
		return err
	}
	fixed, err := r.settings.Addresses()
	if err != nil {
		return err
	}
	r.book = newBook(r.settings, fixed)
	hub := rest.NewHub(r.settings.ID, r.settings.Configuration().Stamp(), r.book, r.log)
	opts := node.Options{Role: r.role, Network: hub, Tick: r.settings.Tick, Admit: rest.Admit(r.settings), Now: time.Now, Meter: r.measured}
	if r.disk != nil {
		opts.Store = r.disk
	}
	if r.learner != nil {
		opts.Keeper, opts.Admit = r.learner.disk.Keeper, r.learner.own(opts.Admit)
	}
	if r.trace != nil {
		opts.Tap = r.trace
	}
	r.parts.Loop = node.New(opts)
	r.parts.Hub, r.parts.Settings, r.parts.Log, r.parts.Version = hub, r.settings, r.log, Version()
	r.showMetrics()
	r.parts.Metrics, r.parts.Measures = r.measured.set.Handler(), r.measured.server
	return nil
}

// join starts gossip; from then on others may find this node.
func (r *running) join() error {
	s := r.settings
	g, err := gossip.Start(gossip.Options{Node: s.ID, Role: s.Role, Bind: s.GossipListen, Advertise: s.GossipAdvertise,
		REST: s.Advertise, Label: s.Name, Seeds: s.Join, KeyFile: s.GossipKeyFile, Log: r.log, Fast: s.Local})
	if err != nil {
		return fmt.Errorf("gossip: %w", err)
	}
	r.gossip, r.parts.Gossip = g, g
	r.book.use(g)
	return nil
}

// serve runs the parts until one of them ends, then stops the others in order:
// first no leadership, then no new requests, then the loop, then the streams.
func (r *running) serve(ctx context.Context) error {
	server := rest.New(r.parts)
	r.server = server
	r.parts.Hub.Handle(server.Take)
	r.hearOfTheGone()
	loopCtx, stopLoop := context.WithCancel(context.Background())
	defer stopLoop()
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return r.parts.Loop.Run(loopCtx) })
	group.Go(func() error { return server.Serve(r.listener) })
	group.Go(func() error { r.watch(groupCtx); return nil })
	if r.disk != nil {
		group.Go(func() error { return r.watchSpace(groupCtx) })
	}
	if r.learner != nil {
		group.Go(func() error { return r.keepSnapshots(loopCtx) })
		group.Go(func() error { return r.bindDisk(groupCtx) })
		group.Go(func() error { return r.refuseOthers(groupCtx) })
		group.Go(func() error { r.tellTime(groupCtx, server.Clock); return nil })
	}
	group.Go(func() error {
		<-groupCtx.Done()
		r.log.Info("stopping")
		r.handOver()
		stopping, cancel := context.WithTimeout(context.Background(), requestsLimit)
		defer cancel()
		server.Shutdown(stopping, stopLoop)
		r.parts.Hub.Close()
		return nil
	})
	err := group.Wait()
	if err != nil && !errors.Is(err, context.Canceled) {
		r.log.WithError(err).Error("the node ends")
		return err
	}
	return nil
}

// handOver lets a leader finish what it began and ask another proposer to
// stand (docs/protocol.md, Elections).
func (r *running) handOver() {
	p := r.parts.Proposer
	if p == nil {
		return
	}
	var successor paxos.NodeID
	for _, id := range r.gossip.Of(paxos.ProposerRole) {
		if id != r.settings.ID {
			successor = id
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainLimit+500*time.Millisecond)
	defer cancel()
	ticks := r.settings.Ticks(drainLimit)
	stop := func() { p.Stop(successor, ticks) }
	if r.parts.Loop.Inspect(ctx, stop) != nil {
		return
	}
	if err := r.parts.Loop.Await(ctx, p.Stopped); err != nil {
		r.log.Warnf("leadership was not handed over: %v", err)
		return
	}
	r.parts.Hub.Drain(ctx, successor)
}

// hearOfTheGone tells those who have a use for it that nobody listens any more
// where a proposer was.
func (r *running) hearOfTheGone() {
	if r.settings.Role != paxos.AcceptorRole && r.settings.Role != paxos.ClientRole {
		return
	}
	r.parts.Hub.Gone(func(id paxos.NodeID) {
		_ = r.parts.Loop.Submit(context.Background(), paxos.Envelope{To: r.settings.ID, Message: paxos.Gone{Node: id}}) // or the loop has ended
	})
}

// watch tells the role whom discovery has found, and others who leads.
func (r *running) watch(ctx context.Context) {
	var last string
	for ctx.Err() == nil {
		changed := r.gossip.Changed()
		d := paxos.Directory{Proposers: r.gossip.Of(paxos.ProposerRole), Clients: r.gossip.Of(paxos.ClientRole), Leader: r.gossip.Leader().Leader}
		if now := fmt.Sprint(d); now != last {
			last = now
			_ = r.parts.Loop.Submit(ctx, paxos.Envelope{To: r.settings.ID, Message: d})
		}
		r.tellLeader(ctx)
		timer := time.NewTimer(100 * time.Millisecond)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func (r *running) tellLeader(ctx context.Context) {
	p := r.parts.Proposer
	if p == nil {
		return
	}
	var st proposer.Status
	if r.parts.Loop.Inspect(ctx, func() { st = p.Status() }) != nil {
		return
	}
	hint := gossip.Hint{}
	if st.Leading {
		hint = gossip.Hint{Leader: r.settings.ID, Ballot: st.Ballot}
	}
	r.gossip.SetLeader(hint)
}

func (r *running) close() {
	if r.gossip != nil {
		ctx, cancel := context.WithTimeout(context.Background(), leaveLimit)
		_ = r.gossip.Stop(ctx)
		cancel()
	}
	if r.listener != nil {
		_ = r.listener.Close()
	}
	if r.disk != nil {
		if err := r.disk.Close(); err != nil {
			r.log.WithError(err).Warn("closing the journal")
		}
	}
	if r.learner != nil {
		if err := r.learner.disk.Close(); err != nil {
			r.log.WithError(err).Warn("closing the snapshots")
		}
	}
	if err := r.trace.Close(); err != nil {
		r.log.WithError(err).Warn("closing the trace")
	}
	if r.lock != nil {
		_ = r.lock.Unlock()
	}
}
