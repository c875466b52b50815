package kv

import (
	"crypto/sha256"
	"strings"

	"paxos/paxos"
)

// Idempotency keys are of two classes. A key that a user chose is never
// forgotten before its time: when there are too many, a command with a new one
// is refused. One that a client library drew for a call goes early if it must.
const (
	chosen = iota
	drawn
	classes
)

func classOf(key string) int {
	if strings.HasPrefix(key, paxos.CallKeyPrefix) {
		return drawn
	}
	return chosen
}

// keyLife is how long a class lives.
var keyLife = [classes]paxos.LogTime{chosen: 24 * 60 * 60 * 1000, drawn: 10 * 60 * 1000}

// holding is how many keys of a class there are, and their size.
type holding struct{ keys, bytes int }

func (h holding) over(most holding) bool { return h.keys > most.keys || h.bytes > most.bytes }

// noteKey remembers what a command's idempotency key stands for from now on: k,
// which is in no tree yet.
func (t *table) noteKey(k *keyNote, c *paxos.Command, o paxos.Outcome, now paxos.LogTime) {
	k.body, k.outcome, k.used = sha256.Sum256(c.Body), o, now
	t.setKey(k)
}

func (t *table) setKey(k *keyNote) {
	if old, replaced := t.keyed.SetHint(k, &t.lastKeyed); replaced {
		t.forgetKey(old)
	}
	t.oldest.SetHint(k, &t.lastOldest)
	h := &t.held[classOf(k.key)]
	h.keys, h.bytes = h.keys+1, h.bytes+k.size()
}

func (t *table) dropKey(k *keyNote) {
	t.keyed.Delete(k)
	t.forgetKey(k)
}

// forgetKey forgets one that its key does not lead to any more.
func (t *table) forgetKey(k *keyNote) {
	t.oldest.Delete(k)
	h := &t.held[classOf(k.key)]
	h.keys, h.bytes = h.keys-1, h.bytes-k.size()
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

// oldestKey gives the key of a class that was noted first, nil if there is none.
func (t *table) oldestKey(class int) (first *keyNote) {
	if t.held[class].keys == 0 {
		return nil
	}
	if class == chosen {
		first, _ = t.oldest.Min()
	} else {
		t.oldest.Ascend(&keyNote{key: paxos.CallKeyPrefix}, func(k *keyNote) bool {
			first = k
			return false
		})
	}
	if first != nil && classOf(first.key) != class {
		return nil
	}
	return first
}

// drop forgets at most n keys of each class that are older than their life, and
// however many drawn ones there are too many of.
func (t *table) drop(now paxos.LogTime, n int, most holding) {
	for class := range classes {
		for left := n; ; {
			over := class == drawn && t.held[class].over(most)
			if left == 0 && !over {
				break // mostly: this is asked after each command with a key
			}
			k := t.oldestKey(class)
			if k == nil {
				break
			}
			if !over {
				if now-k.used <= keyLife[class] {
					break
				}
				left--
			}
			t.dropKey(k)
			t.horizons[class] = max(t.horizons[class], k.outcome.Slot+1)
		}
	}
}

// crowded refuses a new key of a user for which there is no room. Forgetting
// another one early would let that one's command take effect twice.
func (m *Machine) crowded(key string) *Failure {
	if key == "" || classOf(key) != chosen {
		return nil
	}
	h, most := m.held[chosen], m.most.keys[chosen]
	if h.keys < most.keys && h.bytes < most.bytes {
		return nil
	}
	return failure(FailKeys, "%d idempotency keys of %d bytes are remembered, and no more can be; the oldest are forgotten after 24 h",
		h.keys, h.bytes)
}
