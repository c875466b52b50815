package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paxos/client"
	"paxos/paxos"
	"paxos/test/history"
)

// Issue point 4: the leader killed under load, ten times; the time to the
// first success by a new leader.
func TestLeaderKilled(t *testing.T) {
	c := start(t)
	h := history.New("value-")
	stop := make(chan struct{})
	wg := c.senders(h, 4, stop)
	kills := 10
	var times []time.Duration
	for range kills {
		leader := c.leader()
		n := h.Count(acknowledged)
		c.within(5*time.Second, "load under "+string(leader), func() bool { return h.Count(acknowledged) > n+20 })
		c.must(c.Kill(leader))
		killed := time.Now()
		// Answers of the old leader are on their way; a value sent after its
		// death is the proof.
		for acked := false; !acked; {
			if time.Since(killed) > 10*time.Second {
				t.Fatal("no send succeeds within 10 s, five times the bound")
			}
			v := h.Value()
			f, sent, _ := c.send("client2", v)
			h.Note(v, f, sent)
			acked = f == acknowledged
		}
		times = append(times, time.Since(killed))
		c.must(c.Start(leader))
	}
	close(stop)
	wg.Wait()
	slices.Sort(times)
	median := times[len(times)/2]
	t.Logf("first success after the leader's kill -9: median of %d kills %v (bound 2s), all: %v", kills, median.Round(time.Millisecond), rounded(times))
	c.settleAndJudge(h)
}

func rounded(times []time.Duration) []time.Duration {
	list := slices.Clone(times)
	for i := range list {
		list[i] = list[i].Round(time.Millisecond)
	}
	return list
}

// Issue point 4: the leader paused and resumed; nothing acknowledged by both
// sides, no slot with two values.
func TestLeaderPaused(t *testing.T) {
	c := start(t)
	h := history.New("value-")
	stop := make(chan struct{})
	wg := c.senders(h, 4, stop)
	old := c.leader()
	c.within(5*time.Second, "load under "+string(old), func() bool { return h.Count(acknowledged) > 50 })
	c.must(c.Pause(old))
	n := h.Count(acknowledged)
	paused := time.Now()
	c.within(2*time.Second, "somebody else leads", func() bool { return h.Count(acknowledged) > n+20 })
	for ; time.Since(paused) < 10*time.Second; time.Sleep(20 * time.Millisecond) {
	}
	// What reached the old leader while it was frozen is what it does first.
	direct := c.proposeDirectly(h, old, 8)
	c.must(c.Resume(old))
	late := c.proposeDirectly(h, old, 8)
	direct.Wait()
	late.Wait()
	c.within(2*time.Second, "the old leader steps down", func() bool {
		var l client.Leader
		return c.get(old, "/leader", &l) && !l.Leading
	})
	close(stop)
	wg.Wait()
	c.settleAndJudge(h)
	c.sameSlots()
}

// proposeDirectly posts values to one proposer, one after the other, and notes
// what it answers; what it answers at all is for the judge.
func (c *cluster) proposeDirectly(h *history.History, id paxos.NodeID, n int) *sync.WaitGroup {
	var wg sync.WaitGroup
	var begun sync.WaitGroup
	for range n {
		v := h.Value()
		begun.Add(1)
		wg.Go(func() {
			begun.Done()
			f, sent := c.propose(id, v)
			h.Note(v, f, sent)
		})
	}
	begun.Wait()
	return &wg
}

