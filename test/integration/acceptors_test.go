package integration

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"paxos/client"
	"paxos/paxos"
	"paxos/test/history"
)

// Issue point 1: what is sent through one client is in /read of both clients
// and in /get-values of both learners.
func TestAValueIsReadEverywhere(t *testing.T) {
	began := time.Now()
	c := start(t)
	t.Logf("ten nodes and a leader: %v (bound 60s, build included)", time.Since(began).Round(time.Millisecond))
	f, sent, p := c.send("client1", "teste123")
	if f != acknowledged || sent.Slot == 0 {
		t.Fatalf("send: %v %+v %+v", f, sent, p)
	}
	for _, node := range []paxos.NodeID{"learner1", "learner2", "client1", "client2"} {
		path := "/get-values"
		if node == "client1" || node == "client2" {
			path = "/read"
		}
		c.within(time.Second, "the value is read at "+string(node), func() bool {
			var page client.Page
			return c.get(node, path, &page) && len(page.Values) == 1 && page.Values[0] == client.Value{Slot: sent.Slot, Position: sent.Position, Value: "teste123"}
		})
	}
	var page client.Page
	if !c.get("client2", "/read?slot="+jsonNumber(sent.Slot), &page) || len(page.Values) != 1 || page.Consistency != "stale" {
		t.Errorf("/read?slot: %+v", page)
	}
}

func jsonNumber(s paxos.Slot) string {
	b, _ := json.Marshal(s)
	return string(b[1 : len(b)-1])
}

// Issue point 2: one acceptor killed, sends go on; two killed, a clear refusal
// in time; restarted, everything is there.
func TestAcceptorsKilled(t *testing.T) {
	c := start(t)
	h := history.New("value-")
	sendN := func(n int) {
		for range n {
			v := h.Value()
			f, sent, p := c.send("client1", v)
			if h.Note(v, f, sent); f != acknowledged {
				t.Errorf("%s: %v %+v", v, f, p)
			}
		}
	}
	sendN(20)
	c.must(c.Kill("acceptor1"))
	sendN(20) // none may fail
	inFlight := c.inFlightWhile(h, func() { c.must(c.Kill("acceptor2")) })
	c.within(2*time.Second, "the leader has noticed", func() bool {
		var l client.Leader
		return c.get("proposer1", "/leader", &l) && !l.Leading && l.Answering == 1 && l.Leader == ""
	})
	p := c.refusedInTime(h, "urn:paxos:not-applied")
	if p == nil || p.Answering == nil || p.Needed == nil || *p.Answering != 1 || *p.Needed != 2 {
		t.Errorf("the refusal does not say how many acceptors answer and how many are needed: %+v", p)
	}
	var page client.Page
	if !c.get("client2", "/read", &page) || len(page.Values) < 40 {
		t.Errorf("stale reads do not answer: %+v", page)
	}
	c.alive("acceptor1", "acceptor2")
	c.must(c.Start("acceptor1", "acceptor2"))
	c.within(5*time.Second, "sends succeed after the restart", func() bool {
		v := h.Value()
		f, sent, _ := c.send("client2", v)
		h.Note(v, f, sent)
		return f == acknowledged
	})
	c.resolved(inFlight)
	sendN(5)
	c.settleAndJudge(h)
}

// inFlightWhile sends one value after the other until a send is not
// acknowledged, which is the one that was in flight when do took the quorum
// away. Nobody can know whether it will be chosen, and that must be the answer.
func (c *cluster) inFlightWhile(h *history.History, do func()) *client.Problem {
	c.t.Helper()
	done := make(chan *client.Problem)
	began := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			if i == 3 {
				close(began)
			}
			v := h.Value()
			f, sent, p := c.send("client1", v)
			h.Note(v, f, sent)
			if f != acknowledged {
				done <- p
				return
			}
		}
	}()
	<-began
	do()
	lost := time.Now()
	p := <-done
	c.t.Logf("in flight when the quorum went: after %v (bound 2s): %+v", time.Since(lost).Round(time.Millisecond), p)
	if p == nil || p.Status != http.StatusGatewayTimeout || time.Since(lost) > 10*time.Second {
		c.t.Fatalf("not told that its outcome is unknown: %+v", p)
	}
	return p
}

