package integration

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

// countersUnderFaults: increments that are sent again, every time through
// another client service and under the same key, until one is acknowledged.
// Each must count once: in the end the sums are the numbers of
// acknowledgements.
func countersUnderFaults(c *cluster, seed uint64, length time.Duration) {
	r := newRecorder(c.t)
	var workers []worker
	for i := range 6 {
		workers = append(workers, func(ctx context.Context, dice *rand.Rand) { c.useCounters(ctx, r, i, dice) })
	}
	c.under(seed, length, workers...)
	c.readAll(r, len(workers))
	history := r.judge(counters)
	r.forge(counters, history, tooFew, tooMany, foreign)
	c.sums(r)
	seconds := int(length / time.Second)
	r.atLeast(map[string]int{"increment acknowledged": 5 * seconds, "read acknowledged": 2 * seconds,
		"retried": 2 * seconds, "retried after an unknown answer": seconds, "repeated": seconds})
	if lost := r.total("increment") - r.total("increment acknowledged"); lost != 0 {
		c.t.Errorf("%d increments were never acknowledged", lost)
	}
}

// sums compares each counter's value, which every node says alike by now, with
// what was acknowledged.
func (c *cluster) sums(r *recorder) {
	c.t.Helper()
	for _, part := range byKey(r.ops) {
		acks := 0
		for _, op := range part {
			if op.Input.(asked).kind == "increment" && op.Output.(told).fate == acknowledged {
				acks++
			}
		}
		key := part[0].Input.(asked).key
		last, _ := before(part, math.MaxInt64, "read")
		if got := last.Output.(told).value; got != strconv.Itoa(acks) {
			c.t.Errorf("%s is %s in the end, and %d increments were acknowledged", key, got, acks)
		}
		c.t.Logf("%s is %d: as many as were acknowledged", key, acks)
	}
}

func (c *cluster) useCounters(ctx context.Context, r *recorder, i int, dice *rand.Rand) {
	for n := 0; ctx.Err() == nil; n++ {
		key := fmt.Sprintf("counters/%d", dice.IntN(2))
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
		c.t.Errorf("%s of %s: %+v", name, key, a.problem)
	}
	if c.into(a, &w) && w.Key == nil {
		c.t.Errorf("%s of %s does not show the sum: %s", name, key, a.body)
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
		c.t.Errorf("%s of %s was answered with %+v %+v first, and then with %+v %+v", name, key, first, *first.Key, w, *w.Key)
	}
}
