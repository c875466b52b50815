package rest

import (
	"strings"
	"testing"

	"paxos/paxos"
)

// TestAHintDoesNotInviteADuplicate: what is sent under a new name has its effect
// once more.
func TestAHintDoesNotInviteADuplicate(t *testing.T) {
	for verdict, want := range map[paxos.Verdict]string{
		paxos.Expired: "an earlier copy may have had an effect: look at what it should have written before sending it anew",
		paxos.Late:    "it had no effect under this name; send it again (under the same key, if it had one)",
	} {
		p := whySettled(paxos.Settled{Fate: paxos.FateKnown, Outcome: paxos.Outcome{Verdict: verdict}}, "k")
		if p == nil || p.Hint != want || strings.Contains(p.Hint, "new key") {
			t.Errorf("%v: %+v", verdict, p)
		}
	}
}
