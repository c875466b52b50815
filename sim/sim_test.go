package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

func TestASeedGivesTheSameWorldByteForByte(t *testing.T) {
	conversation := func(seed uint64) []byte {
		s := Draw(seed)
		var b bytes.Buffer
		if r := Run(&s, &b); len(r.Objections) > 0 {
			t.Fatal(r.Objections[0])
		}
		return b.Bytes()
	}
	for seed := uint64(1); seed <= 20; seed++ {
		first, second := conversation(seed), conversation(seed)
		if !bytes.Equal(first, second) {
			a, b := strings.Split(string(first), "\n"), strings.Split(string(second), "\n")
			for i := range a {
				if i >= len(b) || a[i] != b[i] {
					t.Fatalf("seed %d, line %d:\n%s\n%s", seed, i+1, a[i], b[min(i, len(b)-1)])
				}
			}
		}
		if len(first) < 10_000 {
			t.Errorf("seed %d: a conversation of %d bytes", seed, len(first))
		}
	}
}

// Each scenario in testdata failed when it was added, and its file is named after
// what was wrong. That it still fails with the bug is for test/mutants to say.
func TestWhatWasFoundOnceIsMended(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scenarios, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if r := Run(&s, nil); len(r.Objections) > 0 {
			t.Errorf("%s: after %d events: %v", file, r.At, r.Objections[0])
		}
	}
}

func TestAScenarioIsReadStrictly(t *testing.T) {
	s := Draw(3)
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if second, _ := json.Marshal(again); !bytes.Equal(text, second) {
		t.Errorf("%s is read as %s", text, second)
	}
	for _, bad := range []string{"", "{}", `{"seeds":1}`, strings.Replace(string(text), `"users":`, `"users":-`, 1)} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestARunInWhichLittleHappensIsNoSuccess(t *testing.T) {
	sums := Swarm{First: 1, Seeds: 100, Workers: 2}.Run(t.Context())
	if len(sums.Failures) > 0 {
		t.Fatal(sums.Failures[0])
	}
	if err := sums.Enough(); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*Sums){
		"events": func(s *Sums) { s.Events = 1 }, "slots": func(s *Sums) { s.Slots = 0 }, "faults": func(s *Sums) { s.Faults = nil },
		"time": func(s *Sums) { s.Micros *= 1000 }, "writes": func(s *Sums) { s.Writes = 0 }, "a kind of fault": func(s *Sums) { s.Seeds = 1000; s.Faults[Twin] = 0 },
	} {
		less := sums
		less.Faults = map[FaultKind]int64{Kill: sums.AllFaults()}
		if change(&less); less.Enough() == nil {
			t.Errorf("%s: too little happened, and it is called enough", what)
		}
	}
}

// In the second phase the core must serve reads and writes: here what it answers
// to one of them never arrives.
func TestTheSecondPhaseDemandsReadsAndWrites(t *testing.T) {
	for name, lost := range map[string]func(paxos.Message) bool{
		"reads":  func(m paxos.Message) bool { _, is := m.(paxos.ReadIs); return is },
		"writes": func(m paxos.Message) bool { _, is := m.(paxos.Settled); return is },
	} {
		for seed := uint64(1); seed <= 5; seed++ {
			s := calmScenario(seed)
			s.Safety = 8 * second
			w := newWorld(&s, nil)
			w.plant = func(e paxos.Envelope) bool { return w.calm && !w.over && lost(e.Message) }
			if r := w.run(); len(r.Objections) == 0 || r.Objections[0].Checker != "liveness" {
				t.Errorf("seed %d: no answers to %s after the core healed, and all is well: %v", seed, name, r.Objections)
			}
		}
	}
}

// Only the failure of a disk that was made to fail excuses the end of a process.
func TestABrokenInvariantIsNotExcusedByAnArmedDisk(t *testing.T) {
	s := calmScenario(1)
	w := newWorld(&s, nil)
	w.pass(5*second, nil)
	h := w.byID["learner1"]
	w.fails(h, DiskError, 1000, func(memfs.Op) *memfs.Fault { return &memfs.Fault{Err: errDisk} })
	w.failed(h.processes[0], errors.New("broken invariant"))
	if len(w.objects) != 1 || w.objects[0].Checker != "broken" {
		t.Errorf("%v", w.objects)
	}
}

// Forty writes of which nobody knows whether they took effect, and a read of what
// none of them wrote: to try all their orders takes for ever.
func TestAHistoryThatNobodyCanDecideIsWrong(t *testing.T) {
	s := calmScenario(1)
	w := newWorld(&s, nil)
	for i := range 40 {
		w.history = append(w.history, &call{user: i, kind: put, key: "k1", value: strings.Repeat("x", i+1), begun: 1})
	}
	w.history = append(w.history, &call{user: 40, kind: read, key: "k1", value: "y", begun: 2, ended: 3, fate: done})
	w.checkHistory()
	if len(w.objects) != 1 || w.objects[0].Checker != "linearizable" || !strings.Contains(w.objects[0].Text, "could not be decided") {
		t.Errorf("%v", w.objects)
	}
}

// The checkers are apart from what they check; here a world is changed so that
// one objects, and the scenario shrinks to what it takes.
func TestAFailureIsShrunk(t *testing.T) {
	var s Scenario
	for seed := uint64(1); ; seed++ {
		if s = Draw(seed); len(s.Faults) > 20 && s.Acceptors == 3 {
			break
		}
	}
	s.Healing = 1 // no core makes progress in a single election timeout, always
	for len(Run(&s, nil).Objections) == 0 {
		s.Seed++
	}
	faults := len(s.Faults)
	small, r := Shrink(s, 300)
	if len(r.Objections) == 0 || len(small.Faults) >= faults/2 || small.Users > s.Users {
		t.Errorf("%d of %d faults are left, %d users: %v", len(small.Faults), faults, small.Users, r.Objections)
	}
	if again := Run(&small, nil); len(again.Objections) == 0 || again.Objections[0] != r.Objections[0] || again.At != r.At {
		t.Errorf("it does not fail again as it did: %v, %v", again.Objections, r.Objections)
	}
}

func BenchmarkWorld(b *testing.B) {
	var events int64
	for i := range b.N {
		s := Draw(uint64(i%200 + 1))
		events += Run(&s, nil).Events
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}
