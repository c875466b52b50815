//go:build linux

package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"paxos/client"
)

// listUsers append items to lists, each once, and read whole lists,
// linearizably: whatever is lost, doubled or reordered stays visible.
func (c *cluster) listUsers() *workload {
	r := newRecorder(c.report)
	w := &workload{name: "lists", r: r, model: lists, ways: []forgery{lostAppend, cutOff, foreign}, least: map[string]int{
		"append": 100, "read": 100, "append acknowledged": 50, "read acknowledged": 50, "answered by learner1": 10, "answered by learner2": 10}}
	const users = 8
	for i := range users {
		w.workers = append(w.workers, func(ctx context.Context, dice *rand.Rand) { c.useLists(ctx, r, i, dice) })
	}
	w.end = func(ctx context.Context) error {
		err := c.readAll(ctx, r, users)
		r.ops = itemized(c, r.ops)
		return err
	}
	return w
}

func (c *cluster) useLists(ctx context.Context, r *recorder, i int, dice *rand.Rand) {
	for n := 0; ctx.Err() == nil; n++ {
		key := r.draw(dice, "lists", 4, 50)
		var ok bool
		if dice.IntN(2) == 0 {
			ok = c.add(r, i, dice, key, fmt.Sprintf("%d-%d", i, n))
		} else {
			_, ok = c.read(r, i, c.reader(dice), key)
		}
		if !ok {
			rest(ctx, 20*time.Millisecond)
		}
	}
}

// add appends an item, once.
func (c *cluster) add(r *recorder, i int, dice *rand.Rand, key, item string) bool {
	call := r.now()
	a := c.ask(c.writer(dice), http.MethodPost, "/kv/"+url.PathEscape(key)+"?timeout=1s", fmt.Sprintf(`{"append":%q}`, item), nil)
	out := told{fate: a.fate}
	var w client.Written
	switch {
	case c.into(a, &w) && w.Key != nil:
		out.count = int(w.Count)
	case a.fate == declined:
		c.report.Errorf("an append to %q: %+v", key, a.problem)
	}
	r.note(i, call, asked{key: key, kind: "append", value: item}, out)
	return a.fate == acknowledged
}

// itemized writes the lists in a history as their items with commas between.
func itemized(c *cluster, history []porcupine.Operation) []porcupine.Operation {
	for i := range history {
		out := history[i].Output.(told)
		if out.value == "" {
			continue
		}
		var items []string
		if err := json.Unmarshal([]byte(out.value), &items); err != nil {
			c.report.Errorf("%q is no list of items: %v", out.value, err)
		}
		out.value = strings.Join(items, ",")
		history[i].Output = out
	}
	return history
}
