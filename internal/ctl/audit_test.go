package ctl

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"paxos/audit"
	"paxos/client"
	"paxos/paxos"
	"paxos/test/ports"
)

// village is a cluster of made-up nodes that keep a log: one acceptor and two
// learners. What a node says may change after it was asked for its events.
type village struct {
	mu    sync.Mutex
	logs  map[paxos.NodeID]*client.Log
	log   map[paxos.NodeID][]paxos.Entry // from its floor on
	floor map[paxos.NodeID]paxos.Slot
	asked map[paxos.NodeID]int
	later func(v *village, id paxos.NodeID, asked int)
}

func voted(number int) map[string]any {
	return map[string]any{"standing": "member", "store": "0000000000000007", "floor": "1", "highest": "2",
		"promise": map[string]any{"number": strconv.Itoa(number), "proposer": "proposer1", "start": "0000000000000001"}}
}

func event(number int, kind, ballot string, slot paxos.Slot) client.Event {
	return client.Event{Number: paxos.Number(number), Kind: kind, Ballot: ballot, Slot: slot}
}

func newVillage() *village {
	v := &village{logs: map[paxos.NodeID]*client.Log{}, log: map[paxos.NodeID][]paxos.Entry{}, floor: map[paxos.NodeID]paxos.Slot{}, asked: map[paxos.NodeID]int{}}
	v.logs["acceptor1"] = &client.Log{State: voted(3), Events: []client.Event{event(1, "promise", "3.proposer1", 1), event(2, "accepted", "3.proposer1", 1)}}
	for _, id := range []paxos.NodeID{"learner1", "learner2"} {
		v.logs[id] = &client.Log{State: map[string]any{"applied_watermark": "3", "log_floor": "1"}, Events: []client.Event{event(1, "applied", "3.proposer1", 1), event(2, "applied", "3.proposer1", 2)}}
		v.log[id] = []paxos.Entry{{Slot: 1, Value: paxos.Value{Time: 1}}, {Slot: 2, Value: paxos.Value{Time: 2}}}
		v.floor[id] = 1
	}
	return v
}

// start gives the address of a client service that knows the village.
func (v *village) start(t *testing.T) string {
	members := client.Members{Node: "client1"}
	for _, id := range []paxos.NodeID{"acceptor1", "learner1", "learner2"} {
		at := ports.Closed(t)
		if v.logs[id] != nil {
			at = made(t, func(w http.ResponseWriter, r *http.Request) { v.answer(w, r, id) })
		}
		members.Members = append(members.Members, client.Member{ID: id, Role: hamletRoles[string(id[:1])], REST: at, State: "alive"})
	}
	return answers(t, http.StatusOK, members)
}

func (v *village) answer(w http.ResponseWriter, r *http.Request, id paxos.NodeID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if r.URL.Path == "/view-logs" {
		l := *v.logs[id]
		l.Node, l.Role = id, hamletRoles[string(id[:1])]
		since, _ := strconv.Atoi(r.URL.Query().Get("since"))
		for len(l.Events) > 0 && int(l.Events[0].Number) <= since {
			l.Events = l.Events[1:]
		}
		if n := len(l.Events); n > 0 {
			l.Last = l.Events[n-1].Number
		}
		_ = json.NewEncoder(w).Encode(l)
		if v.asked[id]++; v.later != nil {
			v.later(v, id, v.asked[id])
		}
		return
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("from"))
	if paxos.Slot(from) < v.floor[id] {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusGone)
		_ = json.NewEncoder(w).Encode(client.Problem{Type: "urn:paxos:truncated", Status: http.StatusGone, Detail: fmt.Sprintf("%s keeps the log from slot %d on", id, v.floor[id])})
		return
	}
	page := paxos.Chosen{First: paxos.Slot(from)}
	for _, e := range v.log[id] {
		if e.Slot >= paxos.Slot(from) && len(page.Entries) == 0 { // pages of one
			page.Entries = append(page.Entries, e)
		}
	}
	_ = json.NewEncoder(w).Encode(page)
}

