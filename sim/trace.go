package sim

import (
	"encoding/json"
	"fmt"

	"paxos/paxos"
)

// tell writes a line of the conversation, if somebody reads it: when, who, what
// it does, with whom, and the message in its JSON form.
func (w *World) tell(id paxos.NodeID, what string, other paxos.NodeID, m paxos.Message) {
	if w.trace == nil {
		return
	}
	_, _ = fmt.Fprintf(w.trace, "%11.6f  %-10s %s", float64(w.now)/million, id, what)
	if m != nil {
		_, _ = fmt.Fprintf(w.trace, " %s %s", other, said(m))
	}
	_, _ = fmt.Fprintln(w.trace)
}

func said(m paxos.Message) string {
	switch m := m.(type) {
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
