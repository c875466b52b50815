package history

import (
	"strings"
	"testing"
	"time"

	"paxos/client"
)

// TestTheJudgeSeesWhatIsWrong forges logs: a judge that cannot fail proves
// nothing.
func TestTheJudgeSeesWhatIsWrong(t *testing.T) {
	h := New("my-")
	h.Note("my-a", Acknowledged, client.Sent{Slot: 1})
	h.Note("my-b", Acknowledged, client.Sent{Slot: 2})
	h.Note("my-c", Refused, client.Sent{})
	h.Note("my-d", Unknown, client.Sent{})
	a, b, d := client.Value{Slot: 1, Value: "my-a"}, client.Value{Slot: 2, Value: "my-b"}, client.Value{Slot: 3, Value: "my-d"}
	for name, forged := range map[string]struct {
		log  []client.Value
		want string
	}{
		"a right log":              {[]client.Value{a, b}, ""},
		"an unknown that applied":  {[]client.Value{a, b, d}, ""},
		"one of somebody else":     {[]client.Value{a, b, {Slot: 3, Value: "x"}}, ""},
		"an acknowledged one lost": {[]client.Value{a}, "lost"},
		"one elsewhere":            {[]client.Value{a, {Slot: 5, Value: "my-b"}}, "stands at 5.0"},
		"one twice":                {[]client.Value{a, b, {Slot: 3, Value: "my-a"}}, "twice"},
		"an unknown one twice":     {[]client.Value{a, b, d, {Slot: 4, Value: "my-d"}}, "twice"},
		"a refused one applied":    {[]client.Value{a, b, {Slot: 3, Value: "my-c"}}, "refused as not applied"},
		"one that nobody sent":     {[]client.Value{a, b, {Slot: 3, Value: "my-x"}}, "never sent"},
		"two in one place":         {[]client.Value{a, b, {Slot: 2, Value: "my-d"}}, "out of order"},
		"a log in another order":   {[]client.Value{b, a}, "out of order"},
	} {
		wrong := strings.Join(h.Judge(forged.log), "; ")
		if forged.want == "" && wrong != "" {
			t.Errorf("%s: judged wrong: %s", name, wrong)
		}
		if forged.want != "" && !strings.Contains(wrong, forged.want) {
			t.Errorf("%s: got %q, want %q", name, wrong, forged.want)
		}
	}
}

// TestTheJudgeSeesTheOrderOfRealTime: a send that began after another one's
// answer stands behind it; of two at once, either may be the first.
func TestTheJudgeSeesTheOrderOfRealTime(t *testing.T) {
	zero := time.Now()
	at := func(second int) time.Time { return zero.Add(time.Duration(second) * time.Second) }
	for name, x := range map[string]struct {
		second call
		wrong  bool
	}{
		"after it, and behind it":   {call{"b", at(3), at(4), client.Sent{Slot: 6}}, false},
		"after it, and before it":   {call{"b", at(3), at(4), client.Sent{Slot: 4}}, true},
		"at once, and before it":    {call{"b", at(1), at(4), client.Sent{Slot: 4}}, false},
		"in one slot, and before":   {call{"b", at(3), at(4), client.Sent{Slot: 5, Position: 1}}, true},
		"in one slot, and behind":   {call{"b", at(3), at(4), client.Sent{Slot: 5, Position: 3}}, false},
		"without a known beginning": {call{"b", time.Time{}, at(4), client.Sent{Slot: 4}}, false},
	} {
		h := New("")
		h.calls["a"] = call{"a", at(0), at(2), client.Sent{Slot: 5, Position: 2}}
		h.calls["b"] = x.second
		if wrong := h.realTime(); (len(wrong) > 0) != x.wrong {
			t.Errorf("%s: %q", name, wrong)
		}
	}
}
