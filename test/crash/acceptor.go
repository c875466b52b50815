package crash

import (
	"fmt"
	"math/rand/v2"

	"paxos/internal/node"
	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

// acceptorOwner is an acceptor. What it asked for is a list of atoms, each of
// which is on the disk wholly or not at all, and none without all before it.
type acceptorOwner struct {
	cluster  paxos.ClusterID
	store    paxos.StoreID
	segment  int64
	atoms    []atom
	sure     int // so many of them were acknowledged
	gone     int // the records of so many are known to be gone with their segments
	oldest   string
	starting starting
	under    string

	fs   wal.FS
	mem  *memfs.Disk
	disk *node.Disk
}

// atom is an identity, or the records of one Keep.
type atom struct {
	identity *paxos.Identity
	records  []paxos.Record
}

func (a *acceptorOwner) fork() owner {
	out := *a
	out.atoms = a.atoms[:len(a.atoms):len(a.atoms)]
	out.fs, out.mem, out.disk = nil, nil, nil
	return &out
}

func (a *acceptorOwner) doing() string { return a.under }

func (a *acceptorOwner) close() error {
	if err := a.disk.Close(); err != nil {
		return objection("close: %v", err)
	}
	return nil
}

// options makes segments small, and the same operations every time.
func (a *acceptorOwner) options() wal.Options {
	return wal.Options{SegmentBytes: a.segment, Inline: true}
}

func (a *acceptorOwner) open(fs wal.FS, mem *memfs.Disk) error {
	a.fs, a.mem, a.under = fs, mem, "start"
	a.starting.tries++
	disk, found, err := node.OpenDisk(fs, dir, "a1", a.options())
	if err != nil {
		return objection("open: %v", err)
	}
	a.disk = disk
	return a.judge(disk, found)
}

func (a *acceptorOwner) do(s step) error {
	if s.what == "restart" {
		if err := a.close(); err != nil {
			return err
		}
		return a.open(a.fs, a.mem)
	}
	// A disk that the power left half initialised is initialised first.
	if standing := a.identityAfter(len(a.atoms)).Standing; standing != paxos.Member && s.what != "form" && s.what != "join" {
		first := "join"
		if standing == paxos.Blank {
			first = "form"
		}
		if err := a.do(step{what: first}); err != nil {
			return err
		}
		return a.do(s)
	}
	records := a.records(s)
	a.under = underway(records)
	for _, rec := range records {
		if id, ok := rec.(paxos.IdentityRecord); ok {
			a.atoms = append(a.atoms, atom{identity: &id.Identity})
		}
	}
	if a.starting.told == 0 {
		a.starting.tries++ // With its first identity the disk begins to count.
	}
	if journal := withoutIdentities(records); len(journal) > 0 {
		a.atoms = append(a.atoms, atom{records: journal})
	}
	if err := a.disk.Keep(records); err != nil {
		return objection("keep: %v", err)
	}
	a.sure = len(a.atoms)
	if a.starting.told == 0 {
		if err := a.starting.is(a.disk.Starts()); err != nil {
			return err
		}
	}
	if segments := named(a.mem, ".wal"); len(segments) > 0 {
		a.oldest = segments[0]
	}
	return nil
}

func withoutIdentities(records []paxos.Record) (out []paxos.Record) {
	for _, rec := range records {
		if _, ok := rec.(paxos.IdentityRecord); !ok {
			out = append(out, rec)
		}
	}
	return out
}

func underway(records []paxos.Record) string {
	what := "journal"
	for _, rec := range records {
		switch rec.(type) {
		case paxos.IdentityRecord:
			return "identity"
		case paxos.FloorRecord:
			what = "truncation"
		}
	}
	return what
}

// records are what a step keeps. They are what an acceptor may write at this
// point: promises rise, nothing is accepted below the promise or the floor.
func (a *acceptorOwner) records(s step) []paxos.Record {
	now := a.after(len(a.atoms))
	ballot := now.promise
	if ballot.IsZero() || s.what == "promise" || s.what == "batch" || s.what == "again" {
		ballot = paxos.Ballot{Number: ballot.Number + 1, Proposer: paxos.NodeID(fmt.Sprint("p", 1+ballot.Number%3)), Start: 9}
	}
	slot := max(now.highest+1, now.floor)
	accept := func(sizes ...int) paxos.Record {
		rec := paxos.AcceptedRecord{Ballot: ballot}
		for _, size := range sizes {
			rec.Proposals = append(rec.Proposals, paxos.Proposal{Slot: slot, Value: valueOf(slot, size)})
			slot++
		}
		return rec
	}
	switch id := (paxos.Identity{Cluster: a.cluster, Node: "a1", Store: a.store, Config: configuration}); s.what {
	case "form":
		id.Standing = paxos.Forming
		return []paxos.Record{paxos.IdentityRecord{Identity: id}}
	case "join":
		id.Standing = paxos.Member
		id.Stores = []paxos.StoreOf{{Acceptor: "a1", Store: a.store}, {Acceptor: "a2", Store: 1 << 62}, {Acceptor: "a3", Store: 1 << 61}}
		return []paxos.Record{paxos.IdentityRecord{Identity: id}}
	case "accept":
		return []paxos.Record{accept(s.sizes...)}
	case "again":
		slot = max(now.highest, now.floor)
		return []paxos.Record{accept(s.sizes...)}
	case "batch":
		list := []paxos.Record{paxos.PromisedRecord{Ballot: ballot}}
		for _, size := range s.sizes {
			list = append(list, accept(size))
		}
		return list
	case "floor":
		list := []paxos.Record{}
		if len(s.sizes) > 0 {
			list = append(list, accept(s.sizes...))
		}
		floor := slot - min(paxos.Slot(s.n), slot-1)
		if floor <= now.floor {
			return append(list, accept(30))
		}
		return append(list, paxos.FloorRecord{Floor: floor, Time: paxos.LogTime(floor), Promise: ballot,
			Position: paxos.Number(now.given + len(list) + 1)})
	}
	return []paxos.Record{paxos.PromisedRecord{Ballot: ballot}}
}

func valueOf(slot paxos.Slot, size int) paxos.Value {
	return paxos.Value{Time: paxos.LogTime(slot), Commands: []paxos.Command{
		{Session: 5, Sequence: paxos.Sequence(slot), Admitted: slot, Client: "c1", Body: filler(uint64(slot), size)}}}
}

// acceptorLife draws a life. That of seed 0 has in it: the initialisation with a start
// in the middle, batches of one and of several records and sectors, values beyond a
// sector and beyond a segment, rolls with a link and without, truncations that
// drop no segment, one and several, also together with votes, and starts.
func acceptorLife(seed uint64, dice *rand.Rand) life {
	a := &acceptorOwner{cluster: clusterOf(seed), store: paxos.StoreID(seed<<8 | 1), segment: 4096}
	after := []step{{what: "batch", sizes: []int{40, 700}}, {what: "accept", sizes: []int{900}}}
	if seed == 0 {
		return life{a, []step{
			{what: "form"}, {what: "restart"}, {what: "join"}, {what: "promise"}, {what: "accept", sizes: []int{50}},
			{what: "accept", sizes: []int{30, 30, 30}}, {what: "batch", sizes: []int{700, 20}}, {what: "restart"},
			{what: "accept", sizes: []int{1300}}, {what: "floor", n: 1}, {what: "accept", sizes: []int{900, 900}}, {what: "again", sizes: []int{450}},
			{what: "floor", n: 1}, {what: "restart"}, {what: "promise"}, {what: "accept", sizes: []int{2600}},
			{what: "accept", sizes: []int{1400}}, {what: "accept", sizes: []int{6000}}, {what: "batch", sizes: []int{1000, 1000}},
			{what: "floor", sizes: []int{800}, n: 2}, {what: "restart"}, {what: "accept", sizes: []int{60}}, {what: "promise"},
		}, after}
	}
	a.segment = []int64{2048, 2560, 4096}[dice.IntN(3)]
	steps := []step{{what: "form"}, {what: "join"}}
	if dice.IntN(2) == 0 {
		steps = []step{{what: "form"}, {what: "restart"}, {what: "join"}}
	}
	for range 8 + dice.IntN(10) {
		s := step{what: []string{"promise", "accept", "accept", "accept", "batch", "batch", "again", "floor", "floor", "restart"}[dice.IntN(10)]}
		for range 1 + dice.IntN(3) {
			s.sizes = append(s.sizes, dice.IntN(1+dice.IntN(3600)))
		}
		if s.n = dice.IntN(5); s.what == "floor" && dice.IntN(2) == 0 || s.what == "promise" {
			s.sizes = nil
		}
		steps = append(steps, s)
	}
	return life{a, append(steps, step{what: "accept", sizes: []int{dice.IntN(1500)}}), after}
}
