package audit

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"paxos/paxos"
)

// machine is a learner's machine that gives the outcomes that everybody gives.
type machine struct {
	applied paxos.Slot
	fails   error
}

func (m *machine) Apply(e paxos.Entry) ([]paxos.Outcome, error) {
	if m.fails != nil {
		return nil, m.fails
	}
	m.applied = e.Slot + 1
	return outcomes(e.Slot, e.Value), nil
}
func (m *machine) Applied() paxos.Slot         { return m.applied }
func (m *machine) Time() paxos.LogTime         { return 0 }
func (m *machine) SnapshotDue() bool           { return false }
func (m *machine) Freeze() paxos.State         { return nil }
func (m *machine) Restore(s paxos.State) error { m.applied = 3; return m.fails }

// recorder writes the traces of a small cluster.
type recorder struct {
	*stage
	dir     string
	writers map[paxos.NodeID]*Writer
	clock   time.Time
}

func records(t *testing.T) *recorder {
	r := &recorder{stage: &stage{t: t, stamp: configuration().Stamp()}, dir: t.TempDir(), writers: map[paxos.NodeID]*Writer{}, clock: time.Unix(1000, 5)}
	for _, id := range configuration().Acceptors {
		r.begin(id, 1)
		r.check(r.writers[id].Found(paxos.Identity{}, nil, ""))
		r.tells(id, []paxos.Record{paxos.IdentityRecord{Identity: memberOf(id)}})
	}
	return r
}

func (r *recorder) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *recorder) begin(id paxos.NodeID, process uint64) {
	r.t.Helper()
	r.clock = r.clock.Add(time.Second)
	w, err := Create(r.dir, Start{Node: id, Process: process, Configuration: configuration(), Started: r.clock})
	r.check(err)
	r.t.Cleanup(func() { r.check(w.Close()) })
	r.writers[id] = w
}

func (r *recorder) tells(id paxos.NodeID, records []paxos.Record, messages ...paxos.Message) {
	r.t.Helper()
	if r.writers[id] == nil {
		r.begin(id, 1)
	}
	r.check(r.writers[id].Turned(records, r.envelopes(id, messages)))
}

// chooses writes how slots from 1 on are chosen, in traces.
func (r *recorder) choosesSlots(n int) {
	ballot := b(1, 1)
	r.tells(proposer(1), nil, paxos.Prepare{Ballot: ballot, First: 1})
	for i := 1; i <= n; i++ {
		a := accept(ballot, 1, paxos.Slot(i), named(1, i))
		r.tells(proposer(1), nil, a, a, a)
		for _, id := range []paxos.NodeID{"acceptor1", "acceptor2"} {
			r.tells(id, []paxos.Record{paxos.AcceptedRecord(a)},
				paxos.Accepted{Ballot: ballot, Store: storeOf(id), Slots: []paxos.Slot{paxos.Slot(i)}}, learn(id, ballot, paxos.Slot(i), named(1, i)), learn(id, ballot, paxos.Slot(i), named(1, i)))
		}
	}
}

func (r *recorder) reads() *Replay {
	r.t.Helper()
	got, err := ReadDir(r.dir)
	r.check(err)
	r.stage.Judge = got.Judge
	return got
}

func TestATraceIsJudgedAsItsProcessWas(t *testing.T) {
	r := records(t)
	r.choosesSlots(3)
	r.begin("learner1", 9)
	m := r.writers["learner1"].Machine(&machine{applied: 1})
	for i := 1; i <= 3; i++ {
		if _, err := m.Apply(paxos.Entry{Slot: paxos.Slot(i), Ballot: b(1, 1), Value: named(1, i)}); err != nil {
			t.Fatal(err)
		}
	}
	r.tells("learner1", nil, paxos.Notify{Applied: 4, Outcomes: outcomes(3, named(1, 3))}, paxos.StateIs{Slot: 2, Digest: paxos.Digest{4}}, paxos.SnapshotPart{Slot: 2, Digest: paxos.Digest{4}, Bytes: make([]byte, 1000)})
	// What stays in the node, and commands on their way, are left out.
	r.tells("client1", nil, paxos.Propose{Commands: named(1, 1).Commands}, paxos.Directory{})
	r.begin("acceptor1", 2)
	r.check(r.writers["acceptor1"].Found(memberOf("acceptor1"), []paxos.Record{paxos.AcceptedRecord{Ballot: b(1, 1), Proposals: []paxos.Proposal{
		{Slot: 1, Value: named(1, 1)}, {Slot: 2, Value: named(1, 2)}, {Slot: 3, Value: named(1, 3)}}}}, ""))
	r.tells("acceptor1", nil, paxos.HighestIs{Store: storeOf("acceptor1"), Slot: 3})
	got := r.reads()
	r.wants()
	want := Counts{Processes: 7, Records: 9, Envelopes: 20, Votes: 6, Proposals: 3, Elections: 1, Ballots: 1, Chosen: 3, Commands: 3, Applied: 3, Installed: 1,
		Outcomes: 3, Placements: 1, States: 2, Found: 4}
	if got.Counts() != want || len(got.Files) != 7 || len(got.Missing()) != 0 {
		t.Errorf("counts are %+v, want %+v; %d files, missing %v", got.Counts(), want, len(got.Files), got.Missing())
	}
	if f := got.Files[0]; f.Start.Node != "acceptor1" || f.Start.Process != 1 || !f.Start.Started.Equal(time.Unix(1001, 5)) || f.Turns != 4 || f.Torn {
		t.Errorf("the first trace is %+v", f)
	}
}

