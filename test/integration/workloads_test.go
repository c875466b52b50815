package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"paxos/client"
	"paxos/paxos"
)

// TestWorkloads runs four kinds of users against the store while a nemesis
// kills, pauses and stops nodes, and has a checker decide whether what they
// were told can have come from one store that never fails. One cluster serves
// all four, one after the other.
func TestWorkloads(t *testing.T) {
	seed := seed(t)
	length := 10 * time.Second
	if long() {
		length = time.Minute
	}
	c := start(t)
	for _, w := range []struct {
		name string
		run  func(*cluster, uint64, time.Duration)
	}{
		{"registers", registersUnderFaults},
		{"lists", listsUnderFaults},
		{"counters", countersUnderFaults},
		{"locks", locksUnderFaults},
	} {
		t.Run(w.name, func(t *testing.T) { w.run(&cluster{c.Cluster, t}, seed, length) })
	}
	c.alive()
}

// seed is drawn for every run, and printed; PAXOS_SEED gives one again.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if text := os.Getenv("PAXOS_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("PAXOS_SEED: %v", err)
		}
	}
	t.Logf("PAXOS_SEED=%d", n)
	return n
}

// worker is a user who goes on until ctx ends.
type worker func(ctx context.Context, dice *rand.Rand)

// under runs workers while a nemesis strikes for a while.
func (c *cluster) under(seed uint64, length time.Duration, workers ...worker) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for i, w := range workers {
		wg.Go(func() { w(ctx, rand.New(rand.NewPCG(seed, uint64(i)+1))) })
	}
	n := newNemesis(c, rand.New(rand.NewPCG(seed, 0)))
	n.run(length)
	n.atLeast(length)
}

// rest waits a little, as a user does whose request came to nothing.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// users speaks to the store; whoever does not answer within its time is given up.
var users = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}

// answer is what a request came to.
type answer struct {
	fate    fate
	status  int
	body    []byte
	problem client.Problem
}

// ask sends one request, once.
func (c *cluster) ask(node paxos.NodeID, method, path, body string, header http.Header) answer {
	request, err := http.NewRequest(method, c.url(node, path), bytes.NewReader([]byte(body)))
	if err != nil {
		c.t.Error(err)
		return answer{fate: refused}
	}
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := users.Do(request)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return answer{fate: refused} // it never left
	}
	if err != nil {
		return answer{fate: unknown}
	}
	defer func() { _ = response.Body.Close() }()
	a := answer{status: response.StatusCode}
	if a.body, err = io.ReadAll(response.Body); err != nil {
		return answer{fate: unknown}
	}
	if a.status == http.StatusOK {
		return a
	}
	if err := json.Unmarshal(a.body, &a.problem); err != nil || a.problem.Kind() == "" {
		c.t.Errorf("%s %s at %s: status %d without a problem: %q", method, path, node, a.status, a.body)
	}
	switch a.status {
	case http.StatusServiceUnavailable:
		a.fate = refused
	case http.StatusGatewayTimeout:
		a.fate = unknown
	case http.StatusPreconditionFailed, http.StatusConflict, http.StatusNotFound:
		a.fate = declined
	default:
		c.t.Errorf("%s %s at %s: status %d: %s", method, path, node, a.status, a.body)
		a.fate = unknown
	}
	return a
}

// into reads the body of an answer of 200.
func (c *cluster) into(a answer, to any) bool {
	if a.fate != acknowledged {
		return false
	}
	if err := json.Unmarshal(a.body, to); err != nil {
		c.t.Errorf("an answer cannot be read: %v: %s", err, a.body)
		return false
	}
	return true
}

// reader draws where a linearizable read goes: mostly to a client service,
// sometimes to a learner itself.
func (c *cluster) reader(dice *rand.Rand) paxos.NodeID {
	ids := c.ids(paxos.ClientRole)
	if dice.IntN(4) == 0 {
		ids = c.ids(paxos.LearnerRole)
	}
	return ids[dice.IntN(len(ids))]
}

// writer draws a client service.
func (c *cluster) writer(dice *rand.Rand) paxos.NodeID {
	ids := c.ids(paxos.ClientRole)
	return ids[dice.IntN(len(ids))]
}

var asJSON = http.Header{"Accept": {"application/json"}}

// read reads a key, linearizably, and notes what came of it. The value is ""
// if the key is not there, or if there was no answer.
func (c *cluster) read(r *recorder, worker int, node paxos.NodeID, key string) (string, bool) {
	call := r.now()
	a := c.ask(node, http.MethodGet, "/kv/"+url.PathEscape(key)+"?timeout=1s", "", asJSON)
	out := told{fate: a.fate}
	var got client.Got
	switch {
	case c.into(a, &got):
		out.value = got.Text()
		r.revision(key, out.value, got.Mod)
		r.count("answered by " + string(got.Learner))
		if got.Consistency != "linearizable" {
			c.t.Errorf("a read of %q was answered with consistency %q", key, got.Consistency)
		}
	case a.status == http.StatusNotFound && a.problem.Kind() == "no-such-key":
		out.fate = acknowledged
	case a.fate != refused:
		out.fate = unknown
	}
	r.note(worker, call, asked{key: key, kind: "read"}, out)
	return out.value, out.fate == acknowledged
}

// readAll reads every key of the history once more at every node that answers
// reads: what was unknown has been decided by now, or shows itself as late.
func (c *cluster) readAll(r *recorder, worker int) {
	c.t.Helper()
	type visit struct {
		node paxos.NodeID
		key  string
	}
	var visits []visit
	for _, part := range byKey(r.ops) {
		for _, node := range append(c.ids(paxos.ClientRole), c.ids(paxos.LearnerRole)...) {
			visits = append(visits, visit{node, part[0].Input.(asked).key})
		}
	}
	c.within(10*time.Second, "every key is read at every node", func() bool {
		for ; len(visits) > 0; visits = visits[1:] {
			if _, ok := c.read(r, worker, visits[0].node, visits[0].key); !ok {
				return false
			}
		}
		return true
	})
}
