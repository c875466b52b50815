package node_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"paxos/acceptor"
	"paxos/internal/node"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

// memory is what an acceptor must remember.
type memory struct {
	promise  paxos.Ballot
	floor    paxos.Slot
	accepted map[paxos.Slot]string // ballot and size, of slots from floor on
	position paxos.Number          // how many records it was ever given
}

func (m memory) clone() memory {
	m.accepted = maps.Clone(m.accepted)
	return m
}

// after is the memory when these records are on disk as well.
func (m memory) after(records []paxos.Record) memory {
	m = m.clone()
	raise := func(b paxos.Ballot) {
		if m.promise.Less(b) {
			m.promise = b
		}
	}
	for _, r := range records {
		m.position++
		switch r := r.(type) {
		case paxos.PromisedRecord:
			raise(r.Ballot)
		case paxos.AcceptedRecord:
			raise(r.Ballot)
			for _, p := range r.Proposals {
				m.accepted[p.Slot] = fmt.Sprint(r.Ballot, p.Value.Size())
			}
		case paxos.FloorRecord:
			raise(r.Promise)
			m.floor = r.Floor
		}
		for slot := range m.accepted {
			if slot < m.floor {
				delete(m.accepted, slot)
			}
		}
	}
	return m
}

func emptyMemory() memory { return memory{floor: 1, accepted: map[paxos.Slot]string{}} }

// history makes batches of records as an acceptor would, at random: promises,
// accepted values (old slots again under higher ballots too), and floors.
func history(dice *rand.Rand, batches int) (list [][]paxos.Record) {
	ballot, floor, next, position := 1, paxos.Slot(1), paxos.Slot(1), paxos.Number(0)
	for range batches {
		var batch []paxos.Record
		for range 1 + dice.IntN(3) {
			b := paxos.Ballot{Number: paxos.Number(ballot), Proposer: "p1", Start: 1}
			position++
			switch n := dice.IntN(10); {
			case n < 2:
				ballot++
				batch = append(batch, promised(ballot))
			case n < 3 && next > floor+1:
				floor += 1 + paxos.Slot(dice.IntN(int(next-floor)))
				batch = append(batch, paxos.FloorRecord{Floor: floor, Time: 1, Promise: b, Position: position})
			default:
				slot := next
				if dice.IntN(4) == 0 && next > floor {
					slot = floor + paxos.Slot(dice.IntN(int(next-floor)))
					ballot++
					b.Number++
				} else {
					next++
				}
				body := make([]byte, dice.IntN(900))
				batch = append(batch, paxos.AcceptedRecord{Ballot: b, Chosen: floor, Proposals: []paxos.Proposal{
					{Slot: slot, Value: paxos.Value{Time: 1, Commands: []paxos.Command{{Session: 1, Sequence: 1, Body: body}}}}}})
			}
		}
		list = append(list, batch)
	}
	return list
}

// recall opens the disk and folds what it gives; an acceptor must take it too.
func recall(t *testing.T, disk *memfs.Disk, what string) (*node.Disk, memory) {
	t.Helper()
	d, found, err := node.OpenDisk(disk, dir, "a1", small)
	if err != nil || found.Mute != "" {
		t.Fatalf("%s: %v, mute: %s", what, err, found.Mute)
	}
	a := acceptor.New(memberConfig, found.Identity)
	for _, r := range found.Records {
		if err := a.Restore(r); err != nil {
			t.Fatalf("%s: the acceptor does not take its disk: %v", what, err)
		}
	}
	got := emptyMemory().after(found.Records)
	for _, e := range a.Step(member.Envelope("a1", paxos.Survey{})).Send {
		s := e.Message.(paxos.Surveyed)
		if s.Promise != got.promise || s.Floor != got.floor {
			t.Fatalf("%s: the acceptor remembers promise %v and floor %d, its disk %v and %d", what, s.Promise, s.Floor, got.promise, got.floor)
		}
		// Truncated records count too, and are not on the disk any more.
		got.position = s.Life.Position
		if s.Life.Began != s.Life.Position {
			t.Fatalf("%s: it began with %d records and wrote none, and has %d", what, s.Life.Began, s.Life.Position)
		}
	}
	return d, got
}

func memberDisk(t *testing.T) *memfs.Disk {
	t.Helper()
	disk := newDisk(t)
	d, _ := open(t, disk)
	must(t, d.Keep([]paxos.Record{paxos.IdentityRecord{Identity: formingOne}, paxos.IdentityRecord{Identity: memberIdentity}}))
	must(t, d.Close())
	return disk
}

func segments(disk *memfs.Disk) (n int) {
	for _, f := range disk.Files() {
		if strings.HasSuffix(f, ".wal") {
			n++
		}
	}
	return n
}

