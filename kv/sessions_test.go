package kv_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"paxos/kv"
	"paxos/paxos"
)

const (
	minute = 60 * 1000
	hour   = 60 * minute
	day    = 24 * hour
)

// book is a machine and the slots that are applied to it, one after another.
type book struct {
	t rapid.TB
	m *kv.Machine
}

// newBook opens sessions 1 to 9, in a slot before the first one.
func newBook(t rapid.TB, options ...kv.Options) *book {
	b := &book{t, kv.New(options...)}
	opens := paxos.Entry{}
	for id := paxos.SessionID(1); id <= 9; id++ {
		opens.Value.Commands = append(opens.Value.Commands, paxos.Command{Session: id, Sequence: openSequence, Body: kv.Encode(kv.Open{})})
	}
	if _, err := b.m.Apply(opens); err != nil {
		t.Fatal(err)
	}
	return b
}

// openSequence is under which newBook opens, so that 1 is free for others.
const openSequence = 1000

// maintain is a command as learners propose them.
func maintain(command any) paxos.Command {
	return paxos.Command{Sequence: 1, Body: kv.Encode(command)}
}

func (b *book) apply(time paxos.LogTime, commands ...paxos.Command) []paxos.Outcome {
	b.t.Helper()
	outcomes, err := b.m.Apply(paxos.Entry{Slot: b.m.Applied(), Value: paxos.Value{Time: time, Commands: commands}})
	if err != nil {
		b.t.Fatal(err)
	}
	if len(outcomes) != len(commands) {
		b.t.Fatalf("%d outcomes for %d commands", len(outcomes), len(commands))
	}
	return outcomes
}

// one applies a command alone in its slot.
func (b *book) one(time paxos.LogTime, c paxos.Command) paxos.Outcome {
	b.t.Helper()
	return b.apply(time, c)[0]
}

func (b *book) state() []byte {
	b.t.Helper()
	return stateOf(b.t, b.m)
}

// stateOf is a machine's whole state.
func stateOf(t fataler, m *kv.Machine) []byte {
	var to bytes.Buffer
	if n, err := m.View().WriteTo(&to); err != nil || n != int64(to.Len()) {
		t.Fatal(n, err)
	}
	return to.Bytes()
}

// fataler is what *testing.T and *rapid.T share.
type fataler interface{ Fatal(...any) }

func (b *book) values() (list []string) {
	page, _ := b.m.Values(0, 0, 1000)
	for _, v := range page {
		list = append(list, fmt.Sprintf("%d.%d:%s", v.Slot, v.Position, v.Value))
	}
	return list
}

func (b *book) mustHold(want ...string) {
	b.t.Helper()
	if got := b.values(); !slices.Equal(got, want) {
		b.t.Fatalf("the values are %v, want %v", got, want)
	}
}

func put(session paxos.SessionID, sequence paxos.Sequence, value string) paxos.Command {
	return paxos.Command{Session: session, Sequence: sequence, Admitted: 1, Client: "c1", Body: kv.Append(value)}
}

func keyed(c paxos.Command, key string) paxos.Command {
	c.Key = key
	return c
}

func confirmed(c paxos.Command, floor paxos.Sequence) paxos.Command {
	c.Confirmed = floor
	return c
}

func admitted(c paxos.Command, at paxos.Slot) paxos.Command {
	c.Admitted = at
	return c
}

func want(t testing.TB, what string, got paxos.Outcome, verdict paxos.Verdict, slot paxos.Slot, position uint32) {
	t.Helper()
	if got.Verdict != verdict || got.Slot != slot || got.Position != position {
		t.Errorf("%s: %v at %d.%d, want %v at %d.%d", what, got.Verdict, got.Slot, got.Position, verdict, slot, position)
	}
}

func TestACopyGetsTheFirstOnesOutcomeAndNoEffect(t *testing.T) {
	b := newBook(t)
	first := b.apply(1, put(1, 1, "x"), put(1, 1, "x"), put(2, 1, "y"))
	want(t, "first", first[0], paxos.Applied, 1, 0)
	if diff := cmp.Diff(first[0], first[1]); diff != "" {
		t.Error("a copy in the same slot: ", diff)
	}
	if diff := cmp.Diff(first[0], b.one(5*hour, put(1, 1, "x"))); diff != "" {
		t.Error("a copy in a later slot: ", diff)
	}
	b.mustHold("1.0:x", "1.2:y")
}

func TestSequence6MayBeChosenBefore5(t *testing.T) {
	b := newBook(t)
	want(t, "6", b.one(1, put(1, 6, "six")), paxos.Applied, 1, 0)
	want(t, "5", b.one(1, put(1, 5, "five")), paxos.Applied, 2, 0)
	want(t, "a copy of 6", b.one(1, put(1, 6, "six")), paxos.Applied, 1, 0)
	want(t, "a copy of 5", b.one(1, put(1, 5, "five")), paxos.Applied, 2, 0)
	b.mustHold("1.0:six", "2.0:five")
}

