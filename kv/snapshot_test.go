package kv_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"paxos/kv"
	"paxos/paxos"
)

// anything draws any command at all, of any session.
func (d *dealer) anything(m *kv.Machine) paxos.Command {
	c := paxos.Command{Session: paxos.SessionID(1 + d.luck.Below(3)), Sequence: paxos.Sequence(1 + d.luck.Below(400)), Admitted: m.Applied(),
		Key: d.one("", "", "k1", "k2", "k3", "call-1", "call-2")}
	lease := kv.LeaseID(d.luck.Below(4))
	queue, name := kv.Queue(d.luck.Below(2)), d.one("q", "r")
	token := m.Revision() - kv.Revision(min(d.luck.Below(10), int(m.Revision())))
	if places := m.Queue(queue, name); len(places) > 0 && d.chance(2) {
		token = places[0].Token
	}
	switch d.luck.Below(14) {
	case 0:
		c.Body = kv.Encode(kv.Grant{ID: lease, TTL: paxos.LogTime(500 + d.luck.Below(5*hour))})
	case 1:
		c.Body = kv.Encode(kv.KeepAlive{ID: lease})
	case 2:
		c.Body = kv.Encode(kv.Revoke{ID: lease})
	case 3, 4:
		c.Body = kv.Encode(kv.Acquire{Queue: queue, Name: name, Lease: lease, TTL: hour, Value: d.value()})
	case 5:
		c.Body = kv.Encode(kv.Release{Queue: queue, Name: name, Token: token})
	case 6:
		c.Body = kv.Encode(kv.Proclaim{Queue: queue, Name: name, Token: token, Value: d.value()})
	case 7:
		c.Body = kv.Encode(kv.Txn{Fences: []kv.Fence{{Lock: name, Token: token}}, Then: d.txn(2, m.Revision()).Then})
	case 8:
		c.Body = kv.Encode(kv.Compact{Revision: token})
	case 9:
		c.Body = kv.Append(d.value())
	case 10:
		c.Body = kv.Encode(kv.Open{})
	case 11:
		c.Body = kv.Burn(paxos.CommandName{Session: paxos.SessionID(1 + d.luck.Below(4)), Sequence: paxos.Sequence(1 + d.luck.Below(400))})
	case 12:
		c.Body = kv.BurnKey(d.one("k1", "k4", "call-1", "call-3"))
	default:
		c.Body = kv.Encode(d.txn(1, m.Revision()))
	}
	if chores := m.Chores(m.Time()+hour, kv.History{Revisions: 20, Bytes: 4000}); len(chores) > 0 && d.chance(4) {
		c.Session, c.Key, c.Body = 0, "", chores[d.luck.Below(len(chores))]
	}
	return c
}

func TestAStateThatWasReadGoesOnLikeTheOneThatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := dealer{paxos.Dice(rapid.Uint64().Draw(t, "luck"))}
		options := kv.Options{SnapshotBytes: 3000, SnapshotSlots: 20}
		one, other := newBook(t, options), newBook(t, options)
		results, sessions := 100+d.luck.Below(2)*900, 3+d.luck.Below(2)
		for _, b := range []*book{one, other} {
			b.m.RememberKeys(2, 1, 1<<20)
			b.m.Remember(results, sessions)
		}
		var views []*kv.View
		var written [][]byte
		time, due := paxos.LogTime(0), 0
		for range 150 {
			if d.chance(6) {
				time += paxos.LogTime(d.luck.Below(4 * hour))
			}
			var commands []paxos.Command
			for range d.luck.Below(4) {
				commands = append(commands, d.anything(one.m))
			}
			a, b := one.apply(time, commands...), other.apply(time, commands...)
			if diff := cmp.Diff(a, b); diff != "" {
				t.Fatal(diff)
			}
			if one.m.SnapshotDue() != other.m.SnapshotDue() {
				t.Fatal("they take snapshots at different slots")
			} else if one.m.SnapshotDue() {
				due++
			}
			switch d.luck.Below(20) {
			case 0:
				views, written = append(views, one.m.View()), append(written, one.state())
			case 1:
				v, err := kv.Read(bytes.NewReader(one.state()))
				if err != nil {
					t.Fatal(err)
				}
				if err := other.m.Restore(v); err != nil {
					t.Fatal(err)
				}
			case 2:
				if err := other.m.Restore(one.m.Freeze()); err != nil {
					t.Fatal(err)
				}
			case 3:
				mustComeBack(t, one.m)
			}
		}
		if !bytes.Equal(one.state(), other.state()) {
			t.Fatal("equal logs gave states that are not equal")
		}
		for i, v := range views {
			var now bytes.Buffer
			if _, err := v.WriteTo(&now); err != nil || !bytes.Equal(now.Bytes(), written[i]) {
				t.Fatalf("a view changed after it was taken (%v)", err)
			}
		}
		if due < 4 {
			t.Fatalf("a snapshot was due %d times", due)
		}
	})
}

