package integration

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"paxos/client"
	"paxos/paxos"
)

// history is what the senders were told, value by value. Every value is sent
// once, so that what is in the log can be judged by its values alone.
type history struct {
	mu    sync.Mutex
	fates map[string]fate
	sent  map[string]client.Sent
	next  int
}

func newHistory() *history {
	return &history{fates: map[string]fate{}, sent: map[string]client.Sent{}}
}

func (h *history) value() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next++
	return fmt.Sprintf("value-%06d", h.next)
}

func (h *history) note(value string, f fate, sent client.Sent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fates[value] = f
	if f == acknowledged {
		h.sent[value] = sent
	}
}

func (h *history) count(f fate) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, got := range h.fates {
		if got == f {
			n++
		}
	}
	return n
}

// judge compares a learner's log with what the senders were told. It gives
// what is wrong: nothing acknowledged may be missing, stand elsewhere than it
// was said, or stand twice; nothing that was refused may be there.
func (h *history) judge(values []client.Value) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var wrong []string
	at := map[string]client.Value{}
	for i, v := range values {
		if i > 0 && (v.Slot < values[i-1].Slot || v.Slot == values[i-1].Slot && v.Position <= values[i-1].Position) {
			wrong = append(wrong, fmt.Sprintf("%q at slot %d.%d is out of order", v.Value, v.Slot, v.Position))
		}
		if first, twice := at[v.Value]; twice {
			wrong = append(wrong, fmt.Sprintf("%q is there twice: %d.%d and %d.%d", v.Value, first.Slot, first.Position, v.Slot, v.Position))
		}
		at[v.Value] = v
		switch f, known := h.fates[v.Value]; {
		case !known:
			wrong = append(wrong, fmt.Sprintf("%q was never sent", v.Value))
		case f == refused:
			wrong = append(wrong, fmt.Sprintf("%q was refused as not applied, and stands at %d.%d", v.Value, v.Slot, v.Position))
		}
	}
	for value, sent := range h.sent {
		got, there := at[value]
		if !there {
			wrong = append(wrong, fmt.Sprintf("%q was acknowledged at %d.%d and is lost", value, sent.Slot, sent.Position))
		} else if got.Slot != sent.Slot || got.Position != sent.Position {
			wrong = append(wrong, fmt.Sprintf("%q was acknowledged at %d.%d and stands at %d.%d", value, sent.Slot, sent.Position, got.Slot, got.Position))
		}
	}
	return wrong
}

// senders sends values through both client services until stop is closed.
func (c *cluster) senders(h *history, n int, stop <-chan struct{}) *sync.WaitGroup {
	var wg sync.WaitGroup
	clients := c.ids(paxos.ClientRole)
	for i := range n {
		wg.Go(func() {
			for turn := i; ; turn++ {
				select {
				case <-stop:
					return
				default:
				}
				value := h.value()
				f, sent, _ := c.send(clients[turn%len(clients)], value)
				h.note(value, f, sent)
			}
		})
	}
	return &wg
}

// settleAndJudge waits until both learners have everything that was
// acknowledged and the same log, and judges it.
func (c *cluster) settleAndJudge(h *history) {
	c.t.Helper()
	var logs [][]client.Value
	c.within(10*time.Second, "both learners have the same log, everything acknowledged in it", func() bool {
		logs = nil
		for _, id := range c.ids(paxos.LearnerRole) {
			values, ok := c.values(id)
			if !ok {
				return false
			}
			logs = append(logs, values)
		}
		return len(logs[0]) >= h.count(acknowledged) && slices.Equal(logs[0], logs[1])
	})
	for _, w := range h.judge(logs[0]) {
		c.t.Error(w)
	}
	c.t.Logf("judged: %d acknowledged, %d refused, %d unknown, %d in the log", h.count(acknowledged), h.count(refused), h.count(unknown), len(logs[0]))
}
