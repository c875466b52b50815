package node_test

import (
	"bytes"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"paxos/acceptor"
	"paxos/internal/node"
	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

// A walk over everything that can be wrong with the data directory of one small
// acceptor, which is judged by what it answers: it promises and has accepted
// what it did before, or says less only where the last batch was never
// acknowledged, or does not vote.

// says is what an acceptor answers to those who ask.
type says struct {
	mute     bool
	promise  paxos.Ballot
	entries  []paxos.Entry
	highest  paxos.Slot
	floor    paxos.Slot
	standing paxos.Standing
}

// restart makes an acceptor of a data directory, as a node does at its start.
func restart(t testing.TB, disk *memfs.Disk) (*acceptor.Acceptor, *node.Disk) {
	t.Helper()
	d, found := open(t, disk)
	cfg := memberConfig
	cfg.Mute = found.Mute
	a := acceptor.New(cfg, found.Identity)
	for _, rec := range found.Records {
		if err := a.Restore(rec); err != nil {
			t.Fatalf("a sound journal contradicts itself: %v", err)
		}
	}
	return a, d
}

// ask is a message of a proposer above all others.
func ask(t testing.TB, a *acceptor.Acceptor, m paxos.Message) paxos.Message {
	t.Helper()
	out := a.Step(member.Envelope("a1", m))
	if len(out.Send) != 1 {
		t.Fatalf("%T gets %d answers", m, len(out.Send))
	}
	return out.Send[0].Message
}

var topBallot = paxos.Ballot{Number: 1 << 30, Proposer: "p9", Start: 9}

func interrogate(t testing.TB, a *acceptor.Acceptor) (s says) {
	t.Helper()
	survey := ask(t, a, paxos.Survey{}).(paxos.Surveyed)
	s.standing, s.floor = survey.Standing, survey.Floor
	if h, ok := ask(t, a, paxos.Highest{}).(paxos.HighestIs); ok {
		s.highest = h.Slot
	}
	switch m := ask(t, a, paxos.Prepare{Ballot: topBallot, First: 1}).(type) {
	case paxos.Promise:
		s.promise, s.entries = survey.Promise, m.Entries
	case paxos.Nack:
		s = says{mute: m.Reason == paxos.NotMember, standing: survey.Standing}
		if survey.Why == "" || s.highest != 0 {
			t.Fatalf("an acceptor that does not vote says %+v", survey)
		}
	}
	return s
}

// walked is the directory of an acceptor that has lived for a while.
type walked struct {
	files     map[string][]byte
	full      says // what it says
	before    says // what it said before its last batch
	name      string
	from, end int // the sectors of the last batch, in the file of that name
}

// newWalked lets a real acceptor, loop and disk make the directory.
func newWalked(t *testing.T) (w walked) {
	t.Helper()
	disk := newDisk(t)
	a, d := restart(t, disk)
	l := node.New(node.Options{Role: a, Store: d, Network: &world{}, Tick: 1, Now: time.Now})
	turn := func(messages ...paxos.Message) {
		var batch []node.Item
		for _, m := range messages {
			h := member
			h.Cluster = a.Header().Cluster
			batch = append(batch, node.Item{Envelope: h.Envelope("a1", m)})
		}
		must(t, l.Turn(batch, 1))
	}
	value := func(slot, size int) paxos.Accept {
		return paxos.Accept(accepted(slot, strings.Repeat("v", size)).(paxos.AcceptedRecord))
	}
	turn(paxos.Init{})
	turn(paxos.Prepare{Ballot: paxos.Ballot{Number: 1, Proposer: "p1", Start: 1}, First: 1})
	turn(value(1, 10), value(2, 700))
	turn(value(3, 1200))
	turn(paxos.Prepare{Ballot: paxos.Ballot{Number: 4, Proposer: "p1", Start: 1}, First: 1}, value(4, 400))
	turn(value(5, 40))
	w.before, _ = snapshot(t, disk)
	old := image(t, disk)
	turn(value(6, 300), value(7, 900), paxos.Prepare{Ballot: paxos.Ballot{Number: 8, Proposer: "p1", Start: 1}, First: 1})
	must(t, d.Close())
	w.full, w.files = snapshot(t, disk)
	w.locate(t, old)
	if w.full.promise.Number != 8 || len(w.full.entries) != 7 || w.before.promise.Number != 5 || len(w.before.entries) != 5 {
		t.Fatalf("the acceptor is not the one that the walk is about: %+v, before %+v", w.full, w.before)
	}
	return w
}

// snapshot asks a copy of the acceptor, so that the disk stays as it is.
func snapshot(t testing.TB, disk *memfs.Disk) (says, map[string][]byte) {
	t.Helper()
	a, _ := restart(t, disk.Clone())
	return interrogate(t, a), image(t, disk)
}

// locate finds the last batch: the sectors in which the files differ.
func (w *walked) locate(t *testing.T, old map[string][]byte) {
	t.Helper()
	for name, content := range w.files {
		if bytes.Equal(old[name], content) || old[name] == nil {
			continue
		}
		w.name, w.from = name, -1
		for n := range len(content) / wal.SectorBytes {
			if !bytes.Equal(sector(content, n), sector(old[name], n)) {
				if w.from < 0 {
					w.from = n
				}
				w.end = n + 1
			}
		}
	}
	if len(w.files) != 4 || w.end-w.from != 3 {
		t.Fatalf("%d files, and the last batch is in sectors %d to %d of %s", len(w.files), w.from, w.end, w.name)
	}
}

func sector(content []byte, n int) []byte { return content[n*wal.SectorBytes:][:wal.SectorBytes] }

// disk gives a disk that holds the directory.
func (w *walked) disk(t *testing.T) *memfs.Disk {
	t.Helper()
	disk := newDisk(t)
	for name, content := range w.files {
		must(t, disk.Put(name, content))
	}
	return disk
}

// outcome starts an acceptor from the directory with one file changed, and
// leaves the directory on the disk as it was.
func (w *walked) outcome(t *testing.T, disk *memfs.Disk, name string, content []byte) says {
	t.Helper()
	must(t, disk.Put(name, content))
	a, d := restart(t, disk)
	s := interrogate(t, a)
	must(t, d.Close())
	for n, c := range w.files {
		// A start is counted in the identity; who does not vote changes no more.
		if n == name || n == dir+"/identity" || !s.mute {
			must(t, disk.Put(n, c))
		}
	}
	return s
}

// sound fails the test unless the acceptor is the same as before, or mute.
func (w *walked) sound(t *testing.T, got says, what string, args ...any) (mute bool) {
	t.Helper()
	if !got.mute && !reflect.DeepEqual(got, w.full) {
		t.Fatalf("%s: it votes, and says %+v", fmt.Sprintf(what, args...), got)
	}
	return got.mute
}

func TestWalkTheUntouchedDirectoryGivesTheSameAcceptor(t *testing.T) {
	w := newWalked(t)
	if got := w.outcome(t, w.disk(t), w.name, w.files[w.name]); w.sound(t, got, "untouched") {
		t.Fatal("it does not vote")
	}
}

func TestWalkAnyFlippedByte(t *testing.T) {
	t.Parallel()
	w := newWalked(t)
	disk, mute, same := w.disk(t), 0, 0
	for name, content := range w.files {
		for at := 0; at < len(content); at += stride {
			masks := []byte{0x01, 0x80, 0xff, content[at]}
			if content[at] == 0 {
				masks = masks[at%3:][:1] // most of the files; one will do
			}
			for _, mask := range masks {
				flipped := bytes.Clone(content)
				flipped[at] ^= mask
				if w.sound(t, w.outcome(t, disk, name, flipped), "byte %d of %s xor %#x", at, path.Base(name), mask) {
					mute++
				} else {
					same++
				}
			}
		}
	}
	t.Logf("%d flips: %d times mute, %d times the same acceptor", mute+same, mute, same)
}

func TestWalkAnyCut(t *testing.T) {
	t.Parallel()
	w := newWalked(t)
	disk := w.disk(t)
	for name, content := range w.files {
		for n := 0; n < len(content); n += stride {
			if !w.sound(t, w.outcome(t, disk, name, content[:n:n]), "%s cut at byte %d", path.Base(name), n) {
				t.Fatalf("%s cut at byte %d goes unnoticed", path.Base(name), n)
			}
		}
		grown := append(bytes.Clone(content), 0)
		w.sound(t, w.outcome(t, disk, name, grown), "%s grown by a byte", path.Base(name))
	}
}

func TestWalkAnySectorsOfTheLastBatchUnwritten(t *testing.T) {
	t.Parallel()
	w := newWalked(t)
	disk := w.disk(t)
	for lost := 1; lost < 1<<(w.end-w.from); lost++ {
		torn := bytes.Clone(w.files[w.name])
		for i := range w.end - w.from {
			if lost>>i&1 == 1 {
				clear(sector(torn, w.from+i))
			}
		}
		if got := w.outcome(t, disk, w.name, torn); !reflect.DeepEqual(got, w.before) {
			t.Fatalf("sectors %03b unwritten: it says %+v", lost, got)
		}
		// And a flipped byte in what is left of the batch.
		for at := w.from * wal.SectorBytes; at < w.end*wal.SectorBytes; at += stride {
			flipped := bytes.Clone(torn)
			flipped[at] ^= 0xff
			if got := w.outcome(t, disk, w.name, flipped); !got.mute && !reflect.DeepEqual(got, w.before) {
				t.Fatalf("sectors %03b unwritten and byte %d flipped: it says %+v", lost, at, got)
			}
		}
	}
}

func TestWalkAnySectorElsewhereUnwritten(t *testing.T) {
	w := newWalked(t)
	disk := w.disk(t)
	for name, content := range w.files {
		if !strings.HasSuffix(name, ".wal") {
			continue
		}
		for n := range len(content) / wal.SectorBytes {
			gone := bytes.Clone(content)
			clear(sector(gone, n))
			if bytes.Equal(gone, content) || name == w.name && n >= w.from && n < w.end {
				continue
			}
			if !w.sound(t, w.outcome(t, disk, name, gone), "sector %d of %s unwritten", n, path.Base(name)) {
				t.Fatalf("sector %d of %s is gone, and nobody noticed", n, path.Base(name))
			}
		}
	}
}

func TestWalkATruncatedAcceptorGoesOn(t *testing.T) {
	w := newWalked(t)
	torn := bytes.Clone(w.files[w.name])
	clear(sector(torn, w.end-1))
	disk := newDisk(t)
	for n, c := range w.files {
		must(t, disk.Put(n, c))
	}
	must(t, disk.Put(w.name, torn))
	a, d := restart(t, disk)
	out := a.Step(member.Envelope("a1", paxos.Accept(accepted(9, "again").(paxos.AcceptedRecord))))
	must(t, d.Keep(out.Persist))
	must(t, d.Close())
	got, _ := snapshot(t, disk)
	if got.promise.Number != 9 || !slices.ContainsFunc(got.entries, func(e paxos.Entry) bool { return e.Slot == 9 }) || len(got.entries) != 6 {
		t.Fatalf("after a torn batch and a new one it says %+v", got)
	}
}
