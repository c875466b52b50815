package integration

import (
	"strings"
	"testing"

	"paxos/client"
)

// TestTheJudgeSeesWhatIsWrong forges logs: a judge that cannot fail proves
// nothing.
func TestTheJudgeSeesWhatIsWrong(t *testing.T) {
	h := newHistory()
	h.note("a", acknowledged, client.Sent{Slot: 1})
	h.note("b", acknowledged, client.Sent{Slot: 2})
	h.note("c", refused, client.Sent{})
	h.note("d", unknown, client.Sent{})
	a, b, d := client.Value{Slot: 1, Value: "a"}, client.Value{Slot: 2, Value: "b"}, client.Value{Slot: 3, Value: "d"}
	for name, forged := range map[string]struct {
		log  []client.Value
		want string
	}{
		"a right log":              {[]client.Value{a, b}, ""},
		"an unknown that applied":  {[]client.Value{a, b, d}, ""},
		"an acknowledged one lost": {[]client.Value{a}, "lost"},
		"one elsewhere":            {[]client.Value{a, {Slot: 5, Value: "b"}}, "stands at 5.0"},
		"one twice":                {[]client.Value{a, b, {Slot: 3, Value: "a"}}, "twice"},
		"an unknown one twice":     {[]client.Value{a, b, d, {Slot: 4, Value: "d"}}, "twice"},
		"a refused one applied":    {[]client.Value{a, b, {Slot: 3, Value: "c"}}, "refused as not applied"},
		"one that nobody sent":     {[]client.Value{a, b, {Slot: 3, Value: "x"}}, "never sent"},
		"two in one place":         {[]client.Value{a, b, {Slot: 2, Value: "d"}}, "out of order"},
		"a log in another order":   {[]client.Value{b, a}, "out of order"},
	} {
		wrong := strings.Join(h.judge(forged.log), "; ")
		if forged.want == "" && wrong != "" {
			t.Errorf("%s: judged wrong: %s", name, wrong)
		}
		if forged.want != "" && !strings.Contains(wrong, forged.want) {
			t.Errorf("%s: got %q, want %q", name, wrong, forged.want)
		}
	}
}
