package scenes

import (
	"fmt"
	"strconv"
	"strings"

	"paxos/paxos"
)

func (s *Stage) recordText(rec paxos.Record) string {
	switch r := rec.(type) {
	case paxos.PromisedRecord:
		return fmt.Sprintf("promised %v", r.Ballot)
	case paxos.AcceptedRecord:
		return fmt.Sprintf("accepted %v: %s", r.Ballot, proposalsText(r.Proposals))
	case paxos.FloorRecord:
		return fmt.Sprintf("truncated below slot %d", r.Floor)
	case paxos.IdentityRecord:
		id := r.Identity
		text := fmt.Sprintf("%v of %s, with %s", id.Standing, s.names.cluster(id.Cluster), s.names.store(id.Store))
		if len(id.Stores) > 0 {
			text += fmt.Sprintf("; its disks are %s", s.storesText(id.Stores))
		}
		return text
	}
	return fmt.Sprintf("a record of kind %d", rec.RecordKind())
}

// sayEvent prints what a role did without a message; all else that a role
// tells of itself is seen in its messages and records.
func (s *Stage) sayEvent(a *actor, e paxos.Event) {
	id := string(a.id)
	switch e.Kind {
	case paxos.EventCampaign:
		s.say(id+" stands", fmt.Sprintf("for election, with ballot %v", e.Ballot))
	case paxos.EventElected:
		a.elected = true
		text := fmt.Sprintf("under ballot %v, for every slot from %d on", e.Ballot, e.Slot)
		if e.Count > 0 {
			text += fmt.Sprintf("; %d of them to propose again", e.Count)
		}
		s.say(id+" is elected", text)
	case paxos.EventSteppedDown:
		if a.elected {
			s.say(id+" steps down", fmt.Sprintf("from ballot %v: %v", e.Ballot, e.Reason))
		} else {
			s.say(id+" gives up", fmt.Sprintf("ballot %v: %v", e.Ballot, e.Reason))
		}
		a.elected = false
	case paxos.EventChosen:
		verb := " counts"
		if a.kind == paxos.LearnerRole {
			verb = " learns"
		}
		s.say(id+verb, fmt.Sprintf("that slot %d is chosen, under ballot %v", e.Slot, e.Ballot))
	case paxos.EventApplied:
		what := "no-op"
		if log := a.log(); int(e.Slot) <= len(log) {
			what = ValueText(log[e.Slot-1].Value)
		}
		s.say(id+" applies", fmt.Sprintf("slot %d: %s", e.Slot, what))
	case paxos.EventStanding:
		if e.Reason == paxos.NotMember {
			s.say(id+" is no voter", strings.TrimPrefix(s.why(a.why()), "; "))
		}
	case paxos.EventRejected:
		s.say(id+" counts nothing", fmt.Sprintf("of %s: %v", e.Peer, e.Reason))
	}
}

func proposalsText(list []paxos.Proposal) string {
	parts := make([]string, len(list))
	for i, p := range list {
		parts[i] = fmt.Sprintf("slot %d %s", p.Slot, ValueText(p.Value))
	}
	return strings.Join(parts, "; ")
}

func votesText(votes []paxos.Vote) string {
	parts := make([]string, len(votes))
	for i, v := range votes {
		what := "a value with digest " + v.Digest.String()
		if v.Value != nil {
			what = ValueText(*v.Value)
		}
		parts[i] = fmt.Sprintf("slot %d under %v: %s", v.Slot, v.Ballot, what)
	}
	return strings.Join(parts, "; ")
}

func slotsText(slots []paxos.Slot) string {
	parts := make([]string, len(slots))
	for i, slot := range slots {
		parts[i] = strconv.FormatUint(uint64(slot), 10)
	}
	if len(slots) == 1 {
		return "slot " + parts[0]
	}
	return "slots " + strings.Join(parts, ", ")
}

func joinIDs(ids []paxos.NodeID) string {
	parts := make([]string, len(ids))
	for i, id := range ids {
		parts[i] = string(id)
	}
	return strings.Join(parts, ", ")
}

// joinTexts joins what is not empty.
func joinTexts(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}
