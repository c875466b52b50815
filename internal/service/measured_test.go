package service

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"paxos/internal/config"
	"paxos/internal/node"
	"paxos/kv"
	"paxos/learner"
	"paxos/paxos"
)

// measuredNode is what a node measures, and its settings.
type measuredNode struct {
	*measured
	settings *config.Settings
}

func measuredRole(t testing.TB, role paxos.RoleName) measuredNode {
	t.Helper()
	set := pflag.NewFlagSet(string(role), pflag.ContinueOnError)
	s := config.Flags(set, role)
	flags := []string{}
	if s.HasDisk() {
		flags = []string{"--data", t.TempDir()}
	}
	if err := set.Parse(flags); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	return measuredNode{measure(s), s}
}

// everything is a turn in which everything happens, for each reason.
func everything() (events []paxos.Event) {
	for kind := paxos.EventPrepare; kind <= paxos.EventRead; kind++ {
		for reason := paxos.NoReason; reason <= paxos.DiskFull; reason++ {
			events = append(events, paxos.Event{Kind: kind, Slot: 7, Count: 3, Reason: reason, Ballot: paxos.Ballot{Number: 1}})
		}
	}
	return events
}

var allRoles = []paxos.RoleName{paxos.ProposerRole, paxos.AcceptorRole, paxos.LearnerRole, paxos.ClientRole}

// TestWhatTheLoopTellsCostsNoMemory: the loop's goroutine is the one on which
// everything waits.
func TestWhatTheLoopTellsCostsNoMemory(t *testing.T) {
	events, at := everything(), time.Now()
	for _, role := range allRoles {
		m := measuredRole(t, role)
		if n := testing.AllocsPerRun(200, func() { m.Turned(at, 5, events) }); n != 0 {
			t.Errorf("the %s allocates %v times a turn", role, n)
		}
	}
	synced := measuredRole(t, paxos.AcceptorRole).synced()
	if n := testing.AllocsPerRun(200, func() { synced(4, time.Millisecond) }); n != 0 {
		t.Errorf("a sync allocates %v times", n)
	}
}

