package etcd

import (
	"testing"

	"paxos/kv"
)

// differences is everything in which our machine is meant to differ from etcd,
// with the reason. Each row is shown by steps of which the last one's answers
// differ; random lives leave it out (forgive, evades).
var differences = []struct {
	what, why    string
	steps        []step
	theirs, ours answer
}{
	{
		what: "a read of keys only leaves out the lease too",
		why:  "etcd 3.7 answers it from an index that knows no leases; earlier releases, and we, leave out no more than the value",
		steps: []step{
			{kind: doGrant, lease: 1, ttl: granted},
			{kind: doPut, txn: then(kv.Op{Put: &kv.Put{Key: "a", Value: "v", Lease: 1}})},
			{kind: doRange, read: kv.Range{Span: kv.Span{Key: "a"}, KeysOnly: true}},
		},
		theirs: answer{Revision: 2, Responses: []kv.Response{{KVs: []kv.KeyValue{{Key: "a", Create: 2, Mod: 2, Version: 1}}, Count: 1}}},
		ours:   answer{Revision: 2, Responses: []kv.Response{{KVs: []kv.KeyValue{{Key: "a", Create: 2, Mod: 2, Version: 1, Lease: 1}}, Count: 1}}},
	},
	{
		what: "a transaction may put a key and delete all keys from one below it on",
		why:  "etcd refuses a put and a delete of one key but overlooks an open end, so that a key can change twice in one revision; ours cannot",
		steps: []step{{kind: doTxn, txn: then(kv.Op{Put: &kv.Put{Key: "b"}},
			kv.Op{Delete: &kv.Delete{Span: kv.Span{Key: "a", End: "\x00"}}})}},
		theirs: answer{Revision: 2, Succeeded: true, Responses: []kv.Response{{}, {Count: 1}}},
		ours:   failed(kv.FailDuplicateKey),
	},
	{
		what: "a nested transaction may delete what one before it puts",
		why:  "the same: etcd looks at the deletes before the put, and not at those after it",
		steps: []step{{kind: doTxn, txn: then(nested(kv.Op{Put: &kv.Put{Key: "a"}}),
			nested(kv.Op{Delete: &kv.Delete{Span: kv.Span{Key: "a"}}}))}},
		theirs: answer{Revision: 2, Succeeded: true, Responses: []kv.Response{
			{Txn: &kv.TxnResponse{Succeeded: true, Responses: []kv.Response{{}}}}, {Txn: &kv.TxnResponse{Succeeded: true, Responses: []kv.Response{{Count: 1}}}}}},
		ours: failed(kv.FailDuplicateKey),
	},
	{
		what:   "a store that was never compacted can be compacted at revision 0, once",
		why:    "etcd begins at -1; it forgets nothing, and revision 0 does not exist",
		steps:  []step{{kind: doCompact}},
		theirs: answer{Revision: 1},
		ours:   failed(kv.FailCompacted),
	},
}

func then(ops ...kv.Op) kv.Txn  { return kv.Txn{Then: ops} }
func nested(ops ...kv.Op) kv.Op { return kv.Op{Txn: &kv.Txn{Then: ops}} }

func withoutLeases(kvs []kv.KeyValue) {
	for i := range kvs {
		kvs[i].Lease = 0
	}
}

// forgive takes out of our answer what etcd leaves out.
func forgive(s step, a answer) {
	if s.kind == doRange && s.read.KeysOnly && len(a.Responses) == 1 {
		withoutLeases(a.Responses[0].KVs)
	}
	forgiveOps(branch(s.txn, a.Succeeded), a.Responses)
}

func forgiveOps(ops []kv.Op, responses []kv.Response) {
	for i, op := range ops {
		if i >= len(responses) {
			return
		}
		if op.Range != nil && op.Range.KeysOnly {
			withoutLeases(responses[i].KVs)
		}
		if nested := responses[i].Txn; op.Txn != nil && nested != nil {
			forgiveOps(branch(*op.Txn, nested.Succeeded), nested.Responses)
		}
	}
}

func branch(t kv.Txn, succeeded bool) []kv.Op {
	if succeeded {
		return t.Then
	}
	return t.Else
}

// reach is what some branch of a transaction may change.
type reach struct {
	puts []string
	dels []kv.Span
}

func reachOf(ops []kv.Op) reach {
	var all reach
	for _, op := range ops {
		switch {
		case op.Put != nil:
			all.puts = append(all.puts, op.Put.Key)
		case op.Delete != nil:
			all.dels = append(all.dels, op.Delete.Span)
		case op.Txn != nil:
			for _, ops := range [][]kv.Op{op.Txn.Then, op.Txn.Else} {
				r := reachOf(ops)
				all.puts, all.dels = append(all.puts, r.puts...), append(all.dels, r.dels...)
			}
		}
	}
	return all
}

// evades reports whether the operations put and delete a key in one of the two
// ways that etcd overlooks.
func evades(ops []kv.Op) bool {
	for i, op := range ops {
		own := reachOf(ops[i : i+1])
		for j, other := range ops {
			sibling := op.Txn != nil && other.Txn != nil && i < j
			for _, d := range reachOf(ops[j : j+1]).dels {
				if i != j && (sibling || d.End == "\x00") && deletesAny(d, own.puts) {
					return true
				}
			}
		}
		if op.Txn != nil && (evades(op.Txn.Then) || evades(op.Txn.Else)) {
			return true
		}
	}
	return false
}

func deletesAny(s kv.Span, keys []string) bool {
	for _, k := range keys {
		if k == s.Key || s.End != "" && k > s.Key && (s.End == "\x00" || k < s.End) {
			return true
		}
	}
	return false
}

func TestTheMachineDiffersFromEtcdOnlyAsListed(t *testing.T) {
	for _, d := range differences {
		t.Run(d.what, func(t *testing.T) {
			theirs, ours := bothReal(t)
			var a, b answer
			for _, s := range d.steps {
				var err error
				if a, err = theirs.do(s); err != nil {
					t.Fatal(err)
				}
				if b, err = ours.do(s); err != nil {
					t.Fatal(err)
				}
			}
			if d := diff(a, d.theirs); d != "" {
				t.Errorf("etcd (- is, + as listed):\n%s", d)
			}
			if d := diff(b, d.ours); d != "" {
				t.Errorf("ours (- is, + as listed):\n%s", d)
			}
		})
	}
}
