package client

import (
	"unicode/utf8"

	"paxos/kv"
	"paxos/paxos"
)

// What the state machine says, in the words of answers: client services tell it
// so over REST, and a Client does that has its answer from a stream.

// ShownKey is a key; bare leaves its value out.
func ShownKey(k kv.KeyValue, bare bool) KV {
	out := KV{Key: k.Key, Create: paxos.Number(k.Create), Mod: paxos.Number(k.Mod), Version: paxos.Number(k.Version)}
	if k.Lease != 0 {
		lease := k.Lease
		out.Lease = &lease
	}
	switch {
	case bare:
	case utf8.ValidString(k.Value):
		value := k.Value
		out.Value = &value
	default:
		out.ValueBase64 = []byte(k.Value)
	}
	return out
}

// ShownKeys are keys.
func ShownKeys(list []kv.KeyValue, bare bool) []KV {
	out := make([]KV, len(list))
	for i, k := range list {
		out[i] = ShownKey(k, bare)
	}
	return out
}

// ShownAnswers tells what operations gave. Which operations they were, ops
// says; without it (of an outcome, whose body nobody keeps) keys are keys.
func ShownAnswers(list []kv.Response, ops []kv.Op) []OpAnswer {
	out := make([]OpAnswer, len(list))
	for i, r := range list {
		var op kv.Op
		if i < len(ops) {
			op = ops[i]
		}
		a := &out[i]
		switch {
		case r.Txn != nil:
			a.Txn = &TxnAnswer{Succeeded: r.Txn.Succeeded}
			var inner []kv.Op
			if op.Txn != nil {
				inner = Branch(*op.Txn, r.Txn.Succeeded)
			}
			a.Txn.Responses = ShownAnswers(r.Txn.Responses, inner)
		case op.Put != nil:
			a.Prev = ShownKeys(r.KVs, false)
		case op.Delete != nil:
			a.Prev, a.Deleted = ShownKeys(r.KVs, false), paxos.Number(r.Count)
		case (op.Increment != nil || op.Append != nil) && len(r.KVs) > 0:
			key := ShownKey(r.KVs[0], op.Append != nil)
			a.Key, a.Count = &key, paxos.Number(r.Count)
		default:
			bare := op.Range != nil && op.Range.KeysOnly
			if op.Range == nil && r.More && len(r.KVs) == 1 && r.KVs[0].Value == "" {
				bare = true // of an append, mostly, whose value is left out
			}
			a.Keys, a.Count, a.More = ShownKeys(r.KVs, bare), paxos.Number(r.Count), r.More
		}
	}
	return out
}

// Branch is what a transaction executed.
func Branch(t kv.Txn, succeeded bool) []kv.Op {
	if succeeded {
		return t.Then
	}
	return t.Else
}

// withoutEmpty makes lists nil that are empty, as they are when JSON was read
// that leaves them out.
func withoutEmpty(answers []OpAnswer) []OpAnswer {
	if len(answers) == 0 {
		return nil
	}
	for i := range answers {
		a := &answers[i]
		if len(a.Keys) == 0 {
			a.Keys = nil
		}
		if len(a.Prev) == 0 {
			a.Prev = nil
		}
		if a.Txn != nil && withoutEmpty(a.Txn.Responses) == nil {
			a.Txn.Responses = []OpAnswer{}
		}
	}
	return answers
}
