package paxos_test

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"paxos/paxos"
)

func TestBallotsAreOrderedByNumberThenProposerThenStart(t *testing.T) {
	rising := []paxos.Ballot{
		{}, {Start: 1}, {Proposer: "a"}, {Number: 1}, {Number: 1, Proposer: "a", Start: 1}, {Number: 1, Proposer: "a", Start: 1 << 63},
		{Number: 1, Proposer: "a2"}, {Number: 1, Proposer: "b"}, {Number: 2}, {Number: 10, Proposer: "a"}, {Number: 1 << 63, Proposer: "a"},
	}
	for i, b := range rising {
		for j, c := range rising {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := b.Compare(c); got != want {
				t.Errorf("%+v against %+v: %d, want %d", b, c, got, want)
			}
			if b.Less(c) != (want < 0) {
				t.Errorf("%+v less than %+v: %v", b, c, b.Less(c))
			}
		}
	}
}

func TestTheOrderOfBallotsIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ballot := func(what string) paxos.Ballot {
			return paxos.Ballot{
				Number:   paxos.Number(rapid.IntRange(0, 2).Draw(t, what+" number")),
				Proposer: rapid.SampledFrom([]paxos.NodeID{"", "p1", "p10", "p2"}).Draw(t, what+" proposer"),
				Start:    paxos.StartID(rapid.IntRange(0, 2).Draw(t, what+" start")),
			}
		}
		a, b, c := ballot("a"), ballot("b"), ballot("c")
		if a.Compare(b) != -b.Compare(a) {
			t.Fatalf("%+v and %+v are ordered both ways", a, b)
		}
		if (a.Compare(b) == 0) != (a == b) {
			t.Fatalf("%+v and %+v are equal only in the order", a, b)
		}
		if a.Compare(b) <= 0 && b.Compare(c) <= 0 && a.Compare(c) > 0 {
			t.Fatalf("%+v, %+v, %+v go round", a, b, c)
		}
		if a != (paxos.Ballot{}) && !(paxos.Ballot{}).Less(a) {
			t.Fatalf("the zero ballot is not below %+v", a)
		}
	})
}

func TestABallotIsShownAsNumberAndProposer(t *testing.T) {
	for want, b := range map[string]paxos.Ballot{"none": {}, "7.p1": {Number: 7, Proposer: "p1", Start: 99}} {
		if b.String() != want {
			t.Errorf("%+v is shown as %q, want %q", b, b.String(), want)
		}
	}
}

func TestNodeIDsAreLabels(t *testing.T) {
	for id, good := range map[paxos.NodeID]bool{
		"a": true, "acceptor1": true, "A-1": true, paxos.NodeID(strings.Repeat("a", 63)): true,
		"": false, paxos.NodeID(strings.Repeat("a", 64)): false, "a.b": false, "a b": false, "a/b": false, "ação": false, "a_b": false, "a\x00": false,
	} {
		if err := paxos.CheckNodeID(id); (err == nil) != good {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestADigestChangesWithEveryPartOfAValue(t *testing.T) {
	c := paxos.Command{Session: 1, Sequence: 2, Confirmed: 1, Admitted: 3, Client: "c", Key: "k", Body: []byte("b")}
	values := []paxos.Value{{}, {Time: 1}, {Commands: []paxos.Command{c}}, {Commands: []paxos.Command{c, c}}}
	for _, change := range []func(*paxos.Command){
		func(c *paxos.Command) { c.Session++ }, func(c *paxos.Command) { c.Sequence++ }, func(c *paxos.Command) { c.Confirmed++ },
		func(c *paxos.Command) { c.Admitted++ }, func(c *paxos.Command) { c.Client = "d" }, func(c *paxos.Command) { c.Key = "l" },
		func(c *paxos.Command) { c.Body = []byte("c") }, func(c *paxos.Command) { c.Key, c.Body = "kb", nil },
	} {
		other := c
		change(&other)
		values = append(values, paxos.Value{Commands: []paxos.Command{other}})
	}
	seen := map[paxos.Digest]int{}
	for i, v := range values {
		if j, ok := seen[v.Digest()]; ok {
			t.Errorf("values %d and %d share a digest", i, j)
		}
		seen[v.Digest()] = i
		if again := values[i].Digest(); again != v.Digest() {
			t.Errorf("value %d has two digests", i)
		}
	}
}

func TestAValueThatTravelledHasTheSameDigest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := filled(drawn{t}, paxos.Value{})
		e := paxos.Envelope{Message: paxos.Accept{Proposals: []paxos.Proposal{{Slot: 1, Value: v}}}}
		got, err := paxos.DecodeEnvelope(paxos.AppendEnvelope(nil, e))
		if err != nil {
			t.Fatal(err)
		}
		if got.Message.(paxos.Accept).Proposals[0].Value.Digest() != v.Digest() {
			t.Fatal("the digest changed on the way")
		}
	})
}

func TestOnlyAValueWithoutCommandsIsANoop(t *testing.T) {
	if !(paxos.Value{Time: 7}).IsNoop() || (paxos.Value{Commands: []paxos.Command{{}}}).IsNoop() {
		t.Error("a no-op is a value without commands, whatever its time")
	}
}

func TestAValuesSizeIsAboutItsBinaryForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := filled(drawn{t}, paxos.Value{})
		binary := len(paxos.AppendEnvelope(nil, paxos.Envelope{Message: paxos.Accept{Proposals: []paxos.Proposal{{Value: v}}}}))
		if binary > v.Size()+64 {
			t.Fatalf("said to take %d bytes, takes %d", v.Size(), binary)
		}
	})
}

// The generator is splitmix64; its first numbers for this seed are published.
func TestTheDiceAreSplitmix64(t *testing.T) {
	d := paxos.Dice(1234567)
	for _, want := range []int{6457827717110365317, 3203168211198807973, 9817491932198370423 - math.MaxInt64} {
		if got := d.Below(math.MaxInt64); got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
}

func TestTheDiceStayInTheirRangeAndReachAllOfIt(t *testing.T) {
	d := paxos.Dice(1)
	for _, n := range []int{1, 2, 3, 10, 100} {
		seen := map[int]bool{}
		for range 100 * n {
			k := d.Below(n)
			if k < 0 || k >= n {
				t.Fatalf("Below(%d) gave %d", n, k)
			}
			seen[k] = true
		}
		if len(seen) != n {
			t.Errorf("Below(%d) gave only %d different numbers", n, len(seen))
		}
	}
}
