package scenes

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"paxos/kv"
	"paxos/paxos"
)

// names gives random numbers short names, in the order in which they are first
// spoken of: cluster-A, disk-1.
type names struct {
	clusters []paxos.ClusterID
	stores   []paxos.StoreID
}

func (n *names) cluster(c paxos.ClusterID) string {
	if c.IsZero() {
		return "no cluster"
	}
	return "cluster-" + string(rune('A'+place(&n.clusters, c)))
}

func (n *names) store(s paxos.StoreID) string {
	if s == 0 {
		return "no disk"
	}
	return "disk-" + strconv.Itoa(place(&n.stores, s)+1)
}

func place[T comparable](list *[]T, item T) int {
	for i, known := range *list {
		if known == item {
			return i
		}
	}
	*list = append(*list, item)
	return len(*list) - 1
}

func (s *Stage) sayLetter(arrow string, e paxos.Envelope, remark string) {
	if s.isQuiet(e.Message) {
		return
	}
	text := s.messageText(e.Message)
	if remark != "" {
		text += "  " + remark
	}
	s.say(fmt.Sprintf("%s %s %s", e.From, arrow, e.To), text)
}

// chores are what a scene may leave out: messages that nodes exchange all the
// time, and that would drown the story.
var chores = map[string][]string{
	"heartbeats": {"heartbeat", "heard"},
	"surveys":    {"survey", "surveyed"},
	"init":       {"init", "initialised", "form", "formed", "enroll"},
}

// Chores which depend on what a message holds.
const (
	idleCatchUps = "idle-catch-ups" // questions, and answers that hold nothing
	watermarks   = "watermarks"     // notify without an outcome
)

func (s *Stage) isQuiet(m paxos.Message) bool {
	switch m := m.(type) {
	case paxos.CatchUp:
		return s.quiet[idleCatchUps]
	case paxos.Chosen:
		return s.quiet[idleCatchUps] && len(m.Entries) == 0
	case paxos.Voted:
		return s.quiet[idleCatchUps] && len(m.Votes) == 0
	case paxos.Notify:
		return s.quiet[watermarks] && len(m.Outcomes) == 0
	}
	return s.quiet[m.Kind().String()]
}

func (s *Stage) messageText(m paxos.Message) string {
	for _, text := range []func(paxos.Message) string{s.phaseText, s.leaderText, s.learningText, s.askingText, s.initText} {
		if t := text(m); t != "" {
			return t
		}
	}
	return m.Kind().String()
}

// phaseText words the two phases of Paxos.
func (s *Stage) phaseText(m paxos.Message) string {
	switch m := m.(type) {
	case paxos.Prepare:
		return fmt.Sprintf("prepare ballot %v from slot %d", m.Ballot, m.First)
	case paxos.Promise:
		var parts []string
		for _, e := range m.Entries {
			parts = append(parts, fmt.Sprintf("slot %d accepted under %v: %s", e.Slot, e.Ballot, ValueText(e.Value)))
		}
		parts = append(parts, pageEnd(m.More, m.Next, len(m.Entries), "nothing accepted"))
		return fmt.Sprintf("promise ballot %v: %s%s", m.Ballot, strings.Join(parts, "; "), marks(m.Chosen, m.Floor))
	case paxos.Accept:
		return fmt.Sprintf("accept ballot %v: %s%s", m.Ballot, proposalsText(m.Proposals), marks(m.Chosen, 0))
	case paxos.Accepted:
		return fmt.Sprintf("accepted ballot %v: %s", m.Ballot, slotsText(m.Slots))
	case paxos.Nack:
		about := ""
		if m.Slot > 0 {
			about = fmt.Sprintf(", slot %d", m.Slot)
		}
		return fmt.Sprintf("nack ballot %v%s: %v; promised %v%s", m.Ballot, about, m.Reason, m.Promise, marks(0, m.Floor))
	}
	return ""
}

func pageEnd(more bool, next paxos.Slot, entries int, empty string) string {
	switch {
	case more:
		return fmt.Sprintf("more from slot %d", next)
	case entries == 0:
		return empty
	}
	return "end"
}

