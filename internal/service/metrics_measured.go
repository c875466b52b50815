package service

import (
	"time"

	"paxos/internal/config"
	"paxos/internal/metrics"
	"paxos/internal/rest"
	"paxos/internal/sched"
	"paxos/paxos"
)

// measured is what is measured as it happens: in the loop, where it is told the
// events of each turn, at the journal and at the edge. It formats and allocates
// nothing there.
type measured struct {
	set      *metrics.Set
	turns    *metrics.Histogram
	watch    eventMeter // nil for none
	syncTook *metrics.Histogram
	syncSize *metrics.Histogram
	server   rest.Measures
	crowd    sched.Crowd
	each     bool // item of a turn is one more in the crowd
}

// eventMeter measures by the events of a role.
type eventMeter interface {
	event(at time.Time, e *paxos.Event)
}

// Turned implements node.Meter.
func (m *measured) Turned(at time.Time, items int, events []paxos.Event) {
	if items > 0 { // else it was a tick
		m.turns.Observe(items)
	}
	if m.each {
		m.crowd.Add(items)
	}
	if m.watch == nil {
		return
	}
	for i := range events {
		m.watch.event(at, &events[i])
		if k := events[i].Kind; k == paxos.EventChosen || k == paxos.EventApplied {
			m.crowd.Add(events[i].Count)
		}
	}
}

// synced gives what the journal is to tell of its syncs.
func (m *measured) synced() func(records int, took time.Duration) {
	return func(records int, took time.Duration) {
		m.syncTook.Took(took)
		m.syncSize.Observe(records)
	}
}

// measure makes what a node of this role measures.
func measure(s *config.Settings) *measured {
	set := metrics.New(string(s.ID), string(s.Role))
	m := &measured{set: set, turns: set.Histogram("paxos_turn_messages", "Messages and looks in one turn of the loop: the batch that is stepped, synced and sent together.", metrics.Many)}
	m.server.Crowd = &m.crowd
	m.server.Requests = set.Requests("paxos_http_requests_total", "Requests by route and class of status; streams between nodes (1xx) count when they end. What has no route is none.",
		"paxos_http_request_seconds", "How long requests took, by route; watches and other streams are left out.")
	switch s.Role {
	case paxos.ProposerRole:
		m.watch = measureLeading(set)
	case paxos.AcceptorRole:
		m.watch = measureVoting(set)
		m.syncTook = set.Histogram("paxos_journal_sync_seconds", "How long it took to write a batch to the journal and to make it durable (fsync).", metrics.Quick)
		m.syncSize = set.Histogram("paxos_journal_sync_records", "Records in one batch: so many share a sync.", metrics.Many)
	case paxos.LearnerRole:
		m.watch = measureLearning(set)
		m.server.Read = set.Histogram("paxos_quorum_read_seconds", "How long a linearizable read waited for the acceptors and for its slot to be applied, of those that were answered.", metrics.Slow)
		outcomes := set.Counts("paxos_quorum_reads_total", "Linearizable reads, by outcome: answered, or refused (no quorum, a slot that was not applied in time, a reader who left).", "outcome", "answered", "refused")
		m.server.ReadAnswered, m.server.ReadRefused = outcomes[0], outcomes[1]
	case paxos.ClientRole:
		m.watch, m.each = measureSending(set), true
		learners := s.Configuration().Learners
		words := make([]string, len(learners))
		for i, id := range learners {
			words[i] = string(id)
		}
		m.server.Served = map[paxos.NodeID]*metrics.Count{}
		for i, c := range set.Counts("paxos_reads_served_total", "Reads that were passed on, by the learner that answered.", "learner", words...) {
			m.server.Served[learners[i]] = c
		}
	}
	return m
}

// byReason are counters by reason; those that are not asked for are nil.
type byReason [paxos.DiskFull + 1]*metrics.Count

func countReasons(set *metrics.Set, name, help string, reasons ...paxos.Reason) (list byReason) {
	words := make([]string, len(reasons))
	for i, r := range reasons {
		words[i] = r.String()
	}
	for i, c := range set.Counts(name, help, "reason", words...) {
		list[reasons[i]] = c
	}
	return list
}

// leading measures a proposer.
type leading struct {
	stood, won     *metrics.Count
	down, refused  byReason
	phase1, phase2 *metrics.Histogram
	commands       *metrics.Histogram

	campaign time.Time
	slots    [flightSlots]proposed // by slot, modulo their number
}

// flightSlots is more than a leader proposes before the first of them is chosen
// (config.Settings.Window, and what it proposes again).
const flightSlots = 2048