func TestAuditSaysWhatItSawAndWhatNot(t *testing.T) {
	t.Chdir(t.TempDir()) // where there is no local cluster
	for name, c := range map[string]struct {
		happen   func(*village)
		code     int
		checkers []string
		out      string // part of stdout
	}{
		"nothing is wrong": {func(*village) {}, ExitOK, nil, "looked at: 6 events, 2 promises and votes among them; 1 states of acceptors; 2 slots, 2 of them at more than one learner\nobjections: none\n"},
		"two values in a slot": {func(v *village) { v.log["learner2"][1].Value.Time = 9 }, ExitError, []string{audit.OneValuePerSlot},
			"OBJECTION  one-value-per-slot: slot 2: learner2 has "},
		"a vote below a promise": {func(v *village) {
			v.logs["acceptor1"].Events = append(v.logs["acceptor1"].Events, event(3, "accepted", "2.proposer9", 2))
		}, ExitError, []string{audit.PromiseRegress}, "under ballot 2.proposer9 after ballot 3.proposer1"},
		"a slot applied twice": {func(v *village) { v.logs["learner1"].Events[1].Slot = 1 }, ExitError, []string{audit.AppliedChosen}, "after slot 1"},
		"an acceptor is blank": {func(v *village) {
			v.logs["acceptor1"] = &client.Log{State: map[string]any{"standing": "blank"}}
		}, ExitOK, nil, "acceptor1  blank"},
		"a learner is silent": {func(v *village) { v.logs["learner1"] = nil }, ExitOK, nil, "not seen:  learners were not compared: the logs of 1 of them were read"},
		"no acceptor answers": {func(v *village) { v.logs["acceptor1"] = nil }, ExitUnavailable, nil, "acceptor1  silent"},
		"no learner answers":  {func(v *village) { v.logs["learner1"], v.logs["learner2"] = nil, nil }, ExitUnavailable, nil, "learner2   silent"},
		"the log is truncated": {func(v *village) {
			v.floor["learner1"], v.logs["learner1"].State = 2, map[string]any{"applied_watermark": "3", "log_floor": "2"}
		}, ExitOK, nil, "not seen:  learner1: its log below slot 2, of which it has only the state"},
		"it is truncated meanwhile": {func(v *village) { v.floor["learner1"] = 2 }, ExitOK, nil, "not seen:  learner1: a part of its log: learner1 keeps the log from slot 2 on"},
		"events are lost":           {func(v *village) { v.logs["acceptor1"].Lost = 70 }, ExitOK, nil, "not seen:  acceptor1: 70 events that it keeps no longer"},
		"a page is empty":           {func(v *village) { v.log["learner2"] = nil }, ExitOK, nil, "learner2: a part of its log: it gives nothing from slot 1 on"},
	} {
		v := newVillage()
		c.happen(v)
		at := v.start(t)
		got := run(t.Context(), nil, "audit", "--endpoints", at)
		if got.code != c.code || !strings.Contains(got.out, c.out) {
			t.Errorf("%s: want %d and %q: %v", name, c.code, c.out, got)
		}
		asJSON := run(t.Context(), nil, "audit", "--endpoints", at, "-o", "json")
		var a audited
		if err := json.Unmarshal([]byte(asJSON.out), &a); err != nil || asJSON.code != c.code || len(a.Nodes) != 3 || a.Looks != 1 {
			t.Errorf("%s: %v: %v", name, err, asJSON)
		}
		var checkers []string
		for _, o := range a.Objections {
			checkers = append(checkers, o.Checker)
		}
		if fmt.Sprint(checkers) != fmt.Sprint(c.checkers) {
			t.Errorf("%s: checkers %v object", name, checkers)
		}
	}
}

