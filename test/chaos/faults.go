//go:build linux

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"time"

	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
	"paxos/test/netns"
)

// pause freezes a process, for longer than an election takes too.
func (n *nemesis) pause(victim *node, b *broken) {
	n.must(victim.signal(syscall.SIGSTOP, false))
	b.mend = func() error { return victim.signal(syscall.SIGCONT, false) }
	b.until = time.Now().Add(n.between(200*time.Millisecond, 3*time.Second))
}

// cut takes a node off the network: both ways, or one of them.
func (n *nemesis) cut(victim *node, how string, b *broken) {
	var links []netns.Link
	for _, other := range n.c.nodes {
		if other == victim {
			continue
		}
		if how != "deaf" {
			links = append(links, netns.Link{From: string(victim.id), To: string(other.id)})
		}
		if how != "mute" {
			links = append(links, netns.Link{From: string(other.id), To: string(victim.id)})
		}
	}
	n.must(n.c.place.cut(links...))
	b.mend = func() error { return n.c.place.heal(links...) }
	b.until = time.Now().Add(n.between(300*time.Millisecond, 3*time.Second))
}

// slow makes syncs take longer than anybody expects: of one node for a long
// time, or of all acceptors for a short one.
func (n *nemesis) slow(victim *node, whom string, b *broken) {
	hit, takes := []*node{victim}, n.between(50*time.Millisecond, time.Second)
	if whom == "acceptors" {
		hit, takes = nil, n.between(5*time.Millisecond, 100*time.Millisecond)
		for _, id := range n.c.ids(paxos.AcceptorRole) {
			hit = append(hit, n.c.node(id))
		}
	}
	for _, h := range hit {
		h.disk.Slow(takes)
	}
	b.mend = func() error {
		for _, h := range hit {
			h.disk.Slow(0)
		}
		return nil
	}
	b.until = time.Now().Add(n.between(500*time.Millisecond, 2*time.Second))
}

// endLimit is how long a node may take to end after its disk has failed it.
const endLimit = 15 * time.Second

// spoil makes a disk fail until its node ends by itself, as it must, and starts
// the node again when the disk is well. A node that writes nothing meanwhile does
// not notice.
func (n *nemesis) spoil(victim *node, how string, b *broken) {
	var failed atomic.Int64
	victim.mayEnd()
	victim.disk.Inject(trouble(how, &failed))
	b.until = time.Now().Add(n.between(300*time.Millisecond, 900*time.Millisecond))
	if victim.role == paxos.LearnerRole {
		b.until = b.until.Add(2 * time.Second) // it writes only now and then
	}
	b.mend = func() error {
		if failed.Load() == 0 {
			victim.disk.Inject(nil)
		}
		// Asked again: the last operation may have come in between.
		if failed.Load() == 0 {
			n.counts["disk faults that nobody noticed"]++
			victim.mustStay()
			return nil
		}
		if !victim.ended(endLimit) {
			return fmt.Errorf("%s runs %v after a %s: %s", victim.id, endLimit, how, victim.lastWords())
		}
		victim.disk.Inject(nil)
		n.counts["ended by their disk"]++
		if code := victim.status.ExitCode(); code != 1 {
			n.c.report.Errorf("%s ended with %d after a %s: %s", victim.id, code, how, victim.lastWords())
		}
		return n.c.start(victim.id)
	}
}

// trouble is what a disk does whose operations fail; it counts them. A short
// write ends between two sectors: kernels write whole pages, and a journal takes
// a sector of which only a part was written for a damaged one.
func trouble(how string, failed *atomic.Int64) func(memfs.Op) *memfs.Fault {
	fail := func(f memfs.Fault) *memfs.Fault {
		failed.Add(1)
		return &f
	}
	return func(op memfs.Op) *memfs.Fault {
		write := op.Kind == memfs.WriteOp
		sync := op.Kind == memfs.SyncOp || op.Kind == memfs.SyncDataOp || op.Kind == memfs.SyncDirOp
		switch {
		case how == "failed write" && write, how == "failed sync" && sync:
			return fail(memfs.Fault{Err: syscall.EIO})
		case how == "full disk" && write:
			return fail(memfs.Fault{Err: syscall.ENOSPC})
		case how == "short write" && write && failed.Load() == 0:
			return fail(memfs.Fault{Err: syscall.ENOSPC, Short: op.Size / 2 / wal.SectorBytes * wal.SectorBytes})
		case how == "short write" && write:
			return fail(memfs.Fault{Err: syscall.ENOSPC})
		}
		return nil
	}
}

// powerPhase takes the power of all acceptors, or of all nodes, again and
// again.
func (n *nemesis) powerPhase(ctx context.Context, length time.Duration) error {
	lasts := n.lasts(length)
	for all := n.dice.IntN(2) == 0; lasts(); all = !all {
		if err := n.power(ctx, all); err != nil {
			return err
		}
	}
	return nil
}

// power lets syncs be slow for a while, so that much is under way, takes the
// power of all acceptors at once (or of all nodes), and gives it back.
func (n *nemesis) power(ctx context.Context, all bool) error {
	var hit []*node
	for _, h := range n.c.nodes {
		if all || h.role == paxos.AcceptorRole {
			hit = append(hit, h)
		}
		if h.role == paxos.AcceptorRole {
			h.disk.Slow(n.between(time.Millisecond, 30*time.Millisecond))
		}
	}
	rest(ctx, n.between(300*time.Millisecond, 1500*time.Millisecond))
	for _, h := range hit {
		if h.disk != nil {
			h.disk.Cut()
		}
	}
	for _, h := range hit {
		if err := h.signal(syscall.SIGKILL, true); err != nil {
			return err
		}
	}
	for _, h := range hit {
		if h.disk != nil {
			h.disk.Refuse()
		}
	}
	for _, h := range hit {
		if err := h.await(killLimit); err != nil {
			return err
		}
	}
	pick := n.pick()
	for _, h := range hit {
		if h.disk != nil {
			loss := h.disk.Crash(pick)
			n.counts["unsynced changes lost"] += int64(loss.Lost)
			n.counts["unsynced changes kept"] += int64(loss.Kept)
		}
	}
	n.count("power failure", map[bool]string{false: "all acceptors", true: "all nodes"}[all])
	if err := n.c.start(); err != nil {
		return err
	}
	before := n.c.report.writes.Load()
	return until(ctx, 30*time.Second, "a write to succeed after the power came back", func() bool {
		return n.c.report.writes.Load() > before+5
	})
}

// pick says what survives of what was not synced: nothing, all, or each sector
// and each name as it falls.
func (n *nemesis) pick() func(int) int {
	switch n.dice.IntN(5) {
	case 0:
		return memfs.Lose
	case 1:
		return memfs.Keep
	}
	dice := rand.New(rand.NewPCG(n.dice.Uint64(), 0))
	return dice.IntN
}