// proposed is when an Accept for a slot first left in this lead.
type proposed struct {
	slot paxos.Slot
	at   time.Time
}

func measureLeading(set *metrics.Set) *leading {
	return &leading{
		stood: set.Count("paxos_elections_stood_total", "Elections that it stood in: it sent a Prepare with a new ballot."),
		won:   set.Count("paxos_elections_won_total", "Elections that it won."),
		down: countReasons(set, "paxos_stepped_down_total", "Attempts and leads that it gave up, by reason; preempted is a higher ballot of another proposer.",
			paxos.Preempted, paxos.NoQuorum, paxos.TooFar, paxos.Stopping),
		refused: countReasons(set, "paxos_commands_refused_total", "Commands that it refused, by reason.",
			paxos.NotLeading, paxos.NoQuorum, paxos.Overloaded, paxos.Stopping, paxos.SteppedDown, paxos.DiskFull),
		phase1:   set.Histogram("paxos_phase1_seconds", "From the first Prepare of a ballot until a quorum's promises were whole, of elections that were won.", metrics.Quick),
		phase2:   set.Histogram("paxos_phase2_seconds", "From the first Accept for a slot until a quorum had accepted it: the slot is chosen.", metrics.Quick),
		commands: set.Histogram("paxos_slot_commands", "Commands in each slot that was chosen; a no-op has none. The count is that of slots, the sum that of commands.", metrics.Many),
	}
}

func (l *leading) event(at time.Time, e *paxos.Event) {
	switch e.Kind {
	case paxos.EventCampaign:
		l.stood.Add(1)
		l.campaign = at
	case paxos.EventElected:
		l.won.Add(1)
		l.phase1.Took(at.Sub(l.campaign))
		l.slots = [flightSlots]proposed{} // what an earlier lead proposed is another proposal
	case paxos.EventSteppedDown:
		l.down[e.Reason].Add(1)
	case paxos.EventRefused:
		l.refused[e.Reason].Add(e.Count)
	case paxos.EventAccept:
		for slot := e.Slot; slot < e.Slot+paxos.Slot(e.Count); slot++ {
			if p := &l.slots[slot%flightSlots]; p.slot != slot {
				*p = proposed{slot, at}
			}
		}
	case paxos.EventChosen:
		l.commands.Observe(e.Count)
		if p := &l.slots[e.Slot%flightSlots]; p.slot == e.Slot {
			l.phase2.Took(at.Sub(p.at))
		}
	}
}

// voting measures an acceptor.
type voting struct {
	nacks       byReason
	truncations *metrics.Count
}

func measureVoting(set *metrics.Set) *voting {
	return &voting{
		nacks: countReasons(set, "paxos_nacks_total", "Refusals, by reason: preempted are duels and old leaders, not-member is an acceptor that does not vote, two-values a broken invariant.",
			paxos.Preempted, paxos.BelowFloor, paxos.TooFar, paxos.NotMember, paxos.TwoValues),
		truncations: set.Count("paxos_truncations_total", "How often the log was truncated."),
	}
}

func (v *voting) event(_ time.Time, e *paxos.Event) {
	switch e.Kind {
	case paxos.EventNack:
		v.nacks[e.Reason].Add(1)
	case paxos.EventTruncated:
		v.truncations.Add(1)
	}
}

// learningMeter measures a learner.
type learningMeter struct{ commands, questions, caughtUp *metrics.Count }

func measureLearning(set *metrics.Set) *learningMeter {
	return &learningMeter{
		commands:  set.Count("paxos_commands_applied_total", "Commands of slots that were applied, copies included."),
		questions: set.Count("paxos_quorum_read_questions_total", "Questions to the acceptors for reads; reads that wait share one."),
		caughtUp:  set.Count("paxos_catch_up_slots_total", "Slots that other learners told, because they were missing here."),
	}
}

func (l *learningMeter) event(_ time.Time, e *paxos.Event) {
	switch e.Kind {
	case paxos.EventApplied:
		l.commands.Add(e.Count)
	case paxos.EventRead:
		l.questions.Add(1)
	case paxos.EventCatchUp:
		l.caughtUp.Add(e.Count)
	}
}

// sending measures a client service.
type sending struct{ proposed *metrics.Count }

func measureSending(set *metrics.Set) *sending {
	return &sending{set.Count("paxos_commands_proposed_total", "Commands sent to proposers, each copy of them, and those that open sessions; far above paxos_sends_total, many were sent again.")}
}

func (s *sending) event(_ time.Time, e *paxos.Event) {
	if e.Kind == paxos.EventPropose {
		s.proposed.Add(e.Count)
	}
}