// marks words the watermarks that tell something.
func marks(chosen, floor paxos.Slot) string {
	text := ""
	if chosen > 1 {
		text += fmt.Sprintf("; chosen below %d", chosen)
	}
	if floor > 1 {
		text += fmt.Sprintf("; truncated below %d", floor)
	}
	return text
}

// leaderText words how nodes find out who leads.
func (s *Stage) leaderText(m paxos.Message) string {
	switch m := m.(type) {
	case paxos.Survey:
		return "survey: what did you last hear of a leader?"
	case paxos.Surveyed:
		if m.Standing != paxos.Member {
			return fmt.Sprintf("surveyed: %v; %s", m.Standing, m.Why)
		}
		led := "no leader"
		if !m.Led.IsZero() {
			led = m.Led.String()
		}
		since := fmt.Sprintf("%d ticks ago", m.Silent)
		if m.Silent == paxos.NobodyListens {
			since = "once, and nobody listens there"
		}
		return fmt.Sprintf("surveyed: heard %s %s; promised %v%s", led, since, m.Promise, marks(m.Chosen, m.Floor))
	case paxos.Heartbeat:
		return fmt.Sprintf("heartbeat %d of ballot %v%s", m.Count, m.Ballot, marks(m.Chosen, 0))
	case paxos.Heard:
		return fmt.Sprintf("heard %d of ballot %v", m.Count, m.Ballot)
	case paxos.Gone:
		return fmt.Sprintf("knock: nobody listens at %s any more", m.Node)
	case paxos.Handover:
		return fmt.Sprintf("handover: I stop leading ballot %v, do not wait", m.Ballot)
	}
	return ""
}

// learningText words what learners hear and ask.
func (s *Stage) learningText(m paxos.Message) string {
	switch m := m.(type) {
	case paxos.Learn:
		return "learn: I accepted " + votesText(m.Votes)
	case paxos.CatchUp:
		return fmt.Sprintf("catch-up: what do you know from slot %d on?", m.First)
	case paxos.Chosen:
		var parts []string
		for _, e := range m.Entries {
			parts = append(parts, fmt.Sprintf("slot %d %s", e.Slot, ValueText(e.Value)))
		}
		parts = append(parts, fmt.Sprintf("all below slot %d is applied", m.Watermark))
		return "chosen: " + strings.Join(parts, "; ")
	case paxos.Voted:
		return fmt.Sprintf("voted: %s%s", joinTexts(votesText(m.Votes), pageEnd(m.More, m.Next, len(m.Votes), "nothing")), marks(0, m.Floor))
	case paxos.Finish:
		return fmt.Sprintf("finish: please get slots %d to %d chosen", m.First, m.Next-1)
	case paxos.Notify:
		var parts []string
		for _, o := range m.Outcomes {
			parts = append(parts, fmt.Sprintf("command %d %s", o.Sequence, outcomeText(o)))
		}
		parts = append(parts, fmt.Sprintf("all below slot %d is applied", m.Applied))
		return "notify: " + strings.Join(parts, "; ")
	}
	return ""
}

// askingText words how a value reaches the leader.
func (s *Stage) askingText(m paxos.Message) string {
	switch m := m.(type) {
	case paxos.Submit:
		return "send " + bodyText(m.Body) + keyText(m.Key)
	case paxos.Settled:
		return s.settledText(m)
	case paxos.Propose:
		var parts []string
		for _, c := range m.Commands {
			parts = append(parts, fmt.Sprintf("command %d %s", c.Sequence, bodyText(c.Body)+keyText(c.Key)))
		}
		return fmt.Sprintf("propose, attempt %d: %s", m.Attempt, strings.Join(parts, "; "))
	case paxos.Proposed:
		var parts []string
		for _, p := range m.Placed {
			parts = append(parts, fmt.Sprintf("command %d is chosen in slot %d", p.Sequence, p.Slot))
		}
		return "proposed: " + strings.Join(parts, "; ")
	case paxos.Refused:
		var list []string
		for _, name := range m.Commands {
			list = append(list, fmt.Sprint(name.Sequence))
		}
		text := fmt.Sprintf("refused, attempt %d: command %s: %v", m.Attempt, strings.Join(list, ", "), m.Reason)
		if m.Uncertain {
			text += "; it may still be chosen"
		}
		if m.Leader != "" {
			text += fmt.Sprintf("; %s leads", m.Leader)
		}
		if m.Answering < m.Needed {
			text += fmt.Sprintf("; %d acceptors answer, %d are needed", m.Answering, m.Needed)
		}
		return text
	}
	return ""
}