func TestTheFloorForgetsOnlyWhatTheClientConfirmed(t *testing.T) {
	b := newBook(t)
	b.apply(1, put(1, 1, "a"), put(1, 2, "b"), put(1, 3, "c"))
	b.one(1, confirmed(put(1, 5, "e"), 3))
	want(t, "1, confirmed", b.one(1, put(1, 1, "a")), paxos.Confirmed, 0, 0)
	want(t, "2, confirmed", b.one(1, put(1, 2, "b")), paxos.Confirmed, 0, 0)
	want(t, "3, not confirmed", b.one(1, put(1, 3, "c")), paxos.Applied, 1, 2)
	want(t, "4, new", b.one(1, confirmed(put(1, 4, "d"), 1)), paxos.Applied, 6, 0) // a lower floor changes nothing
	want(t, "2, confirmed for ever", b.one(1, put(1, 2, "b")), paxos.Confirmed, 0, 0)
	want(t, "another session's 1", b.one(1, put(2, 1, "z")), paxos.Applied, 8, 0)
	if o, known := b.m.OutcomeOf(paxos.CommandName{Session: 1, Sequence: 2}); !known || o.Verdict != paxos.Confirmed {
		t.Errorf("%+v, %v", o, known)
	}
	b.mustHold("1.0:a", "1.1:b", "1.2:c", "2.0:e", "6.0:d", "8.0:z")
}

func TestAKeyIsOneCommandUnderWhateverName(t *testing.T) {
	b := newBook(t)
	b.one(1, keyed(put(1, 1, "x"), "k"))
	again := b.one(1, keyed(put(2, 7, "x"), "k"))
	want(t, "through another client", again, paxos.Applied, 1, 0)
	if again.Session != 2 || again.Sequence != 7 {
		t.Errorf("the outcome is addressed to %v %v", again.Session, again.Sequence)
	}
	if diff := cmp.Diff(again, b.one(1, keyed(put(2, 7, "x"), "k"))); diff != "" {
		t.Error("a copy of the second: ", diff)
	}
	want(t, "without a key", b.one(1, put(3, 1, "x")), paxos.Applied, 4, 0)
	want(t, "another key", b.one(1, keyed(put(3, 2, "x"), "K")), paxos.Applied, 5, 0)
	b.mustHold("1.0:x", "4.0:x", "5.0:x")
}

func TestTheSameKeyWithAnotherBodyIsRefused(t *testing.T) {
	b := newBook(t)
	b.one(1, keyed(put(1, 1, "x"), "k"))
	want(t, "another body", b.one(1, keyed(put(1, 2, "y"), "k")), paxos.KeyReused, 1, 0)
	want(t, "a copy of that", b.one(1, keyed(put(1, 2, "y"), "k")), paxos.KeyReused, 1, 0)
	if o, known := b.m.Outcome("k"); !known || o.Verdict != paxos.Applied || o.Slot != 1 {
		t.Errorf("%+v, %v", o, known)
	}
	b.one(2*day, admitted(put(9, 1, "time passes"), 4))
	want(t, "a copy when the key is free again", b.one(2*day, keyed(put(1, 2, "y"), "k")), paxos.KeyReused, 1, 0)
	want(t, "under a new name", b.one(2*day, keyed(put(1, 3, "y"), "k")), paxos.Late, 6, 0)
	b.mustHold("1.0:x", "4.0:time passes")
}

func TestWhatAKeysSecondUserWasToldStaysWhenTheKeyIsFreeAgain(t *testing.T) {
	b := newBook(t)
	b.one(0, keyed(put(1, 1, "x"), "k"))
	same := b.one(0, keyed(put(2, 1, "x"), "k"))
	other := b.one(0, keyed(put(2, 2, "y"), "k"))
	b.one(20*hour, admitted(put(2, 3, "z"), 3))
	b.one(30*hour, admitted(put(2, 4, "w"), 4))
	if _, known := b.m.Outcome("k"); known {
		t.Error("the key lives for more than a day")
	}
	if diff := cmp.Diff([]paxos.Outcome{same, other}, b.apply(30*hour, keyed(put(2, 1, "x"), "k"), keyed(put(2, 2, "y"), "k"))); diff != "" {
		t.Error(diff)
	}
	b.mustHold("1.0:x", "4.0:z", "5.0:w")
}

