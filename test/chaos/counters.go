//go:build linux

package chaos

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"paxos/client"
	"paxos/paxos"
)

// counterUsers add one to counters, and send that again, every time through
// another client service and under the same key, until it is acknowledged. Each
// must count once: in the end the sums are the numbers of acknowledgements.
func (c *cluster) counterUsers() *workload {
	r := newRecorder(c.report)
	w := &workload{name: "counters", r: r, model: counters, ways: []forgery{tooFew, tooMany, foreign}, least: map[string]int{
		"increment acknowledged": 50, "read acknowledged": 20, "retried": 10, "retried after an unknown answer": 10, "repeated": 10}}
	const users = 8
	for i := range users {
		w.workers = append(w.workers, func(ctx context.Context, dice *rand.Rand) { c.useCounters(ctx, r, i, dice) })
	}
	w.end = func(ctx context.Context) error { return c.readAll(ctx, r, users) }
	w.judge = func(context.Context) error {
		c.sums(r)
		if lost := r.total("increment") - r.total("increment acknowledged"); lost != 0 {
			c.report.Errorf("%d increments were never acknowledged", lost)
		}
		return nil
	}
	return w
}

// sums compares each counter's value, which every node says alike by now, with
// what was acknowledged.
func (c *cluster) sums(r *recorder) {
	sum := 0
	for _, part := range byKey(r.ops) {
		acks := 0
		for _, op := range part {
			if op.Input.(asked).kind == "increment" && op.Output.(told).fate == acknowledged {
				acks++
			}
		}
		last, _ := before(part, math.MaxInt64, "read")
		// A counter whose increments never came is not there.
		if got := last.Output.(told).value; got != strconv.Itoa(acks) && (got != "" || acks != 0) {
			c.report.Errorf("%s is %s in the end, and %d increments were acknowledged", part[0].Input.(asked).key, got, acks)
		}
		sum += acks
	}
	c.report.Logf("counters: the sums are %d in all: as many as were acknowledged", sum)
}

func (c *cluster) useCounters(ctx context.Context, r *recorder, i int, dice *rand.Rand) {
	for n := 0; ctx.Err() == nil; n++ {
		key := r.draw(dice, "counters", 3, 60)
		if dice.IntN(4) == 0 {
			if _, ok := c.read(r, i, c.reader(dice), key); !ok {
				rest(ctx, 20*time.Millisecond)
			}
			continue
		}
		c.increment(r, i, dice, key, fmt.Sprintf("increment-%d-%d", i, n))
	}
}

// increment adds one, once, however often it has to be asked for.
func (c *cluster) increment(r *recorder, i int, dice *rand.Rand, key, name string) {
	in, call := asked{key: key, kind: "increment"}, r.now()
	clients := c.ids(paxos.ClientRole)
	timeout := "1s"
	if dice.IntN(4) == 0 {
		timeout = "3ms" // whoever is in a hurry does not hear what became of it
	}
	doubt := false
	first := dice.IntN(len(clients))
	for try := 0; time.Duration(r.now()-call) < 30*time.Second; try++ {
		w, f := c.incrementOnce(clients[(first+try)%len(clients)], key, name, timeout)
		switch {
		case f == acknowledged && try > 0 && doubt:
			r.count("retried after an unknown answer")
		case f == acknowledged && try > 0:
			r.count("retried")
		}
		if f == acknowledged {
			r.note(i, call, in, told{value: w.Key.Text()})
			if dice.IntN(4) == 0 {
				c.again(r, clients[(first+try+1)%len(clients)], key, name, w)
			}
			return
		}
		doubt = doubt || f == unknown
		timeout = "1s"
		rest(context.Background(), 20*time.Millisecond)
	}
	r.note(i, call, in, told{fate: unknown})
}

func (c *cluster) incrementOnce(node paxos.NodeID, key, name, timeout string) (client.Written, fate) {
	a := c.ask(node, http.MethodPost, "/kv/"+url.PathEscape(key)+"?timeout="+timeout, `{"increment":"1"}`, http.Header{"Idempotency-Key": {name}})
	var w client.Written
	if a.fate == declined {
		c.report.Errorf("%s of %s: %+v", name, key, a.problem)
	}
	if c.into(a, &w) && w.Key == nil {
		c.report.Errorf("%s of %s does not show the sum: %s", name, key, a.body)
		w.Key = &client.KV{}
	}
	return w, a.fate
}

// again repeats an increment that was acknowledged, through another client
// service: the answer must be the first one's.
func (c *cluster) again(r *recorder, node paxos.NodeID, key, name string, first client.Written) {
	w, f := c.incrementOnce(node, key, name, "1s")
	if f != acknowledged {
		return
	}
	r.count("repeated")
	if w.Revision != first.Revision || w.Key.Text() != first.Key.Text() || w.Key.Mod != first.Key.Mod || w.Key.Version != first.Key.Version {
		c.report.Errorf("%s of %s was answered with %+v %+v first, and then with %+v %+v", name, key, first, *first.Key, w, *w.Key)
	}
}