func TestNothingIsForgottenThatIsNotBelowTheFloor(t *testing.T) {
	dropped := 0
	for seed := range uint64(40) {
		dice := rand.New(rand.NewPCG(seed, 3))
		disk, want := memberDisk(t), emptyMemory()
		d, _ := recall(t, disk, "new")
		for n, batch := range history(dice, 60) {
			must(t, d.Keep(batch))
			want = want.after(batch)
			if dice.IntN(5) > 0 {
				continue
			}
			// A crash or a plain restart between two batches.
			if dice.IntN(2) == 0 {
				disk.Crash(dice.IntN)
			} else {
				must(t, d.Close())
			}
			what := fmt.Sprintf("seed %d, batch %d", seed, n)
			var got memory
			if d, got = recall(t, disk, what); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s: the disk remembers\n%+v, not\n%+v", what, got, want)
			}
		}
		if oldest := "/data/0000000000000001.wal"; !strings.Contains(strings.Join(disk.Files(), " "), oldest) {
			dropped++
		}
		must(t, d.Close())
	}
	if dropped < 30 {
		t.Fatalf("only %d of 40 disks dropped a segment", dropped)
	}
}

func TestACrashAtAnyOperationOfATruncationForgetsNothing(t *testing.T) {
	batches := history(rand.New(rand.NewPCG(11, 3)), 25)
	states := []memory{emptyMemory()}
	for _, b := range batches {
		states = append(states, states[len(states)-1].after(b))
	}
	crashes := 0
	for name, pick := range pickers() {
		for n := 1; ; n++ {
			disk := memberDisk(t)
			d, _ := recall(t, disk, "new")
			cut(disk, n)
			done := 0
			for done < len(batches) && d.Keep(batches[done]) == nil {
				done++
			}
			if done == len(batches) {
				break
			}
			disk.Crash(pick)
			crashes++
			what := fmt.Sprintf("crash before operation %d, %s survives", n, name)
			_, got := recall(t, disk, what)
			if !reflect.DeepEqual(got, states[done]) && !reflect.DeepEqual(got, states[done+1]) {
				t.Fatalf("%s: after %d batches the disk remembers\n%+v, not\n%+v", what, done, got, states[done])
			}
			disk.Crash(memfs.Lose)
			if _, again := recall(t, disk, what+", then another"); !reflect.DeepEqual(got, again) {
				t.Fatalf("%s: what was read after it did not last", what)
			}
		}
	}
	if crashes < 150 {
		t.Fatalf("only %d crashes", crashes)
	}
}

func TestTheDiskStaysBoundedOverALongLife(t *testing.T) {
	disk := memberDisk(t)
	d, _ := recall(t, disk, "new")
	most := 0
	for n := range 3000 {
		batch := []paxos.Record{accepted(n+1, string(make([]byte, 300)))}
		if n%50 == 49 {
			// Everything but the last twenty slots is in snapshots.
			b := paxos.Ballot{Number: paxos.Number(n + 1), Proposer: "p1", Start: 1}
			batch = append(batch, paxos.FloorRecord{Floor: paxos.Slot(n - 20), Time: 1, Promise: b, Position: paxos.Number(n + 1 + n/50 + 1)})
		}
		must(t, d.Keep(batch))
		most = max(most, segments(disk))
		if n%400 == 399 {
			must(t, d.Close())
			d, _ = recall(t, disk, fmt.Sprint("restart after ", n))
		}
	}
	// Seventy slots of a sector or two each, and a segment in the making.
	if s := d.Stats(); most > 20 || s.DiskBytes > 20*small.SegmentBytes || int(s.Segments) != segments(disk) {
		t.Fatalf("up to %d segments; at the end %+v", most, s)
	}
	must(t, d.Close())
}

func TestASegmentWithASlotAboveTheFloorStays(t *testing.T) {
	disk := memberDisk(t)
	d, _ := recall(t, disk, "new")
	for n := range 30 {
		must(t, d.Keep([]paxos.Record{accepted(n+1, string(make([]byte, 1000)))}))
	}
	before := segments(disk)
	position := paxos.Number(30)
	floor := func(n int) {
		position++
		b := paxos.Ballot{Number: 30, Proposer: "p1", Start: 1}
		must(t, d.Keep([]paxos.Record{paxos.FloorRecord{Floor: paxos.Slot(n), Time: 1, Promise: b, Position: position}}))
	}
	floor(2)
	if segments(disk) < before {
		t.Fatalf("%d segments became %d for one slot", before, segments(disk))
	}
	floor(10)
	some := segments(disk)
	floor(31)
	if all := segments(disk); some >= before || all > 3 {
		t.Fatalf("%d segments became %d, then %d", before, some, all)
	}
	must(t, d.Close())
	if _, got := recall(t, disk, "at the end"); got.promise.Number != 30 || got.floor != 31 || len(got.accepted) != 0 {
		t.Fatalf("%+v", got)
	}
}
