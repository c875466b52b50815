package rest

import (
	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// What the state machine says, in the words of the API.

func shown(k kv.KeyValue, bare bool) client.KV { return client.ShownKey(k, bare) }

func allShown(list []kv.KeyValue, bare bool) []client.KV { return client.ShownKeys(list, bare) }

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

func shownAnswers(list []kv.Response, ops []kv.Op) []client.OpAnswer {
	return client.ShownAnswers(list, ops)
}

func branch(t kv.Txn, succeeded bool) []kv.Op { return client.Branch(t, succeeded) }

func shownPlace(p kv.Place) client.Place {
	return client.Place{Name: p.Name, Key: p.Key, Held: p.Ahead == 0, Token: paxos.Number(p.Token), Lease: p.Lease, Value: p.Value, Ahead: p.Ahead}
}
