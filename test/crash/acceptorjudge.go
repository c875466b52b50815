package crash

import (
	"bytes"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"paxos/acceptor"
	"paxos/internal/node"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

// memory is what an acceptor must know: the reference.
type memory struct {
	identity paxos.Identity
	promise  paxos.Ballot
	floor    paxos.Slot
	highest  paxos.Slot // that was ever accepted
	votes    map[paxos.Slot]vote
	given    int // records that the journal was ever given
}

type vote struct {
	ballot paxos.Ballot
	value  paxos.Value
}

// after is what is known after the first n atoms.
func (a *acceptorOwner) after(n int) memory {
	m := memory{floor: 1, votes: map[paxos.Slot]vote{}}
	for _, at := range a.atoms[:n] {
		if at.identity != nil {
			m.identity = *at.identity
		}
		for _, rec := range at.records {
			m.take(rec)
		}
	}
	for slot := range m.votes {
		if slot < m.floor {
			delete(m.votes, slot)
		}
	}
	return m
}

func (m *memory) take(rec paxos.Record) {
	m.given++
	switch rec := rec.(type) {
	case paxos.PromisedRecord:
		m.promise = rec.Ballot
	case paxos.AcceptedRecord:
		m.promise = rec.Ballot
		for _, p := range rec.Proposals {
			m.votes[p.Slot] = vote{rec.Ballot, p.Value}
			m.highest = max(m.highest, p.Slot)
		}
	case paxos.FloorRecord:
		m.promise, m.floor = rec.Promise, rec.Floor
	}
}

// judge holds what was found against what is known, and knows it from then on.
func (a *acceptorOwner) judge(disk *node.Disk, found node.Found) error {
	if found.Mute != "" {
		return objection("a disk that only lost its power may not vote: %s", found.Mute)
	}
	n, gone, err := a.match(found, a.sure)
	if err != nil {
		return err
	}
	a.atoms, a.sure, a.gone = a.atoms[:n:n], n, gone
	if found.Identity.Standing == paxos.Blank {
		if disk.Starts() != 0 || a.starting.told != 0 {
			return objection("a blank disk counts %d starts, and %d were told before", disk.Starts(), a.starting.told)
		}
		a.starting.tries = 0
	} else if err := a.starting.is(disk.Starts()); err != nil {
		return err
	}
	if err := a.recovered(found); err != nil {
		return err
	}
	return a.tidy()
}

// match finds how many atoms are on the disk, at least sure, and of how many
// the records went with their segments.
func (a *acceptorOwner) match(found node.Found, sure int) (n, gone int, err error) {
	why := error(nil)
	for n := len(a.atoms); n >= sure; n-- {
		if !reflect.DeepEqual(found.Identity, a.identityAfter(n)) {
			continue
		}
		gone, err := a.missing(found.Records, n)
		if err == nil {
			return n, gone, nil
		}
		why = err
	}
	if why == nil {
		why = objection("the identity is %+v", found.Identity)
	}
	return 0, 0, objection("%d of %d things asked for were acknowledged, and the disk holds neither these nor the next: %v", sure, len(a.atoms), why)
}

func (a *acceptorOwner) identityAfter(n int) paxos.Identity {
	for i := n - 1; i >= 0; i-- {
		if id := a.atoms[i].identity; id != nil {
			return *id
		}
	}
	return paxos.Identity{}
}

// missing says of how many of the first n atoms the records are missing at the
// beginning of a list that ends as they do: what a truncation allows.
func (a *acceptorOwner) missing(have []paxos.Record, n int) (gone int, err error) {
	left := len(have)
	gone = n
	for gone > 0 && left > 0 {
		at := a.atoms[gone-1].records
		if len(at) > left {
			return 0, objection("of the records of one batch, the %d last are there and %d are not", left, len(at)-left)
		}
		for i, rec := range at {
			if other := have[left-len(at)+i]; !sameRecord(rec, other) {
				return 0, lazy(func() string { return fmt.Sprintf("where %+v was kept, there is %+v", rec, other) })
			}
		}
		left -= len(at)
		gone--
	}
	if left > 0 {
		return 0, objection("%d records that nobody kept", left)
	}
	if gone < min(a.gone, n) {
		return 0, objection("records are there again that were found truncated")
	}
	return gone, a.mayMiss(gone, n)
}

// lazy is an objection that mostly nobody reads: it only says that a disk does
// not hold one more atom.
type lazy func() string

func (l lazy) Error() string { return l() }

func (a *acceptorOwner) mayMiss(gone, n int) error {
	floor, at := paxos.Slot(0), 0
	for i, atom := range a.atoms[:n] {
		for _, rec := range atom.records {
			if f, ok := rec.(paxos.FloorRecord); ok {
				floor, at = f.Floor, i
			}
		}
	}
	for i, atom := range a.atoms[:gone] {
		if i < a.gone || atom.identity != nil {
			continue
		}
		if i >= at {
			return objection("the records of thing %d are missing, and the last floor is thing %d", i, at)
		}
		for _, rec := range atom.records {
			if acc, ok := rec.(paxos.AcceptedRecord); ok && slices.ContainsFunc(acc.Proposals, func(p paxos.Proposal) bool { return p.Slot >= floor }) {
				return objection("votes at or above floor %d are missing: %+v", floor, acc)
			}
		}
	}
	return nil
}

func sameRecord(x, y paxos.Record) bool {
	a, ok1 := x.(paxos.AcceptedRecord)
	b, ok2 := y.(paxos.AcceptedRecord)
	if !ok1 || !ok2 {
		return ok1 == ok2 && x == y
	}
	return a.Ballot == b.Ballot && a.Chosen == b.Chosen && slices.EqualFunc(a.Proposals, b.Proposals, func(p, q paxos.Proposal) bool {
		return p.Slot == q.Slot && sameValue(p.Value, q.Value)
	})
}

func sameValue(a, b paxos.Value) bool {
	return a.Time == b.Time && slices.EqualFunc(a.Commands, b.Commands, func(c, d paxos.Command) bool {
		return c.Session == d.Session && c.Sequence == d.Sequence && c.Confirmed == d.Confirmed && c.Admitted == d.Admitted &&
			c.Client == d.Client && c.Key == d.Key && bytes.Equal(c.Body, d.Body)
	})
}

// recovered asks the acceptor itself what it remembers.
func (a *acceptorOwner) recovered(found node.Found) error {
	config := acceptor.Config{Node: "a1", Configuration: configuration, Starts: paxos.Number(a.starting.told), Run: 3, PageBytes: 1 << 20}
	role := acceptor.Recover(config, found.Identity, found.Records)
	want, have := a.after(len(a.atoms)), role.Status()
	if role.Silenced() {
		return objection("the acceptor does not vote: %s", role.Why())
	}
	if have.Promise != want.promise || have.Floor != want.floor || have.Accepted != len(want.votes) || have.Standing != want.identity.Standing {
		return objection("the acceptor remembers promise %v, floor %d, %d votes as %v; it should %v, %d, %d as %v", have.Promise, have.Floor, have.Accepted,
			have.Standing, want.promise, want.floor, len(want.votes), want.identity.Standing)
	}
	if have.Life.Position != paxos.Number(want.given) {
		return objection("the acceptor stands at record %d, and its journal was given %d", have.Life.Position, want.given)
	}
	if want.identity.Standing != paxos.Member {
		return nil
	}
	told := role.Step(paxos.Header{Node: "l1", Cluster: a.cluster, Config: configuration.Stamp()}.Envelope("a1", paxos.CatchUp{First: 1}))
	voted, ok := told.Send[0].Message.(paxos.Voted)
	if !ok || voted.More || len(voted.Votes) != len(want.votes) {
		return objection("asked for its votes, the acceptor says %+v", told.Send[0].Message)
	}
	for _, v := range voted.Votes {
		if w, ok := want.votes[v.Slot]; !ok || w.ballot != v.Ballot || !sameValue(w.value, *v.Value) {
			return objection("the acceptor remembers a vote that is not the one it gave: slot %d, ballot %v", v.Slot, v.Ballot)
		}
	}
	return nil
}

// tidy demands that what was dropped stays dropped, and that nothing of a crash
// is left lying about.
func (a *acceptorOwner) tidy() error {
	segments := named(a.mem, ".wal")
	if len(segments) > 0 && segments[0] < a.oldest {
		return objection("segment %s is there again, and the journal had dropped all before %s", segments[0], a.oldest)
	}
	if slices.ContainsFunc(a.atoms[:a.gone], func(at atom) bool { return len(at.records) > 0 }) && segments[0] == "0000000000000001.wal" {
		return objection("records are gone, and the segment they were in is still there")
	}
	if temps := named(a.mem, ".tmp"); len(temps) > 0 && a.sure > 0 {
		return objection("%v is left of a crash", temps)
	}
	return nil
}

// following is the name of the next segment. Where the last batch of a segment
// had one sector, and that is gone, nothing is wrong but that the next segment
// begins with a batch that is not the next.
func following(name string) string {
	n, err := strconv.ParseUint(strings.TrimSuffix(path.Base(name), ".wal"), 16, 64)
	if err != nil {
		return path.Base(name)
	}
	return fmt.Sprintf("%016x.wal", n+1)
}

// harmed allows a disk to be as before or not to vote and to name a file. Where
// a sector of the last batch is as if it had never been written, the disk looks
// exactly as after a loss of power: then that batch may be missing.
func (a *acceptorOwner) harmed(mem *memfs.Disk, h harm) (verdict, error) {
	disk, found, err := node.OpenDisk(mem, dir, "a1", a.options())
	why := found.Mute
	if err != nil {
		why = err.Error()
	} else {
		defer func() { _ = disk.Close() }()
	}
	if why != "" {
		if !h.missing && !slices.ContainsFunc(h.files, func(f string) bool { return strings.Contains(why, path.Base(f)) || strings.Contains(why, following(f)) }) {
			return "", objection("%v was harmed, and the reason given is: %s", h.files, why)
		}
		if len(found.Records) > 0 {
			return "", objection("a disk that may not vote gives %d records", len(found.Records))
		}
		return refusedDisk, nil
	}
	sure := len(a.atoms)
	if h.unwritten {
		sure--
	}
	n, _, err := a.match(found, sure)
	if err != nil {
		return "", err
	}
	if disk.Starts() != a.starting.told+1 {
		return "", objection("the start counts as %d, after %d", disk.Starts(), a.starting.told)
	}
	verdict := asBefore
	if n < len(a.atoms) {
		verdict = asTorn
	}
	a.atoms, a.sure = a.atoms[:n:n], n
	return verdict, a.recovered(found)
}
