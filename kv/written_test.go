package kv_test

import (
	"testing"

	"pgregory.net/rapid"

	"paxos/kv"
	"paxos/paxos"
)

// TestAWrittenKeyIsWhatItsResultSays: of the results of a life of transactions,
// the short way takes those that it is for, and gives what the long one does.
func TestAWrittenKeyIsWhatItsResultSays(t *testing.T) {
	taken, others := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		m := kv.New()
		for slot := range 30 {
			key := rapid.SampledFrom([]string{"a", "b", "ü"}).Draw(t, "key")
			put := kv.Op{Put: &kv.Put{Key: key, Value: rapid.String().Draw(t, "value"), Prev: rapid.Bool().Draw(t, "prev")}}
			read := kv.Op{Range: &kv.Range{Span: kv.Span{Key: rapid.SampledFrom([]string{key, "a"}).Draw(t, "read")}, KeysOnly: rapid.Bool().Draw(t, "bare")}}
			txn := kv.Txn{Then: rapid.SampledFrom([][]kv.Op{{put, read}, {put}, {read, put}, {put, read, read}}).Draw(t, "ops")}
			if rapid.Bool().Draw(t, "demands") {
				txn.If = []kv.Compare{{Span: kv.Span{Key: key}, Target: kv.TargetMod, Relation: kv.Equal}}
			}
			result := applied(t, m, slot, txn)
			want, err := kv.DecodeResult(result)
			if err != nil {
				t.Fatal(err)
			}
			revision, got, ok := kv.WrittenKey(result, key)
			if !ok {
				others++
				continue
			}
			taken++
			if n := len(want.Responses); n != 2 || revision != want.Revision || !want.Succeeded || len(want.Responses[0].KVs) != 0 || len(want.Responses[1].KVs) != 1 || got != want.Responses[1].KVs[0] {
				t.Fatalf("%d %+v of %+v", revision, got, want)
			}
			if _, _, ok := kv.WrittenKey(result[:len(result)-1], key); ok {
				t.Fatal("a result that is cut off is taken")
			}
		}
	})
	if taken == 0 || others == 0 {
		t.Errorf("%d were taken, %d were not", taken, others)
	}
}

func applied(t *rapid.T, m *kv.Machine, slot int, txn kv.Txn) []byte {
	if slot == 0 {
		apply(t, m, 1, kv.Encode(kv.Open{}))
	}
	return apply(t, m, slot+2, kv.Encode(txn))
}

func apply(t *rapid.T, m *kv.Machine, slot int, body []byte) []byte {
	outcomes, err := m.Apply(paxos.Entry{Slot: paxos.Slot(slot), Value: paxos.Value{Commands: []paxos.Command{{Session: 1, Sequence: paxos.Sequence(slot), Body: body}}}})
	if err != nil || outcomes[0].Verdict != paxos.Applied {
		t.Fatalf("%+v, %v", outcomes, err)
	}
	return outcomes[0].Result
}
