//go:build linux

package chaos

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

// registerUsers put, swap and read single keys, linearizably, each write sent
// once.
func (c *cluster) registerUsers() *workload {
	r := newRecorder(c.report)
	w := &workload{name: "registers", r: r, model: registers, ways: []forgery{older, foreign}, least: map[string]int{
		"put": 100, "swap": 100, "read": 200, "put acknowledged": 50, "swap acknowledged": 10, "swap declined": 10,
		"read acknowledged": 100, "answered by learner1": 10, "answered by learner2": 10}}
	const users = 20
	for i := range users {
		w.workers = append(w.workers, func(ctx context.Context, dice *rand.Rand) { c.useRegisters(ctx, r, i, dice) })
	}
	w.end = func(ctx context.Context) error { return c.readAll(ctx, r, users) }
	return w
}

func (c *cluster) useRegisters(ctx context.Context, r *recorder, i int, dice *rand.Rand) {
	seen := map[string]string{}
	for n := 0; ctx.Err() == nil; n++ {
		if len(seen) > 100 {
			clear(seen) // of keys that are given up
		}
		key := r.draw(dice, "registers", 6, 50)
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
		c.report.Errorf("%v", err)
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
		c.report.Errorf("a swap of %q: %+v", key, a.problem)
	case a.fate == declined && a.problem.Current != nil:
		out.value = a.problem.Current.Text()
		r.revision(key, out.value, a.problem.Current.Mod)
		old = out.value
	}
	r.note(i, call, in, out)
	return old, a.fate == acknowledged || a.fate == declined
}
