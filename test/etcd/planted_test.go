package etcd

import (
	"errors"
	"strings"
	"testing"

	"paxos/kv"
)

// planted is our machine with one thing wrong, once: the test of the test.
type planted struct {
	side
	spoil  func(step, *answer) bool // each reports whether it found what to spoil
	lose   func([]kv.Event) ([]kv.Event, bool)
	forget func(step) bool // a command that is not executed
	always bool
	done   bool
}

func (p *planted) armed() bool { return p.always || !p.done }

func (p *planted) do(s step) (answer, error) {
	if p.forget != nil && p.armed() && p.forget(s) {
		p.done = true
		s = step{kind: doTxn} // so that the answer is well formed
	}
	a, err := p.side.do(s)
	if err == nil && a.Failure == "" && p.spoil != nil && p.armed() {
		p.done = p.spoil(s, &a) || p.done
	}
	return a, err
}

func (p *planted) follow(revision kv.Revision) ([]kv.Event, error) {
	events, err := p.side.follow(revision)
	if err == nil && p.lose != nil && p.armed() {
		events, p.done = p.lose(events)
	}
	return events, err
}

func (p *planted) watch(queries []query, revision kv.Revision) ([]story, error) {
	stories, err := p.side.watch(queries, revision)
	for i := range stories {
		if p.lose == nil || !p.armed() {
			break
		}
		stories[i].Events, p.done = p.lose(stories[i].Events)
	}
	return stories, err
}

// onlyWatched spoils what queries of the past give, and not what is followed.
type onlyWatched struct{ planted }

func (o *onlyWatched) follow(revision kv.Revision) ([]kv.Event, error) {
	return o.side.follow(revision)
}

func spoilKeys(change func(*kv.KeyValue)) func(step, *answer) bool {
	return func(s step, a *answer) bool {
		if s.kind != doRange || s.read.KeysOnly || len(a.Responses[0].KVs) == 0 {
			return false
		}
		change(&a.Responses[0].KVs[0])
		return true
	}
}

func spoilResponse(change func(*kv.Response) bool) func(step, *answer) bool {
	return func(_ step, a *answer) bool {
		for i := range a.Responses {
			if change(&a.Responses[i]) {
				return true
			}
		}
		return false
	}
}

func loseEvent(events []kv.Event) ([]kv.Event, bool) {
	if len(events) < 3 {
		return events, false
	}
	return append(events[:1:1], events[2:]...), true
}

func swapEvents(events []kv.Event) ([]kv.Event, bool) {
	for i := 1; i < len(events); i++ {
		if events[i-1].KV.Mod == events[i].KV.Mod {
			events[i-1], events[i] = events[i], events[i-1]
			return events, true
		}
	}
	return events, false
}

func losePrev(events []kv.Event) ([]kv.Event, bool) {
	for i := range events {
		if events[i].Prev != nil {
			events[i].Prev = nil
			return events, true
		}
	}
	return events, false
}

var plants = map[string]planted{
	"a revision that is one off": {spoil: func(_ step, a *answer) bool { a.Revision++; return true }},
	"another version":            {spoil: spoilKeys(func(k *kv.KeyValue) { k.Version++ })},
	"another create revision":    {spoil: spoilKeys(func(k *kv.KeyValue) { k.Create-- })},
	"another mod revision":       {spoil: spoilKeys(func(k *kv.KeyValue) { k.Mod-- })},
	"another value":              {spoil: spoilKeys(func(k *kv.KeyValue) { k.Value += "!" })},
	"another lease":              {spoil: spoilKeys(func(k *kv.KeyValue) { k.Lease ^= 1 })},
	"another branch":             {spoil: func(s step, a *answer) bool { a.Succeeded = !a.Succeeded; return s.kind == doTxn }},
	"another branch, nested": {spoil: spoilResponse(func(r *kv.Response) bool {
		if r.Txn != nil {
			r.Txn.Succeeded = !r.Txn.Succeeded
		}
		return r.Txn != nil
	})},
	"one key too many": {spoil: spoilResponse(func(r *kv.Response) bool { r.Count++; return true })},
	"more":             {spoil: spoilResponse(func(r *kv.Response) bool { r.More = !r.More; return true })},
	"a lost key": {spoil: spoilResponse(func(r *kv.Response) bool {
		found := len(r.KVs) > 0
		r.KVs = nil
		return found
	})},
	"a failure": {spoil: func(_ step, a *answer) bool { *a = failed(kv.FailNoKey); return true }},
	"a lost attachment": {spoil: func(_ step, a *answer) bool {
		found := a.Lease != nil && len(a.Lease.Keys) > 0
		if found {
			a.Lease.Keys = a.Lease.Keys[1:]
		}
		return found
	}},
	"a lost lease": {spoil: func(_ step, a *answer) bool {
		found := len(a.Leases) > 0
		a.Leases = a.Leases[:max(0, len(a.Leases)-1)]
		return found
	}},
	"a lost event":                    {lose: loseEvent},
	"an order of events":              {lose: swapEvents},
	"an event that lost what it had":  {lose: losePrev},
	"a forgotten put":                 {forget: func(s step) bool { return s.kind == doPut }},
	"a forgotten transaction":         {forget: func(s step) bool { return s.kind == doTxn && len(s.txn.If) == 0 && len(s.txn.Then) > 0 }},
	"a forgotten revocation":          {forget: func(s step) bool { return s.kind == doRevoke }},
	"a forgotten compaction":          {forget: func(s step) bool { return s.kind == doCompact }},
	"a forgotten grant":               {forget: func(s step) bool { return s.kind == doGrant }},
	"a forgotten deletion of a range": {forget: func(s step) bool { return s.kind == doDelete && s.txn.Then[0].Delete.End != "" }},
}

func mustPart(t *testing.T, l *life, done *bool) {
	t.Helper()
	_, err := l.live(1, 3*watchEvery)
	if !*done {
		t.Fatalf("nothing was spoilt in %d steps (%v)", l.seen["steps"], err)
	}
	if !errors.As(err, new(difference)) {
		t.Fatalf("it was not seen: %v", err)
	}
}

func TestEveryPlantedDifferenceIsSeen(t *testing.T) {
	for what, plant := range plants {
		t.Run(what, func(t *testing.T) {
			theirs, ours := bothReal(t)
			plant.side = ours
			mustPart(t, newLife(theirs, &plant), &plant.done)
		})
	}
	for what, lose := range map[string]func([]kv.Event) ([]kv.Event, bool){"lost": loseEvent, "swapped": swapEvents, "without prev": losePrev} {
		t.Run("an event of the past, "+what, func(t *testing.T) {
			theirs, ours := bothReal(t)
			plant := &onlyWatched{planted{side: ours, lose: lose}}
			mustPart(t, newLife(theirs, plant), &plant.done)
		})
	}
}

func TestAPlantedDifferenceIsShrunk(t *testing.T) {
	fresh := func(t *testing.T) (theirs, ours side) {
		theirs, ours = bothReal(t)
		return theirs, &planted{side: ours, always: true, forget: func(s step) bool { return s.kind == doRevoke && s.lease == 3 }}
	}
	l := newLife(fresh(t))
	steps, err := l.live(7, 100)
	if err == nil {
		t.Fatal("it was not seen")
	}
	if few, _ := shrink(t, fresh, steps, err); len(few) == 0 || len(few) > 3 {
		t.Errorf("shrunk to %d steps: %v", len(few), few)
	}
	if text := l.explain(t, fresh, steps, err); !strings.Contains(text, "revoke 3") || !strings.Contains(text, "in a fresh life") {
		t.Errorf("it is not explained: %s", text)
	}
}
