package node

import (
	"testing"

	"paxos/paxos"
)

func TestAProposeIsAnsweredWhenAllOfItIs(t *testing.T) {
	name := func(n paxos.Sequence) paxos.Command { return paxos.Command{Session: 1, Sequence: n} }
	names := func(list ...paxos.Sequence) (names []paxos.CommandName) {
		for _, n := range list {
			names = append(names, name(n).Name())
		}
		return names
	}
	placed := func(n paxos.Sequence) paxos.Placed { return paxos.Placed{Session: 1, Sequence: n, Slot: 7} }
	for _, c := range []struct {
		what    string
		answers []paxos.Message
		whole   []bool
		want    paxos.Message
	}{
		{"in two slots", []paxos.Message{paxos.Proposed{Placed: []paxos.Placed{placed(1)}}, paxos.Proposed{Placed: []paxos.Placed{placed(2)}}}, []bool{false, true},
			paxos.Proposed{Placed: []paxos.Placed{placed(1), placed(2)}}},
		{"refused at once", []paxos.Message{paxos.Refused{Commands: names(1, 2), Reason: paxos.NotLeading}}, []bool{true},
			paxos.Refused{Commands: names(1, 2), Reason: paxos.NotLeading}},
		{"one chosen, then refused", []paxos.Message{paxos.Proposed{Placed: []paxos.Placed{placed(1)}}, paxos.Refused{Commands: names(2), Reason: paxos.NoQuorum}},
			[]bool{false, true}, paxos.Refused{Commands: names(2), Reason: paxos.NoQuorum, Uncertain: true}},
		{"one refused, and nothing said of the other", []paxos.Message{paxos.Refused{Commands: names(2), Reason: paxos.NoQuorum}},
			[]bool{true}, paxos.Refused{Commands: names(2), Reason: paxos.NoQuorum, Uncertain: true}},
	} {
		a := &asked{}
		a.expect(paxos.Propose{Commands: []paxos.Command{name(1), name(2), name(2)}})
		for i, m := range c.answers {
			got, whole := a.gather(paxos.Envelope{Message: m})
			if whole != c.whole[i] {
				t.Errorf("%s: after %d answers whole is %v", c.what, i+1, whole)
			}
			if whole && !equal(got.Message, c.want) {
				t.Errorf("%s: %+v", c.what, got.Message)
			}
		}
	}
}

func equal(a, b paxos.Message) bool {
	envelope := func(m paxos.Message) string { return string(paxos.AppendEnvelope(nil, paxos.Envelope{Message: m})) }
	return envelope(a) == envelope(b)
}
