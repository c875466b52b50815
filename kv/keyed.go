package kv

import (
	"crypto/sha256"

	"paxos/paxos"
)

// noteKey remembers what a command's idempotency key stands for from now on.
func (t *table) noteKey(c *paxos.Command, o paxos.Outcome, now paxos.LogTime) {
	if c.Key != "" {
		t.setKey(&keyNote{c.Key, sha256.Sum256(c.Body), o, now})
	}
}

func (t *table) setKey(k *keyNote) {
	if old, replaced := t.keyed.Set(k); replaced {
		t.oldest.Delete(old)
		t.keyedBytes -= old.size()
	}
	t.oldest.Set(k)
	t.keyedBytes += k.size()
}

// burnKey makes sure that the key takes no effect after this slot; it gives
// the outcome that stands: applied before, or burnt.
func (t *table) burnKey(key string, at paxos.Outcome, now paxos.LogTime) paxos.Outcome {
	if k, ok := t.keyed.Get(&keyNote{key: key}); ok {
		return k.outcome
	}
	burnt := paxos.Outcome{Verdict: paxos.Burnt, Slot: at.Slot, Position: at.Position}
	t.setKey(&keyNote{key: key, outcome: burnt, used: now})
	return burnt
}

// drop forgets the keys that are older than their life, at most n of them, and
// however many there are too many of.
func (t *table) drop(now paxos.LogTime, n, most, mostBytes int) {
	for {
		k, ok := t.oldest.Min()
		if !ok {
			return
		}
		if t.keyed.Len() <= most && t.keyedBytes <= mostBytes {
			if n == 0 || now-k.used <= keyLife {
				return
			}
			n--
		}
		t.oldest.PopMin()
		t.keyed.Delete(k)
		t.keyedBytes -= k.size()
		t.horizon = max(t.horizon, k.outcome.Slot+1)
	}
}
