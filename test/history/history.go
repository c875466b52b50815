// Package history keeps what the senders of a test were told, value by value,
// and judges a learner's log by it: what was acknowledged is there once, at its
// place and in the order of real time, and what was refused is not.
//
// It knows no cluster: test/integration fills it from ten processes, test/e2e
// from ten pods. Histories of the store's keys, which take a search to judge,
// are test/chaos's, with porcupine.
package history

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"paxos/client"
)

// Fate is what a sender was told.
type Fate int

// The fates of a send. Declined is only for writes with a condition: their turn
// came, and the condition did not hold.
const (
	Acknowledged Fate = iota // 200
	Refused                  // 503, or it never left: certainly not applied
	Unknown                  // 504, or no answer
	Declined                 // 412
)

// String names it in counts.
func (f Fate) String() string {
	return [...]string{"acknowledged", "refused", "unknown", "declined"}[f]
}

// History is what the senders were told. Every value is sent once, so that what
// is in the log can be judged by its values alone.
type History struct {
	prefix string

	mu    sync.Mutex
	fates map[string]Fate
	calls map[string]call // of what was acknowledged
	drawn map[string]time.Time
	next  int
}

// call is an acknowledged send: when it began, when its answer was there, and
// the place that the answer names.
type call struct {
	value      string
	begun, end time.Time
	sent       client.Sent
}

// New makes an empty one, whose values begin with a text; values that do not
// are none of its business.
func New(prefix string) *History {
	return &History{prefix: prefix, fates: map[string]Fate{}, calls: map[string]call{}, drawn: map[string]time.Time{}}
}

// Value draws the value for a send that is about to begin.
func (h *History) Value() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next++
	value := fmt.Sprintf("%s%06d", h.prefix, h.next)
	h.drawn[value] = time.Now()
	return value
}

// Note takes what came of a send, as soon as it came.
func (h *History) Note(value string, f Fate, sent client.Sent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fates[value] = f
	if f == Acknowledged {
		h.calls[value] = call{value, h.drawn[value], time.Now(), sent}
	}
}

// Count counts the sends of a fate.
func (h *History) Count(f Fate) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, got := range h.fates {
		if got == f {
			n++
		}
	}
	return n
}

// Judge compares a learner's log with what the senders were told, and gives
// what is wrong.
func (h *History) Judge(values []client.Value) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var wrong []string
	at := map[string]client.Value{}
	for i, v := range values {
		if i > 0 && !before(values[i-1], v) {
			wrong = append(wrong, fmt.Sprintf("%q at slot %d.%d is out of order", v.Value, v.Slot, v.Position))
		}
		if !strings.HasPrefix(v.Value, h.prefix) {
			continue
		}
		if first, twice := at[v.Value]; twice {
			wrong = append(wrong, fmt.Sprintf("%q is there twice: %d.%d and %d.%d", v.Value, first.Slot, first.Position, v.Slot, v.Position))
		}
		at[v.Value] = v
		switch f, known := h.fates[v.Value]; {
		case !known:
			wrong = append(wrong, fmt.Sprintf("%q was never sent", v.Value))
		case f == Refused:
			wrong = append(wrong, fmt.Sprintf("%q was refused as not applied, and stands at %d.%d", v.Value, v.Slot, v.Position))
		}
	}
	for value, c := range h.calls {
		got, there := at[value]
		if !there {
			wrong = append(wrong, fmt.Sprintf("%q was acknowledged at %d.%d and is lost", value, c.sent.Slot, c.sent.Position))
		} else if got.Slot != c.sent.Slot || got.Position != c.sent.Position {
			wrong = append(wrong, fmt.Sprintf("%q was acknowledged at %d.%d and stands at %d.%d", value, c.sent.Slot, c.sent.Position, got.Slot, got.Position))
		}
	}
	return append(wrong, h.realTime()...)
}

func before(a, b client.Value) bool {
	return a.Slot < b.Slot || a.Slot == b.Slot && a.Position < b.Position
}

func (c call) place() client.Value {
	return client.Value{Slot: c.sent.Slot, Position: c.sent.Position}
}

// realTime gives the sends that began after another one's answer, and stand
// before it. Sends that were not drawn have no beginning and are left out.
func (h *History) realTime() []string {
	var begun, ended []call
	for _, c := range h.calls {
		if !c.begun.IsZero() {
			begun = append(begun, c)
		}
	}
	ended = slices.Clone(begun)
	slices.SortFunc(begun, func(a, b call) int { return cmp.Or(a.begun.Compare(b.begun), cmp.Compare(a.value, b.value)) })
	slices.SortFunc(ended, func(a, b call) int { return cmp.Or(a.end.Compare(b.end), cmp.Compare(a.value, b.value)) })
	var wrong []string
	var highest call // of all that ended before the one at hand began
	next := 0
	for _, c := range begun {
		for ; next < len(ended) && ended[next].end.Before(c.begun); next++ {
			if highest.value == "" || before(highest.place(), ended[next].place()) {
				highest = ended[next]
			}
		}
		if highest.value != "" && before(c.place(), highest.place()) {
			wrong = append(wrong, fmt.Sprintf("%q stands at %d.%d, before %q at %d.%d, which was acknowledged before it was sent",
				c.value, c.sent.Slot, c.sent.Position, highest.value, highest.sent.Slot, highest.sent.Position))
		}
	}
	return wrong
}