func TestATraceShowsWhatAProcessDidWrong(t *testing.T) {
	for name, c := range map[string]struct {
		do       func(*recorder)
		checkers []string
	}{
		"a promise that falls after a restart": {func(r *recorder) {
			r.tells("acceptor1", []paxos.Record{paxos.PromisedRecord{Ballot: b(2, 2)}})
			r.begin("acceptor1", 2)
			r.tells("acceptor1", nil, paxos.Nack{Promise: b(1, 1), Floor: 1})
		}, []string{PromiseRegress}},
		"a disk that forgot a vote": {func(r *recorder) {
			r.begin("acceptor1", 2)
			r.check(r.writers["acceptor1"].Found(memberOf("acceptor1"), []paxos.Record{paxos.PromisedRecord{Ballot: b(1, 1)}}, ""))
		}, []string{VoteLost}},
		"an answer that was not written": {func(r *recorder) {
			r.tells("acceptor3", nil, paxos.Accepted{Ballot: b(1, 1), Store: storeOf("acceptor3"), Slots: []paxos.Slot{1}})
		}, []string{WrittenBeforeSaid}},
		"a value that was not chosen": {func(r *recorder) {
			r.begin("learner1", 9)
			_, _ = r.writers["learner1"].Machine(&machine{applied: 1}).Apply(paxos.Entry{Slot: 1, Ballot: b(1, 1), Value: named(1, 5)})
			r.tells("learner1", nil, paxos.Notify{Applied: 1})
		}, []string{AppliedChosen}},
		"a state that was not reached": {func(r *recorder) {
			r.begin("learner1", 9)
			r.check(r.writers["learner1"].Machine(&machine{applied: 1}).Restore(nil))
			r.tells("learner1", nil, paxos.Notify{Applied: 1})
		}, []string{AppliedChosen}},
	} {
		r := records(t)
		r.choosesSlots(1)
		c.do(r)
		r.reads()
		t.Log(name)
		r.wants(c.checkers...)
	}
}

func TestATurnIsOneWriteAndAMessageToManyOneMessage(t *testing.T) {
	r := records(t)
	r.choosesSlots(1)
	size := func() int64 {
		info, err := os.Stat(filepath.Join(r.dir, "proposer1-0000000000000001.trace"))
		r.check(err)
		return info.Size()
	}
	big := named(1, 2)
	big.Commands[0].Body = make([]byte, 10_000)
	before := size()
	r.tells(proposer(1), nil, accept(b(1, 1), 1, 2, big), accept(b(1, 1), 1, 2, big), accept(b(1, 1), 1, 2, big))
	if grown := size() - before; grown > 11_000 {
		t.Errorf("a message of 10,000 bytes to three takes %d", grown)
	}
}

// TestATraceThatWasCutIsReadAsFarAsItGoes cuts a trace at every byte.
func TestATraceThatWasCutIsReadAsFarAsItGoes(t *testing.T) {
	r := records(t)
	r.choosesSlots(2)
	path := filepath.Join(r.dir, "acceptor1-0000000000000001.trace")
	whole, err := os.ReadFile(path)
	r.check(err)
	turns := map[int64]bool{}
	for n := range whole {
		r.check(os.WriteFile(path, whole[:n], 0o644))
		got := r.reads()
		if len(got.Empty) == 1 {
			if len(got.Missing()) != 1 || got.Missing()[0] != "acceptor1" {
				t.Fatalf("after %d bytes the trace is empty, missing %v", n, got.Missing())
			}
			continue
		}
		turns[got.Files[0].Turns] = true
		if got.Files[0].Torn == (got.Files[0].Bytes == int64(n)) {
			t.Fatalf("after %d bytes %d are whole, torn %v", n, got.Files[0].Bytes, got.Files[0].Torn)
		}
	}
	if len(turns) != 3 {
		t.Errorf("cuts left %v turns", turns)
	}
}