// shown is a scrape of what was measured.
func shown(m measuredNode) string {
	w := httptest.NewRecorder()
	m.set.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

// says fails the test unless the samples are there; of the labels, those that
// are named stand first.
func says(t *testing.T, text string, samples ...string) {
	t.Helper()
next:
	for _, want := range samples {
		head, value, _ := strings.Cut(want, " ")
		for line := range strings.Lines(text) {
			if rest, same := strings.CutPrefix(strings.TrimSpace(line), head); same && strings.HasSuffix(rest, "} "+value) {
				continue next
			}
		}
		t.Errorf("it does not say %s:\n%s", want, text)
	}
}

// TestPhasesAreTakenFromWhatHappens: each slot once, from its first Accept, and
// nothing across two leads.
func TestPhasesAreTakenFromWhatHappens(t *testing.T) {
	m := measuredRole(t, paxos.ProposerRole)
	now := time.Now()
	turn := func(after time.Duration, events ...paxos.Event) {
		now = now.Add(after)
		m.Turned(now, 0, events)
	}
	turn(0, paxos.Event{Kind: paxos.EventCampaign})
	turn(time.Second, paxos.Event{Kind: paxos.EventSteppedDown, Reason: paxos.Preempted})
	turn(0, paxos.Event{Kind: paxos.EventCampaign})
	turn(2*time.Second, paxos.Event{Kind: paxos.EventElected}, paxos.Event{Kind: paxos.EventAccept, Slot: 10, Count: 3})
	turn(time.Second, paxos.Event{Kind: paxos.EventAccept, Slot: 12, Count: 1}) // 12 is in the air already
	turn(time.Second, paxos.Event{Kind: paxos.EventChosen, Slot: 12, Count: 5}, paxos.Event{Kind: paxos.EventChosen, Slot: 10})
	turn(time.Second, paxos.Event{Kind: paxos.EventSteppedDown, Reason: paxos.NoQuorum}, paxos.Event{Kind: paxos.EventRefused, Reason: paxos.SteppedDown, Count: 4})
	turn(0, paxos.Event{Kind: paxos.EventCampaign})
	turn(0, paxos.Event{Kind: paxos.EventElected}, paxos.Event{Kind: paxos.EventAccept, Slot: 11, Count: 1})
	turn(time.Second, paxos.Event{Kind: paxos.EventChosen, Slot: 11, Count: 2})
	turn(time.Second, paxos.Event{Kind: paxos.EventChosen, Slot: 11 + flightSlots, Count: 1}) // nobody knows since when
	says(t, shown(m), "paxos_elections_stood_total{ 3", "paxos_elections_won_total{ 2", "paxos_phase1_seconds_count{ 2", "paxos_phase1_seconds_sum{ 2",
		"paxos_phase2_seconds_count{ 3", "paxos_phase2_seconds_sum{ 5", "paxos_slot_commands_count{ 4", "paxos_slot_commands_sum{ 8", "paxos_turn_messages_count{ 0",
		`paxos_stepped_down_total{node="proposer1",reason="preempted" 1`, `paxos_stepped_down_total{node="proposer1",reason="no-quorum" 1`,
		`paxos_commands_refused_total{node="proposer1",reason="stepped-down" 4`, `paxos_commands_refused_total{node="proposer1",reason="overloaded" 0`)
}

func TestWhatEachRoleCounts(t *testing.T) {
	for role, want := range map[paxos.RoleName][]string{
		paxos.AcceptorRole: {`paxos_nacks_total{node="acceptor1",reason="preempted" 1`, `paxos_nacks_total{node="acceptor1",reason="two-values" 1`, "paxos_truncations_total{ 13"},
		paxos.LearnerRole:  {"paxos_commands_applied_total{ 39", "paxos_quorum_read_questions_total{ 13", "paxos_catch_up_slots_total{ 39"},
		paxos.ClientRole:   {"paxos_commands_proposed_total{ 39"},
	} {
		m := measuredRole(t, role)
		m.Turned(time.Now(), 5, everything())
		says(t, shown(m), append(want, "paxos_turn_messages_sum{ 5")...)
	}
}

// TestALearnerThatMissesSlotsLags: it heard of slot 3 and of nothing before it.
func TestALearnerThatMissesSlotsLags(t *testing.T) {
	m := measuredRole(t, paxos.LearnerRole)
	s := m.settings
	stores := []paxos.StoreOf{{Acceptor: "acceptor1", Store: 11}, {Acceptor: "acceptor2", Store: 12}, {Acceptor: "acceptor3", Store: 13}}
	l := learner.New(learner.Config{Node: s.ID, Configuration: s.Configuration(), PullTicks: 10, FinishTicks: 50, BeatTicks: 20, PageBytes: 1 << 20}, kv.New())
	r := &running{settings: s, measured: m.measured}
	r.parts.Learner = l
	r.learnerMetrics(m.set.Group(nil))
	handler := m.set.Handler()
	from := func(id paxos.NodeID, message paxos.Message) {
		l.Step(paxos.Envelope{From: id, To: s.ID, Cluster: paxos.ClusterID{1}, Config: s.Configuration().Stamp(), Message: message})
	}
	for _, store := range stores {
		from(store.Acceptor, paxos.Surveyed{Standing: paxos.Member, Store: store.Store, Stores: stores})
	}
	look := func() string {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		return w.Body.String()
	}
	says(t, look(), "paxos_lag_slots{ 0", "paxos_lag_seconds{ 0", "paxos_applied_watermark_slot{ 1")
	value := paxos.Value{Time: 1}
	from("acceptor1", paxos.Learn{Store: 11, Life: paxos.Life{Starts: 1}, Votes: []paxos.Vote{{Slot: 3, Ballot: paxos.Ballot{Number: 1, Proposer: "proposer1", Start: 1}, Digest: value.Digest(), Value: &value}}})
	for range 150 {
		l.Tick()
	}
	says(t, look(), "paxos_lag_slots{ 3", "paxos_lag_seconds{ 1.5", "paxos_open_slots{ 1", "paxos_heard_highest_slot{ 3", "paxos_watchers{ 0", "paxos_acceptors_cloned{ 0")
	from("acceptor1", paxos.Learn{Store: 11, Life: paxos.Life{Starts: 1, Run: 2}})
	says(t, look(), "paxos_acceptors_cloned{ 1")
}

// idle is a role that does one thing in every step.
type idle struct{ events []paxos.Event }

func (r *idle) Header() paxos.Header { return paxos.Header{Node: "p1", Cluster: paxos.ClusterID{1}} }
func (r *idle) Step(paxos.Envelope) paxos.Effects {
	return paxos.Effects{Events: r.events}
}
func (r *idle) Flush() paxos.Effects { return paxos.Effects{} }
func (r *idle) Tick() paxos.Effects  { return paxos.Effects{} }

type nowhere struct{}

func (nowhere) Send([]paxos.Envelope) {}

// BenchmarkTurn is a turn of the loop with 16 messages, each of which brings two
// events, measured and not.
func BenchmarkTurn(b *testing.B) {
	m := measuredRole(b, paxos.ProposerRole)
	for name, meter := range map[string]node.Meter{"bare": nil, "measured": m.measured} {
		b.Run(name, func(b *testing.B) {
			role := &idle{events: []paxos.Event{{Kind: paxos.EventAccept, Slot: 9, Count: 1}, {Kind: paxos.EventChosen, Slot: 9, Count: 4}}}
			loop := node.New(node.Options{Role: role, Network: nowhere{}, Tick: time.Second, Now: time.Now, Meter: meter})
			batch := make([]node.Item, 16)
			for i := range batch {
				batch[i].Envelope = role.Header().Envelope("p1", paxos.Heard{})
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := loop.Turn(batch, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