// filled is a machine with history, half of it compacted and not yet swept.
func filled(t rapid.TB) *book {
	b := newBook(t)
	sequence := paxos.Sequence(0)
	do := func(time paxos.LogTime, command any) {
		sequence++
		b.one(time, paxos.Command{Session: 1, Sequence: sequence, Confirmed: sequence - min(sequence, 5), Body: kv.Encode(command)})
	}
	do(1, kv.Grant{ID: 9, TTL: hour})
	do(1, kv.Acquire{Queue: kv.Locks, Name: "l", TTL: hour, Value: "me"})
	for i := range 700 {
		do(2, kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: fmt.Sprint("k", i%5), Value: fmt.Sprint(i), Lease: kv.LeaseID(i % 2 * 9)}}}})
	}
	do(3, kv.Txn{Then: []kv.Op{{Delete: &kv.Delete{Span: kv.Span{Key: "k1"}}}}})
	b.apply(3, keyed(put(2, 1, "a value"), "key"), paxos.Command{Session: 2, Sequence: 2, Body: kv.BurnKey("burnt")})
	do(4, kv.Compact{Revision: 600})
	return b
}

func TestAStateComesBackInTheMiddleOfACompaction(t *testing.T) {
	b := filled(t)
	full := b.m.History()
	for range 6 {
		mustComeBack(t, b.m)
		v, err := kv.Read(bytes.NewReader(b.state()))
		if err != nil {
			t.Fatal(err)
		}
		again := newBook(t)
		if err := again.m.Restore(v); err != nil {
			t.Fatal(err)
		}
		for _, r := range []kv.Revision{600, 601, 650} { // what can be read does not depend on what is swept
			for _, m := range []*kv.Machine{b.m, again.m} {
				if res, fail := m.Range(kv.Range{Span: kv.Prefix("k"), Revision: r}); fail != nil || res.Count != 5 {
					t.Fatalf("%+v, %v", res, fail)
				}
			}
		}
		if _, fail := again.m.Range(kv.Range{Span: kv.Prefix("k"), Revision: 599}); fail == nil || fail.Code != kv.FailCompacted {
			t.Fatalf("%v", fail)
		}
		b.apply(5)
		again.apply(5)
		if !bytes.Equal(b.state(), again.state()) {
			t.Fatal("one sweeps, the other does not, or not the same")
		}
	}
	if held := b.m.History(); held >= full || held < 100 || held > 120 {
		t.Errorf("%d changes are held of %d", held, full)
	}
}

func TestAViewStaysWhatItIsWhileTheMachineGoesOn(t *testing.T) {
	b := filled(t)
	want := b.state()
	var all sync.WaitGroup
	for range 2 {
		v := b.m.View()
		all.Go(func() {
			for range 5 {
				var got bytes.Buffer
				if _, err := v.WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), want) {
					t.Error("a view has changed", err)
				}
				if list, _, fail := v.Events(600, kv.Prefix("k"), 0, 0, true); fail != nil || len(list) == 0 {
					t.Error(fail)
				}
				_, _ = v.Range(kv.Range{Span: kv.Prefix(""), Revision: 650})
				_, _ = v.Range(kv.Range{Span: kv.Prefix(""), Limit: 2})
				if m := kv.New(); m.Restore(v) != nil {
					t.Error("not restored")
				}
			}
		})
	}
	for i := range 2000 {
		b.one(10, paxos.Command{Session: 2, Sequence: paxos.Sequence(2 + i), Confirmed: paxos.Sequence(i), Admitted: b.m.Applied(), Key: fmt.Sprint(i),
			Body: kv.Encode(kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: fmt.Sprint("k", i%9), Value: "x"}}, {Delete: &kv.Delete{Span: kv.Span{Key: "m"}}}}})})
	}
	all.Wait()
}

// One view may be what several machines go on from, at once: the race detector
// judges, and so does what is left of the view.
func TestMachinesStartFromOneViewAtOnce(t *testing.T) {
	b := filled(t)
	v, want := b.m.View(), b.state()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			m := kv.New()
			if err := m.Restore(v); err != nil {
				t.Error(err)
				return
			}
			m.Apply(paxos.Entry{Slot: m.Applied(), Value: paxos.Value{Time: v.Time() + 1, Commands: []paxos.Command{{Session: 1, Sequence: 9999, Admitted: v.Applied(), Body: kv.Encode(kv.Txn{Then: []kv.Op{{Put: &kv.Put{Key: "k1", Value: "y"}}}})}}}})
			var got bytes.Buffer
			if _, err := m.View().WriteTo(&got); err != nil || bytes.Equal(got.Bytes(), want) {
				t.Error("nothing was written after the restore", err)
			}
		})
	}
	all.Wait()
	if !bytes.Equal(b.state(), want) {
		t.Error("the view has changed")
	}
	var got bytes.Buffer
	if _, err := v.WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Error("the view has changed", err)
	}
}

