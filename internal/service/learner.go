package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"paxos/internal/node"
	"paxos/internal/wal"
	"paxos/kv"
	"paxos/learner"
	"paxos/paxos"
)

// learning is what only a learner's node has.
type learning struct {
	disk   *node.LearnerDisk
	config paxos.Configuration
	heard  paxos.Adoption // what acceptors of another cluster state; of the loop
	others chan error     // room for one: a quorum of them does
}

func (r *running) makeLearner(ctx context.Context) error {
	s := r.settings
	dir, err := r.takeDirectory(ctx)
	if err != nil {
		return err
	}
	disk, found, err := node.OpenLearnerDisk(wal.OS(), dir, node.LearnerOptions{
		Node: s.ID, Configuration: s.Configuration(), FreshStore: paxos.StoreID(random64()), Decode: readState,
		Room: func() (int64, error) { space, err := wal.SpaceOf(dir); return space.Free, err },
	})
	if err != nil {
		return err
	}
	r.learner = &learning{disk: disk, config: s.Configuration(), others: make(chan error, 1)}
	for _, what := range found.Damaged {
		r.log.Warnf("a snapshot was refused and set aside: %s", what)
	}
	machine := kv.New(kv.Options{SnapshotBytes: s.SnapshotBytes, SnapshotSlots: s.SnapshotSlots})
	if found.State != nil {
		if err := machine.Restore(found.State); err != nil {
			return fmt.Errorf("the snapshot of slot %d in %s: %w", found.Kept.Slot, dir, err)
		}
		r.log.Infof("goes on from the snapshot of slot %d", found.Kept.Slot)
	}
	history := kv.History{Revisions: s.HistoryRevisions, Bytes: s.HistoryBytes}
	l := learner.New(learner.Config{Node: s.ID, Configuration: s.Configuration(), PullTicks: s.Ticks(pullAfter),
		FinishTicks: s.Ticks(finishAfter), BeatTicks: s.Ticks(reportEvery), PageBytes: pageBytes,
		Store: disk.Store(), Kept: found.Kept, ReportTicks: s.Ticks(reportSnapshots), ChoreTicks: s.Ticks(choresEvery),
		TickMillis: uint64(s.Tick.Milliseconds()), LogBytes: logBytes, Question: paxos.Number(random64() >> 1),
		Chores: func(now paxos.LogTime) [][]byte { return proposing(machine.Chores(now, history)) }}, r.trace.Machine(withSteps(machine)))
	r.role, r.parts.Learner, r.parts.Machine, r.parts.Starts = l, l, machine, disk.Starts
	return nil
}

// readState reads what the state machine wrote into a snapshot.
func readState(from io.Reader) (paxos.State, error) {
	view, err := kv.Read(from)
	if err != nil {
		return nil, err // and no State: a nil *kv.View would be one
	}
	return view, nil
}

// own keeps messages of other clusters from a learner whose disk belongs to one:
// having no identity of its own, the role would adopt whatever the acceptors
// state, and go on in another log than the one its state is of. It is called in
// the loop.
func (l *learning) own(admit func(paxos.Envelope) error) func(paxos.Envelope) error {
	return func(e paxos.Envelope) error {
		cluster := l.disk.Cluster()
		if cluster.IsZero() || e.Cluster.IsZero() || e.Cluster == cluster || e.Message.Kind() == paxos.KindLocal {
			return admit(e)
		}
		if m, ok := e.Message.(paxos.Surveyed); ok && l.heard.Hear(l.config, e.From, e.Cluster, m) {
			l.others <- l.disk.Adopt(e.Cluster)
		}
		return &paxos.HeaderError{Field: "cluster", Got: e.Cluster.String(), Want: cluster.String()}
	}
}

// bindDisk makes the disk one of the cluster that the learner adopts.
func (r *running) bindDisk(ctx context.Context) error {
	var cluster paxos.ClusterID
	adopted := func() bool {
		cluster = r.role.Header().Cluster
		return !cluster.IsZero()
	}
	if r.parts.Loop.Await(ctx, adopted) != nil {
		return nil // the node is stopping
	}
	return r.learner.disk.Adopt(cluster)
}

// refuseOthers ends the node if a quorum of the acceptors is of another cluster
// than its disk.
func (r *running) refuseOthers(ctx context.Context) error {
	select {
	case err := <-r.learner.others:
		return err
	case <-ctx.Done():
		return nil
	}
}

// keepSnapshots lets the keeper work as long as the loop does.
func (r *running) keepSnapshots(ctx context.Context) error {
	return r.learner.disk.Keeper.Run(ctx, func(ctx context.Context, answer paxos.Message) error {
		err := r.parts.Loop.Submit(ctx, node.FromKeeper(r.settings.ID, answer))
		if errors.Is(err, node.ErrStopped) {
			return nil // nobody is there to hear it; the disk has it
		}
		return err
	})
}

// tellTime tells a learner the time by the clock by which reads are stamped,
// until the loop or ctx ends.
func (r *running) tellTime(ctx context.Context, clock func() int64) {
	_ = every(ctx, clockEvery, func() error {
		return r.parts.Loop.Submit(ctx, paxos.Envelope{To: r.settings.ID, Message: paxos.Clock{At: clock()}})
	})
}

const clockEvery = 200 * time.Millisecond

// every calls do at once and then again and again, until ctx ends or do fails.
func every(ctx context.Context, period time.Duration, do func() error) error {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		if err := do(); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}