func TestWhatWasAdmittedUnderAKeyInItsLifeNeverAppliesAfterIt(t *testing.T) {
	b := newBook(t)
	b.one(0, put(1, 1, "a"))
	b.one(0, admitted(keyed(put(1, 2, "x"), "k"), 2))
	b.one(20*hour, admitted(put(1, 3, "b"), 3)) // the session lives on, the key does not
	want(t, "admitted before the key was used", b.one(30*hour, admitted(keyed(put(2, 1, "x"), "k"), 2)), paxos.Late, 4, 0)
	want(t, "its copy, not noted", b.one(30*hour, admitted(keyed(put(2, 1, "x"), "k"), 2)), paxos.Late, 5, 0)
	want(t, "without a key the session knows all", b.one(30*hour, admitted(put(2, 9, "c"), 2)), paxos.Applied, 6, 0)
	want(t, "admitted after it", b.one(30*hour, admitted(keyed(put(2, 2, "x"), "k"), 3)), paxos.Applied, 7, 0)
	b.mustHold("1.0:a", "2.0:x", "3.0:b", "6.0:c", "7.0:x")
}

func TestKeysLive24HoursOfLogTime(t *testing.T) {
	b := newBook(t)
	b.one(0, keyed(put(1, 1, "x"), "k"))
	want(t, "24 h later", b.one(day, admitted(keyed(put(2, 1, "x"), "k"), 2)), paxos.Applied, 1, 0)
	want(t, "a day and a moment later", b.one(day+1, admitted(keyed(put(3, 1, "x"), "k"), 3)), paxos.Applied, 3, 0)
	if o, _ := b.m.Outcome("k"); o.Slot != 3 {
		t.Errorf("%+v", o)
	}
	b.mustHold("1.0:x", "3.0:x")
}

// An hour-old copy must not apply; nor may one that is older than the table.
func TestACopyForAClosedSessionIsRefusedAsExpired(t *testing.T) {
	b := newBook(t)
	b.one(0, put(1, 1, "x"))                           // slot 1
	b.one(day, admitted(put(2, 1, "y"), 2))            // slot 2
	b.one(day, maintain(kv.ExpireSession{Session: 1})) // slot 3 forgets session 1
	want(t, "a copy", b.one(day, put(1, 1, "x")), paxos.Expired, 4, 0)
	want(t, "again, not noted", b.one(day, put(1, 1, "x")), paxos.Expired, 5, 0)
	want(t, "new", b.one(day, admitted(put(1, 3, "z"), 6)), paxos.Expired, 6, 0)
	want(t, "a copy of its opening", b.one(day, paxos.Command{Session: 1, Sequence: openSequence, Body: kv.Encode(kv.Open{})}), paxos.Late, 7, 0)
	want(t, "opened again", b.one(day, open(1, 8)), paxos.Applied, 8, 0)
	want(t, "a copy of the opening", b.one(day, open(1, 8)), paxos.Applied, 8, 0)
	want(t, "a copy from the earlier session", b.one(day, put(1, 1, "x")), paxos.Expired, 10, 0)
	want(t, "new, now", b.one(day, admitted(put(1, 4, "z"), 6)), paxos.Applied, 11, 0)
	b.mustHold("1.0:x", "2.0:y", "11.0:z")
}

func open(session paxos.SessionID, admitted paxos.Slot) paxos.Command {
	return paxos.Command{Session: session, Sequence: 2000, Admitted: admitted, Body: kv.Encode(kv.Open{})}
}

func TestASessionThatWasNeverOpenedHasNoEffect(t *testing.T) {
	b := newBook(t)
	before := b.state()
	want(t, "not opened", b.one(0, put(77, 1, "x")), paxos.Expired, 1, 0)
	want(t, "no session", b.one(0, put(0, 1, "x")), paxos.Expired, 2, 0)
	b.mustHold()
	if b.m.Sizes().Sessions != 9 {
		t.Errorf("%d sessions", b.m.Sizes().Sessions)
	}
	want(t, "opened, then", b.apply(0, open(77, 1), put(77, 1, "x"))[1], paxos.Applied, 3, 1)
	if bytes.Equal(before, b.state()) {
		t.Error("the state says nothing")
	}
}

func TestASessionIsClosedOnlyIfItWasNotUsedForADay(t *testing.T) {
	b := newBook(t)
	b.one(20*hour, put(1, 1, "a"))
	for name, c := range map[string]kv.ExpireSession{
		"used since": {Session: 1}, "used a while ago": {Session: 1, Used: 20 * hour}, "unknown": {Session: 55},
	} {
		b.one(43*hour, maintain(c))
		if n := b.m.Sizes().Sessions; n != 9 {
			t.Fatalf("%s: %d sessions are left", name, n)
		}
	}
	want(t, "a copy", b.one(43*hour, put(1, 1, "a")), paxos.Applied, 1, 0)
	b.one(44*hour-1, maintain(kv.ExpireSession{Session: 1, Used: 20 * hour}))
	want(t, "a moment before a day is over", b.one(44*hour-1, put(1, 1, "a")), paxos.Applied, 1, 0)
	b.one(44*hour, maintain(kv.ExpireSession{Session: 1, Used: 20 * hour}))
	want(t, "after it", b.one(44*hour, put(1, 1, "a")), paxos.Expired, 9, 0)
}