// propose posts a value to a proposer itself.
func (c *cluster) propose(id paxos.NodeID, value string) (fate, client.Sent) {
	body, err := json.Marshal(map[string]string{"value": value})
	if err != nil {
		c.t.Error(err)
	}
	response, err := web.Post(c.url(id, "/propose"), "application/json", bytes.NewReader(body))
	if err != nil {
		return unknown, client.Sent{}
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct{ Placed []paxos.Placed }
	err = json.NewDecoder(response.Body).Decode(&answer)
	switch {
	case response.StatusCode == http.StatusOK && err == nil && len(answer.Placed) == 1:
		return acknowledged, client.Sent{Slot: answer.Placed[0].Slot, Position: answer.Placed[0].Position}
	case response.StatusCode == http.StatusServiceUnavailable || response.StatusCode == http.StatusMisdirectedRequest:
		return refused, client.Sent{}
	}
	return unknown, client.Sent{}
}

// sameSlots compares the chosen entries of both learners slot by slot.
func (c *cluster) sameSlots() {
	c.t.Helper()
	one, two := c.chosen("learner1"), c.chosen("learner2")
	if len(one) == 0 {
		c.t.Error("no slot is chosen")
	}
	for slot, entry := range one {
		if other, ok := two[slot]; ok && other != entry {
			c.t.Errorf("slot %s holds two values: %s and %s", slot, entry, other)
		}
	}
}

func (c *cluster) chosen(learner paxos.NodeID) map[string]string {
	c.t.Helper()
	slots := map[string]string{}
	for first := paxos.Slot(1); ; {
		var page struct {
			Watermark paxos.Slot `json:"watermark"`
			Entries   []struct {
				Slot  paxos.Slot      `json:"slot"`
				Value json.RawMessage `json:"value"`
			} `json:"entries"`
		}
		if !c.get(learner, fmt.Sprintf("/chosen?from=%d&limit=10000", first), &page) {
			c.t.Fatalf("%s has no /chosen from %d on", learner, first)
		}
		for _, e := range page.Entries {
			slots[jsonNumber(e.Slot)] = string(e.Value)
			first = e.Slot + 1
		}
		if len(page.Entries) == 0 {
			return slots
		}
	}
}

// Issue point 5: a learner killed, 10,000 values sent, started again.
func TestALearnerCatchesUp(t *testing.T) {
	c := start(t)
	c.must(c.Kill("learner2"))
	h := history.New("value-")
	stop := make(chan struct{})
	wg := c.senders(h, 32, stop)
	c.within(30*time.Second, "10,000 values are in", func() bool { return h.Count(acknowledged) >= 10_000 })
	close(stop)
	wg.Wait()
	c.must(c.Start("learner2"))
	c.within(10*time.Second, "the learner has them all", func() bool {
		var page client.Page
		return c.get("learner2", "/get-values?limit=1", &page) && int(page.Count) >= h.Count(acknowledged)
	})
	c.settleAndJudge(h)
}

// The largest values go all the way: sent, learned, and caught up with, by a
// learner from the other and from the acceptors. One byte more is a clear 4xx.
func TestTheLargestValues(t *testing.T) {
	c := start(t)
	h := history.New("value-")
	large := func(first string) string { return first + strings.Repeat("x", 1<<20-len(first)) }
	c.must(c.Kill("learner2"))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			v := large(fmt.Sprintf("value-%02d", i))
			f, sent, p := c.sendFor("client1", v, "20s")
			if h.Note(v, f, sent); f != acknowledged {
				t.Errorf("value %d: %+v", i, p)
			}
		})
	}
	wg.Wait()
	body, err := json.Marshal(map[string]string{"value": large("") + "x"})
	c.must(err)
	response, err := web.Post(c.url("client1", "/send"), "application/json", bytes.NewReader(body))
	c.must(err)
	c.must(response.Body.Close())
	if response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("one byte more: status %d", response.StatusCode)
	}
	c.must(c.Start("learner2"))
	c.settleAndJudge(h)
	c.must(c.Kill("learner1", "learner2"))
	c.must(c.Start("learner1", "learner2"))
	c.settleAndJudge(h)
}

// A learner that is alone catches up from the acceptors' votes.
func TestALearnerCatchesUpFromAcceptorsAlone(t *testing.T) {
	c := start(t)
	h := history.New("value-")
	for range 200 {
		v := h.Value()
		f, sent, _ := c.send("client1", v)
		h.Note(v, f, sent)
	}
	c.must(c.Kill("learner1", "learner2"))
	c.must(c.Start("learner2"))
	c.within(10*time.Second, "the learner has them all", func() bool {
		values, ok := c.values("learner2")
		return ok && len(values) >= h.Count(acknowledged)
	})
	c.must(c.Start("learner1"))
	c.settleAndJudge(h)
}

// A leader that is stopped hands over: no send fails, and the gap is short.
func TestAStoppedLeaderHandsOver(t *testing.T) {
	c := start(t)
	h := history.New("value-")
	stop := make(chan struct{})
	wg := c.senders(h, 4, stop)
	c.within(5*time.Second, "load", func() bool { return h.Count(acknowledged) > 50 })
	var failed atomic.Int64
	failed.Store(int64(h.Count(refused) + h.Count(unknown)))
	c.stop(c.leader())
	n := h.Count(acknowledged)
	c.within(time.Second, "sends go on under another leader", func() bool { return h.Count(acknowledged) > n+20 })
	close(stop)
	wg.Wait()
	if now := int64(h.Count(refused) + h.Count(unknown)); now != failed.Load() {
		t.Errorf("%d sends failed while leadership was handed over", now-failed.Load())
	}
	c.settleAndJudge(h)
}
