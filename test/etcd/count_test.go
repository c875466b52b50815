package etcd

import (
	"fmt"
	"testing"

	"paxos/kv"
)

// count is how often what has happened, by name, on etcd's side.
type count map[string]int

func (c count) step(s step, a answer) {
	c["steps"]++
	if a.Failure != "" {
		c[fmt.Sprintf("%s: %s", s.kind, a.Failure)]++
		return
	}
	c[string(s.kind)]++
	switch s.kind {
	case doTxn, doPut, doDelete:
		c.transaction(s.txn, a.Succeeded, a.Responses, "")
	case doRange:
		c.read(s.read, a.Responses[0])
	case doLease:
		if len(a.Lease.Keys) > 0 {
			c["lease with keys"]++
		}
	}
}

func (c count) transaction(t kv.Txn, succeeded bool, responses []kv.Response, nested string) {
	ops := t.Then
	if !succeeded {
		ops = t.Else
	}
	c[fmt.Sprintf("%sbranch %v", nested, succeeded)]++
	for _, cmp := range t.If {
		c[fmt.Sprintf("compare %d%d range=%v", cmp.Target, cmp.Relation, cmp.End != "")]++
	}
	wrote := false
	for i, op := range ops {
		r := responses[i]
		switch {
		case op.Put != nil:
			wrote = true
			c.put(*op.Put, r)
		case op.Delete != nil:
			wrote = wrote || r.Count > 0
			c[fmt.Sprintf("deleted some=%v prev=%v", r.Count > 0, op.Delete.Prev)]++
		case op.Range != nil:
			c.read(*op.Range, r)
			if wrote {
				c["range after a write of its txn"]++
			}
		case op.Txn != nil:
			c.transaction(*op.Txn, r.Txn.Succeeded, r.Txn.Responses, "nested ")
		}
	}
}

func (c count) put(p kv.Put, r kv.Response) {
	c[fmt.Sprintf("put lease=%v", p.Lease != 0)]++
	if p.KeepValue {
		c["put keeps value"]++
	}
	if p.KeepLease {
		c["put keeps lease"]++
	}
	if len(r.KVs) > 0 {
		c["put gives prev"]++
	}
}

func (c count) read(q kv.Range, r kv.Response) {
	c[fmt.Sprintf("range past=%v", q.Revision != 0)]++
	for name, is := range map[string]bool{"range cut by limit": r.More, "range keys only": q.KeysOnly && len(r.KVs) > 0,
		"range count only": q.CountOnly && r.Count > 0, "range of several": len(r.KVs) > 1} {
		if is {
			c[name]++
		}
	}
}

func (c count) events(events []kv.Event) {
	for i, e := range events {
		c[fmt.Sprintf("event %d prev=%v", e.Type, e.Prev != nil)]++
		if i > 0 && events[i-1].KV.Mod == e.KV.Mod {
			c["events in one revision"]++
		}
	}
}

func (c count) story(s story) {
	c[fmt.Sprintf("watch %s", s.Failure)]++
	if len(s.Events) > 0 {
		c["watch with events"]++
	}
}

// least is what a life must have seen at least, for each thousand of its
// sequences; about half of what it does see.
var least = map[string]int{
	"steps": 12_000, "txn": 2_000, "put": 2_000, "delete": 500, "range": 1_000, "grant": 300, "revoke": 300, "keep-alive": 50, "lease": 100,
	"leases": 100, "compact": 50,

	"put: no-lease": 100, "put: no-key": 50, "range: compacted": 20, "range: future-revision": 20, "compact: compacted": 20,
	"compact: future-revision": 4, "grant: lease-exists": 100, "revoke: no-lease": 100, "keep-alive: no-lease": 50, "lease: no-lease": 50,
	"txn: no-lease": 100, "txn: no-key": 100, "txn: compacted": 5, "txn: future-revision": 3, "txn: duplicate-key": 100,

	"branch true": 1_000, "branch false": 1_000, "nested branch true": 150, "nested branch false": 150, "put lease=true": 500,
	"put lease=false": 1_000, "put keeps value": 50, "put keeps lease": 50, "put gives prev": 300, "deleted some=true prev=true": 200,
	"deleted some=true prev=false": 200, "deleted some=false prev=true": 50, "lease with keys": 20,

	"range past=true": 200, "range past=false": 1_000, "range cut by limit": 50, "range keys only": 100, "range count only": 60,
	"range of several": 200, "range after a write of its txn": 200,

	"event 0 prev=true": 1_000, "event 0 prev=false": 1_000, "event 1 prev=true": 500, "events in one revision": 1_000,
	"watch ": 100, "watch compacted": 20, "watch with events": 50,
}

// enough fails a test that passed by not doing much.
func (c count) enough(t *testing.T, sequences int) {
	t.Helper()
	for target := range 5 {
		for relation := range 4 {
			for _, span := range []bool{false, true} {
				name := fmt.Sprintf("compare %d%d range=%v", target, relation, span)
				if c[name]*1000 < 5*sequences {
					t.Errorf("%q happened only %d times", name, c[name])
				}
			}
		}
	}
	for name, n := range least {
		if c[name]*1000 < n*sequences {
			t.Errorf("%q happened only %d times in %d sequences; %d in a thousand are the least", name, c[name], sequences, n)
		}
	}
}