// TestADamagedTraceIsRefused flips a bit of every byte of a trace, one at a time.
func TestADamagedTraceIsRefused(t *testing.T) {
	r := records(t)
	r.choosesSlots(1)
	path := filepath.Join(r.dir, "acceptor1-0000000000000001.trace")
	whole, err := os.ReadFile(path)
	r.check(err)
	for i := range whole {
		bad := append([]byte(nil), whole...)
		bad[i] ^= 1 << (i % 8)
		r.check(os.WriteFile(path, bad, 0o644))
		got, err := ReadDir(r.dir)
		// A length that became larger reaches beyond the end: it looks like a cut.
		if err == nil && len(got.Empty) == 0 && !got.Files[0].Torn {
			t.Fatalf("a bit of byte %d is another one, and the trace is read", i)
		}
	}
}

func TestAnUnknownTraceIsRefused(t *testing.T) {
	frame := func(kind byte, payload ...byte) []byte {
		f := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)+1))
		f = append(append(f, kind), payload...)
		return binary.LittleEndian.AppendUint32(f, crc32.Checksum(f, castagnoli))
	}
	for name, c := range map[string]struct {
		bytes []byte
		want  string
	}{
		"a version of later":     {frame(frameStart, 2), "it is not of version 1"},
		"a start that is short":  {frame(frameStart, 1, 2, 3), "a start of 3 bytes"},
		"no start":               {frame(frameTurn, 0), "not a start"},
		"a length of nothing":    {make([]byte, 9), "has no kind"},
		"a start without a node": {frame(frameStart, append([]byte{1}, make([]byte, 16)...)...), "malformed"},
	} {
		r := records(t)
		r.check(os.WriteFile(filepath.Join(r.dir, "x-1.trace"), c.bytes, 0o644))
		if _, err := ReadDir(r.dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		bytes []byte
		want  string
	}{
		"a kind of later":         {frame(77), "a frame of kind 77: written by a newer version?"},
		"a second start":          {frame(frameStart, 1), "a second start"},
		"a turn that is short":    {frame(frameTurn, 3), "shorter than it says"},
		"an unknown record":       {frame(frameTurn, 1, 99, 0), "unknown kind of record 99"},
		"an unknown message":      {frame(frameTurn, 0, 2, 1, 200), "malformed"},
		"too much":                {frame(frameInstalled, 1, 1), "1 bytes too many"},
		"an entry of no slot":     {frame(frameApplied, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), "applies 0 slots"},
		"found, and short":        {frame(frameFound, 5), "shorter than it says"},
		"an outcome that is none": {frame(frameApplied, 9), "shorter than it says"},
	} {
		r := records(t)
		path := filepath.Join(r.dir, "acceptor1-0000000000000001.trace")
		file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		r.check(err)
		_, err = file.Write(c.bytes)
		r.check(errors.Join(err, file.Close()))
		if _, err := ReadDir(r.dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOneClusterIsJudgedAtATime(t *testing.T) {
	r := records(t)
	c := configuration()
	c.Acceptors = append(c.Acceptors, "acceptor4")
	w, err := Create(r.dir, Start{Node: "acceptor4", Process: 1, Configuration: c})
	r.check(err)
	r.check(w.Close())
	if _, err := ReadDir(r.dir); err == nil || !strings.Contains(err.Error(), "one cluster is judged at a time") {
		t.Errorf("two configurations: %v", err)
	}
	if _, err := ReadDir(t.TempDir()); err == nil || !strings.Contains(err.Error(), TraceVariable) {
		t.Errorf("an empty directory: %v", err)
	}
}

func TestATraceThatCannotBeWrittenEndsItsProcess(t *testing.T) {
	r := records(t)
	w := r.writers["acceptor1"]
	r.check(w.file.Close())
	first := w.Turned(nil, r.envelopes("acceptor1", []paxos.Message{paxos.Survey{}}))
	if first == nil || !errors.Is(w.Turned(nil, nil), first) {
		t.Errorf("a turn that was not written gives %v", first)
	}
	file, err := os.OpenFile(filepath.Join(t.TempDir(), "x"), os.O_CREATE|os.O_WRONLY, 0o644)
	r.check(err)
	w.file, w.err = file, nil // for the cleanup
}

func TestNobodyTracesUnlessAsked(t *testing.T) {
	var w *Writer
	m := &machine{applied: 1}
	if w.Machine(m) != Machine(m) || w.Turned(nil, nil) != nil || w.Found(paxos.Identity{}, nil, "") != nil || w.Close() != nil {
		t.Error("a trace that nobody asked for does something")
	}
}