func (s *Stage) settledText(m paxos.Settled) string {
	switch m.Fate {
	case paxos.FateKnown:
		return fmt.Sprintf("command %d: %s", m.Outcome.Sequence, outcomeText(m.Outcome))
	case paxos.FateNotApplied:
		return fmt.Sprintf("command %d: not applied: %v", m.Name.Sequence, m.Reason)
	case paxos.FateUnknown:
		return fmt.Sprintf("command %d: unknown: it may have been applied, or may yet be", m.Name.Sequence)
	}
	return fmt.Sprintf("command %d: pending", m.Name.Sequence)
}

// initText words how blank disks become a cluster.
func (s *Stage) initText(m paxos.Message) string {
	switch m := m.(type) {
	case paxos.Init:
		return "init: make a cluster of the configured acceptors"
	case paxos.Initialised:
		text := fmt.Sprintf("initialised: %v, %s", m.Progress, s.names.cluster(m.Cluster))
		if len(m.Waiting) > 0 {
			text += fmt.Sprintf("; waiting for %s", joinIDs(m.Waiting))
		}
		return text + s.why(m.Why)
	case paxos.Form:
		if m.NewCluster.IsZero() {
			return "form: where do you stand?"
		}
		return fmt.Sprintf("form: take part in %s", s.names.cluster(m.NewCluster))
	case paxos.Formed:
		if m.Standing == paxos.Blank {
			return "formed: I am blank"
		}
		return fmt.Sprintf("formed: I am %v in %s, with %s", m.Standing, s.names.cluster(m.Current), s.names.store(m.Store))
	case paxos.Enroll:
		return fmt.Sprintf("enroll: be a member of %s; its disks are %s", s.names.cluster(m.NewCluster), s.storesText(m.Stores))
	}
	return ""
}

func (s *Stage) storesText(stores []paxos.StoreOf) string {
	var list []string
	for _, o := range stores {
		list = append(list, s.names.store(o.Store))
	}
	return strings.Join(list, ", ")
}

// why words a reason in full sentences, with short names for the clusters.
func (s *Stage) why(text string) string {
	for _, c := range s.names.clusters {
		text = strings.ReplaceAll(text, "cluster "+c.String(), s.names.cluster(c))
	}
	if text == "" {
		return ""
	}
	return "; " + text
}

func (s *Stage) headerText(err error) string {
	var wrong *paxos.HeaderError
	if errors.As(err, &wrong) && wrong.Field == "cluster" {
		return "it is of another cluster, or of none"
	}
	return err.Error()
}

// bodyText words the body of a command: an appended value is quoted.
func bodyText(body []byte) string {
	if len(body) >= 2 {
		rest := string(body[2:])
		switch {
		case bytes.Equal(body, kv.Append(rest)):
			return strconv.Quote(rest)
		case bytes.Equal(body, kv.BurnKey(rest)):
			return "burn key " + strconv.Quote(rest)
		}
	}
	return fmt.Sprintf("%x", body)
}

// ValueText words what a slot holds: its commands in order, or a no-op.
func ValueText(v paxos.Value) string {
	if v.IsNoop() {
		return "no-op"
	}
	var list []string
	for _, c := range v.Commands {
		list = append(list, bodyText(c.Body))
	}
	return strings.Join(list, " + ")
}

func keyText(key string) string {
	if key == "" {
		return ""
	}
	return " under key " + strconv.Quote(key)
}

func outcomeText(o paxos.Outcome) string {
	text := fmt.Sprintf("%v in slot %d", o.Verdict, o.Slot)
	if o.Position > 0 {
		text += fmt.Sprintf(", position %d", o.Position)
	}
	return text
}