// refusedInTime sends one value without a quorum; the answer must come within
// two seconds and be a 503 or a 504.
func (c *cluster) refusedInTime(h *history.History, kind string) *client.Problem {
	c.t.Helper()
	v := h.Value()
	began := time.Now()
	f, sent, p := c.send("client1", v)
	took := time.Since(began)
	h.Note(v, f, sent)
	if f == acknowledged || p == nil {
		c.t.Errorf("without a quorum: %v %+v", f, p)
		return nil
	}
	c.t.Logf("without a quorum: status %d after %v (bound 2s): %s", p.Status, took.Round(time.Millisecond), p.Detail)
	if took > 10*time.Second || kind != "" && p.Type != kind {
		c.t.Errorf("after %v: %+v", took, p)
	}
	return p
}

// resolved asks what became of an unknown send, and burns it if nobody has
// seen it: afterwards it is applied, once, or never will be.
func (c *cluster) resolved(p *client.Problem) {
	c.t.Helper()
	var o client.Outcome
	if !c.get("client1", p.Outcome, &o) {
		c.t.Fatalf("GET %s gives nothing", p.Outcome)
	}
	first := o.Status
	request, err := http.NewRequest(http.MethodDelete, c.url("client1", p.Outcome), nil)
	c.must(err)
	response, err := web.Do(request)
	c.must(err)
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(response.Body)
	c.must(err)
	c.must(json.Unmarshal(b, &o))
	c.t.Logf("the unknown send was %s; after DELETE: %s", first, o.Status)
	if o.Status != "applied" && o.Status != "burnt" {
		c.t.Errorf("after DELETE: %s", b)
	}
	if first == "applied" && o.Status != "applied" {
		c.t.Errorf("it was applied, and DELETE says %s", o.Status)
	}
}

// Issue point 3: all acceptors stopped and started.
func TestAllAcceptorsStoppedAndStarted(t *testing.T) {
	c := start(t)
	h := history.New("value-")
	stop := make(chan struct{})
	wg := c.senders(h, 4, stop)
	c.within(5*time.Second, "200 values are in", func() bool { return h.Count(acknowledged) >= 200 })
	c.must(c.Kill(c.ids(paxos.AcceptorRole)...))
	close(stop)
	wg.Wait()
	c.alive(c.ids(paxos.AcceptorRole)...)
	c.must(c.Start(c.ids(paxos.AcceptorRole)...))
	c.recovers(h)
}

// Issue point 3: all ten killed at once under load.
func TestAllTenKilledUnderLoad(t *testing.T) {
	c := start(t)
	h := history.New("value-")
	stop := make(chan struct{})
	wg := c.senders(h, 8, stop)
	c.within(5*time.Second, "500 values are in", func() bool { return h.Count(acknowledged) >= 500 })
	c.must(c.Kill(c.ids("")...))
	close(stop)
	wg.Wait()
	c.must(c.Start(c.ids("")...))
	c.recovers(h)
}

// recovers waits for the first success with no human help, and judges.
func (c *cluster) recovers(h *history.History) {
	c.t.Helper()
	c.within(5*time.Second, "sends succeed after the restart", func() bool {
		v := h.Value()
		f, sent, _ := c.send("client1", v)
		h.Note(v, f, sent)
		return f == acknowledged
	})
	c.settleAndJudge(h)
}

// A lost disk never votes, and says why; a second init changes nothing.
func TestALostDiskNeverVotes(t *testing.T) {
	c := start(t)
	var before client.Health
	if !c.get("acceptor2", "/health", &before) {
		t.Fatal("acceptor2 has no /health")
	}
	for _, id := range c.ids(paxos.AcceptorRole) {
		response, err := web.Post(c.url(id, "/init"), "application/json", nil)
		c.must(err)
		b, err := io.ReadAll(response.Body)
		c.must(err)
		c.must(response.Body.Close())
		var m struct{ Progress, Current string }
		if err := json.Unmarshal(b, &m); err != nil || m.Progress != "already" || m.Current != before.Cluster.String() {
			t.Errorf("a second init at %s: %d %s", id, response.StatusCode, b)
		}
	}
	c.must(c.Kill("acceptor1"))
	c.must(os.RemoveAll(c.DataDir("acceptor1")))
	c.must(c.Start("acceptor1"))
	var h client.Health
	c.within(2*time.Second, "acceptor1 knows that its disk is lost", func() bool {
		return c.get("acceptor1", "/health", &h) && h.Status == "mute"
	})
	t.Logf("acceptor1: %s", h.Why)
	c.must(c.Kill("acceptor3"))
	if f, _, p := c.send("client1", "with a lost disk"); f == acknowledged {
		t.Errorf("a lost disk voted: %+v", p)
	}
	response, err := web.Post(c.url("acceptor1", "/init"), "application/json", nil)
	c.must(err)
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusConflict {
		t.Errorf("init of a lost disk: status %d", response.StatusCode)
	}
}
