package kv_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"paxos/kv"
	"paxos/paxos"
)

// deep is JSON that is nested so deep, with brackets in texts that do not count.
func deep(depth int) string {
	return strings.Repeat(`["[{\"",`, depth-1) + "[]" + strings.Repeat("]", depth-1)
}

func appending(sequence int, key, item string) paxos.Command {
	return paxos.Command{Session: 1, Sequence: paxos.Sequence(sequence), Body: kv.Encode(kv.Txn{Then: []kv.Op{{Append: &kv.ListAppend{Key: key, Item: item}}}})}
}

// What a machine knows of a list, one that was restored has to find out again.
func TestAMachineAndItsRestoredTwinAnswerTheSameOfLists(t *testing.T) {
	items := []string{"1", ` "a,b]" `, "{}", "[ ]", `{"a":[1,2]}`, deep(3), deep(kv.MaxItemDepth), deep(kv.MaxItemDepth + 1), deep(10_000), "1,2", "", "]"}
	byHand := []string{"[]", " [ ] ", "[1 , [2,3]]", deep(9_999), deep(10_000), deep(10_001), "{}", "[,]", "", `["\"],["]`}
	rapid.Check(t, func(t *rapid.T) {
		luck := paxos.Dice(rapid.Uint64().Draw(t, "luck"))
		live, twin := newBook(t), newBook(t)
		for i := range 30 {
			c := appending(i+1, fmt.Sprint("l", luck.Below(2)), items[luck.Below(len(items))])
			if luck.Below(4) == 0 {
				c.Body = kv.Encode(putOne(fmt.Sprint("l", luck.Below(2)), byHand[luck.Below(len(byHand))]))
			}
			v, err := kv.Read(bytes.NewReader(twin.state()))
			if err != nil {
				t.Fatal(err)
			}
			if err := twin.m.Restore(v); err != nil {
				t.Fatal(err)
			}
			a, b := live.one(1, c), twin.one(1, c)
			res, err := kv.DecodeResult(a.Result)
			if err != nil || !bytes.Equal(a.Result, b.Result) {
				other, _ := kv.DecodeResult(b.Result)
				t.Fatalf("one answers %+v, its twin %+v", res, other)
			}
			if len(res.Responses) == 1 && res.Responses[0].Count > 0 {
				mustHaveItems(t, live.m, res.Responses[0])
			}
		}
		if !bytes.Equal(live.state(), twin.state()) {
			t.Fatal("they hold other states")
		}
	})
}

func mustHaveItems(t *rapid.T, m *kv.Machine, r kv.Response) {
	var list []json.RawMessage
	l, _ := m.Get(r.KVs[0].Key)
	if err := json.Unmarshal([]byte(l.Value), &list); err != nil || len(list) != r.Count {
		t.Fatalf("the answer says %d items, there are %d (%v)", r.Count, len(list), err)
	}
	if r.KVs[0].Value != "" || !r.More || r.KVs[0].Mod != l.Mod {
		t.Fatalf("%+v of %d", r, l.Mod)
	}
}

func TestAnItemIsNestedSoDeepAndNoDeeper(t *testing.T) {
	d := newDesk(t)
	for depth, good := range map[int]bool{1: true, kv.MaxItemDepth: true, kv.MaxItemDepth + 1: false, 10_000: false} {
		c := appending(1, "l", deep(depth))
		if err := kv.Check(c); (err == nil) != good {
			t.Errorf("%d deep: %v", depth, err)
		}
		txn := kv.Txn{Then: []kv.Op{{Append: &kv.ListAppend{Key: "l", Item: deep(depth)}}}}
		if good {
			d.must(txn)
		} else {
			d.fails(kv.FailNotAList, txn)
		}
	}
}