func TestAMalformedStateIsRefused(t *testing.T) {
	whole := filled(t).state()
	for n := range whole[:1000] {
		if _, err := kv.Read(bytes.NewReader(whole[:n])); !errors.Is(err, kv.ErrFormat) {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
	for name, b := range map[string][]byte{
		"a byte too many": append(bytes.Clone(whole), 0), "another version": append([]byte("kv\x02"), whole[3:]...),
		"cut short": whole[:len(whole)-1],
	} {
		if _, err := kv.Read(bytes.NewReader(b)); !errors.Is(err, kv.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := 0; i < len(whole); i += 1 + i/500 {
		bad := bytes.Clone(whole)
		bad[i] ^= byte(1 + i%255)
		v, err := kv.Read(bytes.NewReader(bad))
		if err != nil {
			continue
		}
		var again bytes.Buffer
		if _, err := v.WriteTo(&again); err != nil || !bytes.Equal(again.Bytes(), bad) {
			t.Fatalf("with byte %d altered it is taken, and written otherwise", i)
		}
	}
}

func TestReadingAndWritingPassTheWorldsErrorsOn(t *testing.T) {
	b, broken := filled(t), errors.New("the cable")
	if _, err := kv.Read(io.MultiReader(bytes.NewReader(b.state()[:100]), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := kv.Read(io.MultiReader(bytes.NewReader(b.state()), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Error(err)
	}
	if v, err := kv.Read(iotest.OneByteReader(bytes.NewReader(b.state()))); err != nil || v.Applied() != b.m.Applied() {
		t.Error(err)
	}
	if n, err := b.m.View().WriteTo(full{broken}); !errors.Is(err, broken) || n != 7 {
		t.Error(n, err)
	}
}

// full is a disk that takes seven bytes.
type full struct{ err error }

func (f full) Write([]byte) (int, error) { return 7, f.err }

func TestALieAboutALengthCostsLittle(t *testing.T) {
	lie := append([]byte("kv\x03"), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := kv.Read(bytes.NewReader(lie)); !errors.Is(err, kv.ErrFormat) {
		t.Error(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes were allocated", n)
	}
}

func TestASnapshotIsDueAfterSoManySlotsOrBytes(t *testing.T) {
	for name, o := range map[string]kv.Options{"slots": {SnapshotSlots: 5}, "bytes": {SnapshotBytes: 5 * 1068}} {
		b := newBook(t, o)
		got := ""
		for i := range 15 {
			b.one(1, put(1, paxos.Sequence(i+1), strings.Repeat("v", 1000))) // 1,068 bytes
			got += map[bool]string{true: "!", false: "."}[b.m.SnapshotDue()]
		}
		if want := "....!....!....!"; got != want {
			t.Errorf("%s: due at %s, want %s", name, got, want)
		}
	}
}

// TestLearnersOfOtherOptionsComeTogetherAgain at the next of certain slots.
func TestLearnersOfOtherOptionsComeTogetherAgain(t *testing.T) {
	a, b := newBook(t, kv.Options{SnapshotSlots: 50, SnapshotBytes: 9 * 1068}), newBook(t, kv.Options{SnapshotSlots: 50, SnapshotBytes: 4 * 1068})
	both := func(i int) (bool, bool) {
		for _, book := range []*book{a, b} {
			book.one(1, put(1, paxos.Sequence(i), strings.Repeat("v", 1000)))
		}
		return a.m.SnapshotDue(), b.m.SnapshotDue()
	}
	for i := range 30 {
		both(i + 1)
	}
	if err := b.m.Restore(a.m.View()); err != nil { // as after a start with the other options
		t.Fatal(err)
	}
	for i := 31; a.m.Applied() <= 100; i++ {
		if one, other := both(i); (a.m.Applied()-1)%50 == 0 && (!one || !other) {
			t.Errorf("slot %d: due %v, %v", a.m.Applied()-1, one, other)
		}
	}
}

// What learners write stays in proportion to the log, and what acceptors hold
// until then is bounded.
func TestASnapshotOfALargeStateIsDueLater(t *testing.T) {
	const least = 10_000
	b := newBook(t, kv.Options{SnapshotBytes: least})
	value := strings.Repeat("v", 1000)
	fresh, longest, last := 0, 0, 0
	for i := range 700 {
		command := put(1, paxos.Sequence(i+1), value)
		command.Confirmed = command.Sequence
		b.one(1, command)
		fresh += paxos.Value{Commands: []paxos.Command{command}}.Size()
		if !b.m.SnapshotDue() {
			continue
		}
		if state := b.m.Sizes().StateBytes; last > 0 && fresh < min(state/4, 4*least) {
			t.Fatalf("after %d bytes of log a state of %d bytes is written", fresh, state)
		}
		longest, last, fresh = max(longest, fresh), i, 0
	}
	if longest < 4*least || longest > 4*least+1100 {
		t.Errorf("the longest log between two snapshots has %d bytes, not 4 times %d", longest, least)
	}
}
