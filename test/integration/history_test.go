package integration

import (
	"slices"
	"sync"
	"time"

	"paxos/client"
	"paxos/paxos"
	"paxos/test/history"
)

// senders sends values through both client services until stop is closed.
func (c *cluster) senders(h *history.History, n int, stop <-chan struct{}) *sync.WaitGroup {
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
				value := h.Value()
				f, sent, _ := c.send(clients[turn%len(clients)], value)
				h.Note(value, f, sent)
			}
		})
	}
	return &wg
}

// settleAndJudge waits until both learners have everything that was
// acknowledged and the same log, and judges it.
func (c *cluster) settleAndJudge(h *history.History) {
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
		return len(logs[0]) >= h.Count(acknowledged) && slices.Equal(logs[0], logs[1])
	})
	for _, w := range h.Judge(logs[0]) {
		c.t.Error(w)
	}
	c.t.Logf("judged: %d acknowledged, %d refused, %d unknown, %d in the log", h.Count(acknowledged), h.Count(refused), h.Count(unknown), len(logs[0]))
}
