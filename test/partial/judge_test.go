package partial

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"paxos/client"
	"paxos/paxos"
)

// The claim, in election timeouts.
const (
	leadsWithin = 4
	staysFor    = 10
)

// tale is what happened: the proposers' elections, and the acknowledged writes.
type tale struct {
	events []client.Event
	writes []write
}

type write struct{ begun, end time.Time }

// verdict is what the tale comes to, after the last cut.
type verdict struct {
	settled   client.Event  // the election that won, zero for a leader that stayed
	led       time.Duration // from the cut to it
	wrote     time.Duration // from the cut to the first answer to a write that was begun after it
	elections int           // how many were won since the cut began
	written   int           // writes begun and acknowledged afterwards, in the time that it had to stay
	gap       time.Duration // the longest between two of those
	wrong     []string
}

// judge holds a tale against the claim. The cuts were made from begun to cut;
// connected are the proposers that may lead, and stays says that the leader is
// one of them. The times of events are those of the processes' turns; those of
// writes, the test's.
func judge(t tale, begun, cut time.Time, connected []paxos.NodeID, leader paxos.NodeID, timeout time.Duration) verdict {
	var v verdict
	fail := func(form string, args ...any) { v.wrong = append(v.wrong, fmt.Sprintf(form, args...)) }
	events := slices.Clone(t.events)
	slices.SortFunc(events, func(a, b client.Event) int { return at(a).Compare(at(b)) })
	settled := cut // the moment from which somebody leads for good
	limit := cut.Add(leadsWithin * timeout)
	for _, e := range events {
		if e.Kind != "elected" || at(e).Before(begun) {
			continue
		}
		v.elections++
		if !at(e).After(limit) {
			v.settled, settled = e, at(e)
		}
	}
	end := settled.Add(staysFor * timeout)
	stays := slices.Contains(connected, leader)
	switch {
	case stays && v.elections > 0:
		fail("%s, which has a quorum, was deposed: %d elections", leader, v.elections)
	case !stays && v.settled.Kind == "":
		fail("nobody was elected within %d election timeouts", leadsWithin)
	case !stays && !slices.Contains(connected, v.settled.Node):
		fail("%s was elected, which has no quorum", v.settled.Node)
	}
	v.led = settled.Sub(cut)
	for _, e := range events {
		if at(e).After(settled) && at(e).Before(end) && (e.Kind == "elected" || e.Node == v.settled.Node || stays && e.Node == leader) {
			fail("%v after the election: %s %s under %s %s", at(e).Sub(settled).Round(time.Millisecond), e.Node, e.Kind, e.Ballot, e.Reason)
		}
	}
	v.judgeWrites(t.writes, settled, cut, end, timeout, fail)
	return v
}

// judgeWrites looks at what was begun while the leader led.
func (v *verdict) judgeWrites(writes []write, settled, cut, end time.Time, timeout time.Duration, fail func(string, ...any)) {
	last := settled
	writes = slices.Clone(writes)
	slices.SortFunc(writes, func(a, b write) int { return a.end.Compare(b.end) })
	for _, w := range writes {
		if !w.begun.After(settled) || w.end.After(end) {
			continue
		}
		if v.written++; v.written == 1 {
			v.wrote = w.end.Sub(cut)
		} else {
			v.gap = max(v.gap, w.end.Sub(last))
		}
		last = w.end
	}
	v.gap = max(v.gap, end.Sub(last))
	switch {
	case v.written == 0:
		fail("no write is acknowledged after the election")
	case v.wrote > leadsWithin*timeout:
		fail("the first write is acknowledged %v after the cut, the bound is %v", v.wrote, leadsWithin*timeout)
	}
	if v.gap > 2*timeout {
		fail("for %v no write is acknowledged, although somebody leads", v.gap)
	}
}

func at(e client.Event) time.Time {
	t, err := time.Parse(time.RFC3339Nano, e.Time)
	if err != nil {
		panic(err) // an event without a time cannot be judged
	}
	return t
}

// The judge is judged with tales that are made up: a second is an election
// timeout, and the cut is made at second 100.

func second(s float64) time.Time {
	return time.UnixMilli(int64(s * 1000)).UTC()
}

func told(s float64, node paxos.NodeID, kind string) client.Event {
	return client.Event{Time: second(s).Format("2006-01-02T15:04:05.000000Z"), Node: node, Kind: kind}
}

// writing gives a write every tenth of a second.
func writing(from, to float64) (list []write) {
	for s := from; s < to; s += 0.1 {
		list = append(list, write{second(s), second(s + 0.05)})
	}
	return list
}

func TestTheJudgeTellsAGoodTaleFromABadOne(t *testing.T) {
	p := []paxos.NodeID{"p2", "p3"}
	gone := []client.Event{told(90, "p1", "elected"), told(101, "p1", "stepped-down")}
	with := func(more ...client.Event) []client.Event { return append(slices.Clone(gone), more...) }
	for _, c := range []struct {
		name      string
		tale      tale
		connected []paxos.NodeID
		wrong     string // "" for a good tale
	}{
		{"a good one", tale{with(told(102, "p2", "elected")), writing(90, 120)}, p, ""},
		{"a duel that ends in time", tale{with(told(102, "p2", "elected"), told(102.5, "p2", "stepped-down"), told(102.5, "p3", "elected")), writing(90, 120)}, p, ""},
		{"a leader that stays", tale{gone[:1], writing(90, 120)}, []paxos.NodeID{"p1", "p2"}, ""},
		{"another election long after", tale{with(told(102, "p2", "elected"), told(113, "p3", "elected")), writing(90, 120)}, p, ""},
		{"nobody leads", tale{gone, writing(90, 120)}, p, "nobody was elected"},
		{"nobody leads in time", tale{with(told(104.1, "p2", "elected")), writing(90, 120)}, p, "nobody was elected"},
		{"one without a quorum leads", tale{with(told(102, "p4", "elected")), writing(90, 120)}, p, "p4 was elected, which has no quorum"},
		{"a livelock", tale{with(told(102, "p2", "elected"), told(107, "p3", "elected")), writing(90, 120)}, p, "p3 elected"},
		{"the new leader steps down", tale{with(told(102, "p2", "elected"), told(111, "p2", "stepped-down")), writing(90, 120)}, p, "p2 stepped-down"},
		{"a leader with a quorum is deposed", tale{with(told(103, "p2", "elected")), writing(90, 120)}, []paxos.NodeID{"p1", "p2"}, "was deposed"},
		{"a leader with a quorum steps down", tale{gone, writing(90, 120)}, []paxos.NodeID{"p1", "p2"}, "p1 stepped-down"},
		{"no writes", tale{with(told(102, "p2", "elected")), writing(90, 101)}, p, "no write is acknowledged"},
		{"writes begin late", tale{with(told(102, "p2", "elected")), writing(104, 120)}, p, "the bound is 4s"},
		{"writes end early", tale{with(told(102, "p2", "elected")), writing(90, 109)}, p, "although somebody leads"},
		{"a long pause", tale{with(told(102, "p2", "elected")), append(writing(90, 105), writing(108, 120)...)}, p, "although somebody leads"},
	} {
		v := judge(c.tale, second(99.9), second(100), c.connected, "p1", time.Second)
		if all := strings.Join(v.wrong, "; "); (all == "") != (c.wrong == "") || !strings.Contains(all, c.wrong) {
			t.Errorf("%s: judged %q, want %q", c.name, all, c.wrong)
		}
	}
}
