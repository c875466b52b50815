package integration

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

// listsUnderFaults: items appended to lists, each once, and linearizable reads
// of whole lists: whatever is lost, doubled or reordered stays visible.
func listsUnderFaults(c *cluster, seed uint64, length time.Duration) {
	r := newRecorder(c.t)
	var workers []worker
	for i := range 6 {
		workers = append(workers, func(ctx context.Context, dice *rand.Rand) { c.useLists(ctx, r, i, dice) })
	}
	c.under(seed, length, workers...)
	c.readAll(r, len(workers))
	r.ops = itemized(c, r.ops)
	history := r.judge(lists)
	r.forge(lists, history, lostAppend, cutOff, foreign)
	seconds := int(length / time.Second)
	r.atLeast(map[string]int{"append": 10 * seconds, "read": 10 * seconds, "append acknowledged": 5 * seconds, "read acknowledged": 5 * seconds,
		"answered by learner1": seconds, "answered by learner2": seconds})
}

func (c *cluster) useLists(ctx context.Context, r *recorder, i int, dice *rand.Rand) {
	for n := 0; ctx.Err() == nil; n++ {
		key := fmt.Sprintf("lists/%d/%d", r.now()/int64(time.Second), dice.IntN(3))
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
		c.t.Errorf("an append to %q: %+v", key, a.problem)
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
			c.t.Errorf("%q is no list of items: %v", out.value, err)
		}
		out.value = strings.Join(items, ",")
		history[i].Output = out
	}
	return history
}
