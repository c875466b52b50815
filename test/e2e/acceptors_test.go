package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"paxos/client"
	"paxos/paxos"
	"paxos/test/history"
)

// oneAcceptor: with one acceptor of three at zero no write fails, and when it
// is back it takes part again.
func oneAcceptor(w *world) {
	before := w.starts()
	l := w.write(4)
	l.goesOn(50)
	w.scale(0, "acceptor1")
	w.gone("acceptor1")
	l.goesOn(200)
	w.scale(1, "acceptor1")
	w.takesPart("acceptor1")
	l.goesOn(50)
	l.end()
	l.allAcknowledged()
	w.noRestarts(before)
	w.judge()
}

// takesPart waits until an acceptor accepts what is proposed now, which takes a
// load, and the leader counts it.
func (w *world) takesPart(id paxos.NodeID) {
	w.t.Helper()
	began := time.Now()
	w.within(podLimit, string(id)+" is ready", func() bool {
		_, ready, ok := w.pod(id)
		if ready.After(began) {
			began = ready
		}
		return ok
	})
	var now acceptorState
	w.since(began, 10*time.Second, string(id)+" takes part again, from ready on", func() bool {
		l, leads := w.leading()
		if !leads || l.Answering != len(of(paxos.AcceptorRole)) || get(id, "/health", &now) != http.StatusOK {
			return false
		}
		return now.State.Highest >= l.Chosen
	})
}

// sendOnce sends a value to a client service with curl's means: without a key,
// without another try. It gives the status and the refusal.
func (w *world) sendOnce(id paxos.NodeID) (int, client.Problem) {
	w.t.Helper()
	value := w.told.Value()
	status, text := post(id, "/send", fmt.Sprintf(`{"value":%q}`, value))
	var sent client.Sent
	var problem client.Problem
	fate := history.Unknown
	switch status {
	case http.StatusOK:
		fate = history.Acknowledged
		w.must(json.Unmarshal([]byte(text), &sent))
	case http.StatusServiceUnavailable:
		fate = history.Refused
		w.must(json.Unmarshal([]byte(text), &problem))
	case http.StatusGatewayTimeout:
		w.must(json.Unmarshal([]byte(text), &problem))
	}
	w.told.Note(value, fate, sent)
	return status, problem
}

// refused sends values until one is refused for certain: every answer comes in
// time, and says why.
func (w *world) refused() {
	w.t.Helper()
	const bound = 2 * time.Second
	w.within(5*time.Second, "503, once it is noticed", func() bool {
		began := time.Now()
		status, p := w.sendOnce("client1")
		took := time.Since(began)
		w.t.Logf("a write without a quorum: bound %v: %v: %d, %s", bound, took.Round(time.Millisecond), status, p.Detail)
		if took > 5*bound {
			w.t.Fatalf("more than five times the bound")
		}
		if status != http.StatusServiceUnavailable && status != http.StatusGatewayTimeout || p.Detail == "" {
			w.t.Fatalf("status %d with the reason %q; 503 or 504 with one are expected", status, p.Detail)
		}
		return status == http.StatusServiceUnavailable
	})
}

// recovers waits until a write is acknowledged, counted from when the nodes
// were scaled up.
func (w *world) recovers(began time.Time) {
	w.t.Helper()
	w.since(began, 40*time.Second, "recovered: a write is acknowledged, from kubectl scale on", func() bool {
		status, _ := w.sendOnce("client2")
		return status == http.StatusOK
	})
}

// noQuorum: two acceptors at zero, then all three, and back.
func noQuorum(w *world) {
	before := w.starts()
	l := w.write(2)
	l.goesOn(50)
	w.scale(0, "acceptor1", "acceptor2")
	w.gone("acceptor1", "acceptor2")
	w.refused()
	w.scale(0, "acceptor3")
	w.gone("acceptor3")
	w.refused()
	l.end()
	w.noRestarts(before)

	began := time.Now()
	w.scale(1, of(paxos.AcceptorRole)...)
	w.recovers(began)
	w.back(ids...)
	w.noRestarts(before)
	w.judge()
}

// everythingToZero: all ten pods away at once, under load, and back.
func everythingToZero(w *world) {
	l := w.write(2)
	l.goesOn(100)
	w.kubectl("scale", "--replicas=0", "deployment", "--all")
	w.gone(ids...)
	l.end()
	began := time.Now()
	w.kubectl("scale", "--replicas=1", "deployment", "--all")
	w.recovers(began)
	w.back(ids...)
	for pod, n := range w.starts() {
		if n > 0 {
			w.t.Errorf("%s: its container was restarted %d times", pod, n)
		}
	}
	w.judge()
}
