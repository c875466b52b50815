package sim

import (
	"encoding/json"
	"fmt"
	"slices"

	"paxos/paxos"
)

// tell writes a line of the conversation, if somebody reads it: when, who, what
// it does, with whom, and the message in its JSON form.
func (w *World) tell(id paxos.NodeID, what string, other paxos.NodeID, m paxos.Message) {
	if w.trace == nil {
		return
	}
	_, _ = fmt.Fprintf(w.trace, "%11.6f  %-10s %s", float64(w.now)/million, id, what)
	if other != "" {
		_, _ = fmt.Fprintf(w.trace, " %s", other)
	}
	if m != nil {
		_, _ = fmt.Fprintf(w.trace, " %s", said(m))
	}
	_, _ = fmt.Fprintln(w.trace)
}

// tellf is tell for what is no message.
func (w *World) tellf(id paxos.NodeID, format string, args ...any) {
	if w.trace != nil {
		w.tell(id, fmt.Sprintf(format, args...), "", nil)
	}
}

// tellFault writes what a fault does, to whom and for how long; of links, which
// are cut or slow.
func (w *World) tellFault(f *Fault, h *host, done *deed) {
	if w.trace == nil {
		return
	}
	links := ""
	for _, from := range w.hosts {
		for _, to := range w.hosts {
			if slices.Contains(done.links, &w.links[from.number][to.number]) {
				links += fmt.Sprintf(" %s→%s", from.id, to.id)
			}
		}
	}
	if done.slow > 0 {
		links += fmt.Sprintf(", each message by up to %.3f s", float64(done.slow)/million)
	}
	w.tellf(h.id, "FAULT %s for %.3f s%s", f.Kind, float64(f.For)/million, links)
}

func said(m paxos.Message) string {
	switch m := m.(type) {
	case paxos.Submit:
		return fmt.Sprintf("Submit key %q, %d bytes", m.Key, len(m.Body))
	case paxos.Settled:
		return fmt.Sprintf("Settled: %s, %v, reason %v, slot %d position %d", [...]string{"known", "not applied", "unknown", "pending"}[m.Fate],
			m.Outcome.Verdict, m.Reason, m.Outcome.Slot, m.Outcome.Position)
	case paxos.SaveSnapshot:
		return fmt.Sprintf("SaveSnapshot of slot %d", m.State.Applied()-1)
	case paxos.PartWritten:
		return fmt.Sprintf("PartWritten slot %d, next %d %s", m.Slot, m.Next, m.Damaged)
	}
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Sprintf("%T (%v)", m, err)
	}
	return fmt.Sprintf("%T %s", m, text)[len("paxos."):]
}
