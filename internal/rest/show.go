package rest

import (
	"unicode/utf8"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// What the state machine says, in the words of the API.

// shown is a key as people see it: a text if it is one, else base64.
func shown(k kv.KeyValue, bare bool) client.KV {
	out := client.KV{Key: k.Key, Create: paxos.Number(k.Create), Mod: paxos.Number(k.Mod), Version: paxos.Number(k.Version)}
	if k.Lease != 0 {
		out.Lease = &k.Lease
	}
	switch {
	case bare:
	case utf8.ValidString(k.Value):
		out.Value = &k.Value
	default:
		out.ValueBase64 = []byte(k.Value)
	}
	return out
}

func allShown(list []kv.KeyValue, bare bool) []client.KV {
	out := make([]client.KV, len(list))
	for i, k := range list {
		out[i] = shown(k, bare)
	}
	return out
}

// shownEvent is a change; of a deletion only the key and the revision are known.
func shownEvent(e kv.Event) client.KeyEvent {
	out := client.KeyEvent{Type: "put"}
	if e.Type == kv.DeleteEvent {
		out.Type = "delete"
	}
	out.KV = shown(e.KV, e.Type == kv.DeleteEvent)
	if e.Prev != nil {
		prev := shown(*e.Prev, false)
		out.Prev = &prev
	}
	return out
}

// shownAnswers tells what operations gave. Which operations they were, ops
// says; without it (of an outcome, whose body nobody keeps) keys are keys.
func shownAnswers(list []kv.Response, ops []kv.Op) []client.OpAnswer {
	out := make([]client.OpAnswer, len(list))
	for i, r := range list {
		var op kv.Op
		if i < len(ops) {
			op = ops[i]
		}
		a := &out[i]
		switch {
		case r.Txn != nil:
			a.Txn = &client.TxnAnswer{Succeeded: r.Txn.Succeeded}
			var inner []kv.Op
			if op.Txn != nil {
				inner = branch(*op.Txn, r.Txn.Succeeded)
			}
			a.Txn.Responses = shownAnswers(r.Txn.Responses, inner)
		case op.Put != nil:
			a.Prev = allShown(r.KVs, false)
		case op.Delete != nil:
			a.Prev, a.Deleted = allShown(r.KVs, false), paxos.Number(r.Count)
		case (op.Increment != nil || op.Append != nil) && len(r.KVs) > 0:
			key := shown(r.KVs[0], op.Append != nil)
			a.Key, a.Count = &key, paxos.Number(r.Count)
		default:
			bare := op.Range != nil && op.Range.KeysOnly
			if op.Range == nil && r.More && len(r.KVs) == 1 && r.KVs[0].Value == "" {
				bare = true // of an append, mostly, whose value is left out
			}
			a.Keys, a.Count, a.More = allShown(r.KVs, bare), paxos.Number(r.Count), r.More
		}
	}
	return out
}

func branch(t kv.Txn, succeeded bool) []kv.Op {
	if succeeded {
		return t.Then
	}
	return t.Else
}

func shownPlace(p kv.Place) client.Place {
	return client.Place{Name: p.Name, Key: p.Key, Held: p.Ahead == 0, Token: paxos.Number(p.Token), Lease: p.Lease, Value: p.Value, Ahead: p.Ahead}
}