func TestTouchKeepsASessionOpen(t *testing.T) {
	b := newBook(t)
	b.one(20*hour, paxos.Command{Session: 1, Sequence: 1, Body: kv.Encode(kv.Touch{})})
	due := b.m.Chores(43*hour, kv.History{})
	if len(due) != 8 { // 2 to 9
		t.Errorf("%d sessions are due", len(due))
	}
	for _, body := range due {
		b.one(43*hour, paxos.Command{Sequence: 1, Body: body})
	}
	if n := b.m.Sizes().Sessions; n != 1 || len(b.m.Chores(43*hour, kv.History{})) != 0 {
		t.Errorf("%d sessions are left", n)
	}
	want(t, "its copy", b.one(43*hour, paxos.Command{Session: 1, Sequence: 1, Body: kv.Encode(kv.Touch{})}), paxos.Applied, 1, 0)
}

func TestLogTimeNeverGoesBack(t *testing.T) {
	b := newBook(t)
	b.one(5*hour, put(1, 1, "a"))
	b.one(hour, put(1, 2, "b"))
	if b.m.Time() != 5*hour {
		t.Errorf("the time is %d", b.m.Time())
	}
}

func TestACommandNobodyKnowsChangesNothing(t *testing.T) {
	for name, body := range map[string][]byte{
		"empty": nil, "too short": {1}, "another version": {2, 1, 'x'}, "another operation": {1, 16}, "more than an opening": {1, 4, 0}, "operation 0": {1, 0},
		"a text that is no UTF-8": {1, 1, 0xff}, "a name cut short": append([]byte{1, 2}, make([]byte, 15)...),
		"a name too long": append([]byte{1, 2}, make([]byte, 17)...), "a key that is no UTF-8": {1, 3, 0xff},
	} {
		b := newBook(t)
		before := b.state()
		bad := paxos.Command{Session: 1, Sequence: 2, Body: body}
		_, err := b.m.Apply(paxos.Entry{Slot: 1, Value: paxos.Value{Time: 5, Commands: []paxos.Command{put(1, 1, "x"), bad}}})
		if !errors.Is(err, kv.ErrUnknownCommand) || kv.Check(bad) == nil {
			t.Errorf("%s: %v, checked: %v", name, err, kv.Check(bad))
		}
		if !slices.Equal(before, b.state()) {
			t.Errorf("%s: the slot took effect in part", name)
		}
	}
}

func TestWhatMayNotReachTheLogIsToldBefore(t *testing.T) {
	for name, c := range map[string]struct {
		command paxos.Command
		want    string
	}{
		"sequence 0":      {put(1, 0, "x"), "begins at 1"},
		"a long key":      {keyed(put(1, 1, "x"), strings.Repeat("k", 257)), "256"},
		"a key, no UTF-8": {keyed(put(1, 1, "x"), "\xff"), "UTF-8"},
	} {
		if err := kv.Check(c.command); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range []paxos.Command{put(1, 1, ""), keyed(put(1, 1, "ção"), strings.Repeat("k", 256))} {
		if err := kv.Check(c); err != nil {
			t.Error(err)
		}
	}
}

func TestValuesAreGivenInPagesFromAPositionOn(t *testing.T) {
	b := newBook(t)
	b.apply(1, put(1, 1, "a"), put(1, 2, "b"))
	b.apply(1)
	b.apply(1, put(1, 3, "c"))
	for _, c := range []struct {
		slot     paxos.Slot
		position uint32
		limit    int
		want     string
		more     bool
	}{{0, 0, 9, "abc", false}, {1, 1, 9, "bc", false}, {1, 2, 9, "c", false}, {2, 0, 9, "c", false}, {4, 0, 9, "", false},
		{1, 0, 2, "ab", true}, {1, 0, 3, "abc", false}, {1, 0, 0, "", true}} {
		page, more := b.m.Values(c.slot, c.position, c.limit)
		got := ""
		for _, v := range page {
			got += v.Value
		}
		if got != c.want || more != c.more {
			t.Errorf("from %d.%d at most %d: %q %v, want %q %v", c.slot, c.position, c.limit, got, more, c.want, c.more)
		}
	}
	if b.m.Count() != 3 || b.m.Applied() != 4 {
		t.Errorf("%d values, watermark %d", b.m.Count(), b.m.Applied())
	}
}