// TestAuditSeesBetweenTwoLooksWhatFalls changes a node after the first look.
func TestAuditSeesBetweenTwoLooksWhatFalls(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, c := range map[string]struct {
		change   func(*village)
		checkers []string
	}{
		"nothing":         {func(*village) {}, nil},
		"a promise falls": {func(v *village) { v.logs["acceptor1"].State = voted(2) }, []string{audit.PromiseRegress}},
		"a new process":   {func(v *village) { v.logs["acceptor1"].Start, v.logs["acceptor1"].Events = "new", nil }, nil},
		"a new process is read from its start": {func(v *village) {
			v.logs["acceptor1"].Start = "new"
			v.logs["acceptor1"].Events = []client.Event{event(1, "promise", "9.proposer1", 1), event(2, "promise", "8.proposer1", 1)}
		}, []string{audit.PromiseRegress}},
		"its promises go on": {func(v *village) {
			v.logs["acceptor1"].Events = append(v.logs["acceptor1"].Events, event(3, "promise", "2.x", 1))
		}, []string{audit.PromiseRegress}},
		"a learner begins anew": {func(v *village) {
			v.logs["learner1"].Start, v.log["learner1"][0].Value.Time = "new", 5
			v.logs["learner1"].State = map[string]any{"applied_watermark": "2", "log_floor": "1"}
		}, []string{audit.OneValuePerSlot}},
	} {
		v := newVillage()
		v.later = func(v *village, id paxos.NodeID, asked int) {
			if id == "learner2" && asked == 1 {
				c.change(v)
			}
		}
		got := run(t.Context(), nil, "audit", "--watch", lookAgain.String(), "--endpoints", v.start(t), "-o", "json")
		var a audited
		if err := json.Unmarshal([]byte(got.out), &a); err != nil || a.Looks < 2 {
			t.Fatalf("%s: %v: %v", name, err, got)
		}
		seen := map[string]bool{}
		for _, o := range a.Objections {
			seen[o.Checker] = true
		}
		if len(seen) != len(c.checkers) || len(c.checkers) > 0 && !seen[c.checkers[0]] || (got.code == ExitError) != (len(seen) > 0) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAuditOfTraces(t *testing.T) {
	dir := t.TempDir()
	configuration := paxos.Configuration{Acceptors: []paxos.NodeID{"acceptor1", "acceptor2", "acceptor3"}, Learners: []paxos.NodeID{"learner1"}}
	write := func(id paxos.NodeID, messages ...paxos.Message) {
		w, err := audit.Create(dir, audit.Start{Node: id, Process: uint64(time.Now().UnixNano()), Configuration: configuration, Started: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			if err := w.Turned(nil, []paxos.Envelope{{From: id, Message: m}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write("acceptor1")
	ballot := paxos.Ballot{Number: 1, Proposer: "proposer1", Start: 1}
	write("proposer1", paxos.Prepare{Ballot: ballot, First: 1}, paxos.Heartbeat{Ballot: ballot, Chosen: 7})
	got := run(t.Context(), nil, "audit", "--traces", dir)
	if got.code != ExitUnavailable || !strings.Contains(got.out, "objections: none") || !strings.Contains(got.out, "not judged: watermarks above slot 1") ||
		!strings.Contains(got.out, "learner1 has no trace: what it applied") || !strings.Contains(got.err, "fewer acceptors than a quorum have traces") {
		t.Error(got)
	}
	dir = t.TempDir()
	write("acceptor1")
	write("acceptor2")
	write("proposer1", paxos.Prepare{Ballot: ballot, First: 1})
	got = run(t.Context(), nil, "audit", "--traces", dir)
	if got.code != ExitOK || !strings.Contains(got.out, "3 traces of ") || !strings.Contains(got.out, "acceptor3 has no trace") || !strings.Contains(got.out, "objections: none") {
		t.Error(got)
	}
	write("proposer1", paxos.Heartbeat{Ballot: ballot, Chosen: 1})
	got = run(t.Context(), nil, "audit", "--traces", dir, "-o", "json")
	var r replayed
	if err := json.Unmarshal([]byte(got.out), &r); err != nil || got.code != ExitError || len(r.Objections) != 1 || r.Objections[0].Checker != audit.OneStartPerBallot || r.Counts.Ballots != 1 || r.Files != 4 {
		t.Errorf("%v: %v", err, got)
	}
	for _, line := range []string{"audit --traces " + t.TempDir(), "audit --traces " + dir + " --watch 1s", "audit --watch -1s", "audit x"} {
		if got := run(t.Context(), nil, strings.Fields(line)...); got.code != ExitUsage {
			t.Errorf("%s: %v", line, got)
		}
	}
}
