package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"paxos/client"
)

// registersUnderFaults: puts, swaps and linearizable reads of single keys, each
// sent once. Fresh keys every second keep each key's history short.
func registersUnderFaults(c *cluster, seed uint64, length time.Duration) {
	r := newRecorder(c.t)
	var workers []worker
	for i := range 8 {
		workers = append(workers, func(ctx context.Context, dice *rand.Rand) { c.useRegisters(ctx, r, i, dice) })
	}
	c.under(seed, length, workers...)
	c.readAll(r, len(workers))
	history := r.judge(registers)
	r.forge(registers, history, older, foreign)
	seconds := int(length / time.Second)
	r.atLeast(map[string]int{"put": 10 * seconds, "swap": 10 * seconds, "read": 20 * seconds,
		"put acknowledged": 5 * seconds, "swap acknowledged": seconds, "swap declined": seconds, "read acknowledged": 10 * seconds,
		"answered by learner1": seconds, "answered by learner2": seconds})
}

func (c *cluster) useRegisters(ctx context.Context, r *recorder, i int, dice *rand.Rand) {
	seen := map[string]string{}
	for n := 0; ctx.Err() == nil; n++ {
		key := fmt.Sprintf("registers/%d/%d", r.now()/int64(time.Second), dice.IntN(4))
		value := fmt.Sprintf("%d-%d", i, n)
		old, known := seen[key]
		var ok bool
		switch turn := dice.IntN(4); {
		case turn == 0:
			ok = c.put(r, i, dice, key, value)
		case turn == 1 && known:
			seen[key], ok = c.swap(r, i, dice, key, old, value)
		default:
			seen[key], ok = c.read(r, i, c.reader(dice), key)
		}
		if !ok {
			delete(seen, key)
			rest(ctx, 20*time.Millisecond)
		}
	}
}

// put sets a key, once.
func (c *cluster) put(r *recorder, i int, dice *rand.Rand, key, value string) bool {
	call := r.now()
	a := c.ask(c.writer(dice), http.MethodPut, "/kv/"+url.PathEscape(key)+"?timeout=1s", value, nil)
	var w client.Written
	if c.into(a, &w) && w.Key != nil {
		r.revision(key, value, w.Key.Mod)
	}
	r.note(i, call, asked{key: key, kind: "put", value: value}, told{fate: a.fate})
	return a.fate == acknowledged
}

// swap replaces the old value, if it is still there, and gives the value as it
// is then, as far as the answer shows it.
func (c *cluster) swap(r *recorder, i int, dice *rand.Rand, key, old, value string) (string, bool) {
	words := map[string]any{"old": old, "new": value}
	if old == "" {
		words["old"] = nil
	}
	body, err := json.Marshal(map[string]any{"swap": words})
	if err != nil {
		c.t.Error(err)
	}
	in, out := asked{key: key, kind: "swap", old: old, value: value}, told{}
	call := r.now()
	a := c.ask(c.writer(dice), http.MethodPost, "/kv/"+url.PathEscape(key)+"?timeout=1s", string(body), nil)
	out.fate = a.fate
	var w client.Written
	switch {
	case c.into(a, &w) && w.Key != nil:
		r.revision(key, value, w.Key.Mod)
		old = value
	case a.fate == declined && a.problem.Kind() != "condition-failed":
		c.t.Errorf("a swap of %q: %+v", key, a.problem)
	case a.fate == declined && a.problem.Current != nil:
		out.value = a.problem.Current.Text()
		r.revision(key, out.value, a.problem.Current.Mod)
		old = out.value
	}
	r.note(i, call, in, out)
	return old, a.fate == acknowledged || a.fate == declined
}
