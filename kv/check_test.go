package kv_test

import (
	"strings"
	"testing"

	"paxos/kv"
	"paxos/paxos"
)

func ops(list ...kv.Op) kv.Txn { return kv.Txn{Then: list} }

func TestCheckKeepsNonsenseOut(t *testing.T) {
	deep := ops()
	for range kv.MaxDepth {
		inner := deep
		deep = ops(kv.Op{Txn: &inner})
	}
	wide := kv.Txn{If: make([]kv.Compare, 512), Else: make([]kv.Op, 513)}
	for i := range wide.If {
		wide.If[i].Key = "k"
	}
	for i := range wide.Else {
		wide.Else[i].Range = &kv.Range{Span: kv.Span{Key: "k"}}
	}
	for name, c := range map[string]struct {
		command any
		want    string
	}{
		"no key":             {ops(kv.Op{Put: &kv.Put{}}), "at least one byte"},
		"a key, no UTF-8":    {ops(kv.Op{Increment: &kv.Increment{Key: "\xff"}}), "UTF-8"},
		"a long key":         {ops(kv.Op{Append: &kv.ListAppend{Key: strings.Repeat("k", 4097), Item: "1"}}), "4097"},
		"a long end":         {ops(kv.Op{Range: &kv.Range{Span: kv.Span{Key: "k", End: strings.Repeat("k", 4097)}}}), "end"},
		"a long value":       {ops(kv.Op{Put: &kv.Put{Key: "k", Value: strings.Repeat("k", 1<<20+1)}}), "1048577"},
		"a condition's key":  {kv.Txn{If: []kv.Compare{{}}}, "at least one byte"},
		"a deletion's key":   {ops(kv.Op{Delete: &kv.Delete{}}), "at least one byte"},
		"an item":            {ops(kv.Op{Append: &kv.ListAppend{Key: "k", Item: "1 2"}}), "JSON"},
		"keep and change":    {ops(kv.Op{Put: &kv.Put{Key: "k", Value: "v", KeepValue: true}}), "keeps"},
		"keep another lease": {ops(kv.Op{Put: &kv.Put{Key: "k", Lease: 1, KeepLease: true}}), "keeps"},
		"nothing to do":      {ops(kv.Op{}), "operations"},
		"too deep":           {deep, "too deep"},
		"too much":           {wide, "more than 1024"},
		"a limit below 0":    {ops(kv.Op{Range: &kv.Range{Span: kv.Span{Key: "k"}, Limit: -1}}), "limit"},
		"a fence's name":     {kv.Txn{Fences: []kv.Fence{{Lock: "a/b"}}}, "name"},
		"a lock's name":      {kv.Acquire{Name: "", TTL: hour}, "name"},
		"an election's name": {kv.Release{Name: strings.Repeat("n", 513)}, "name"},
		"a proclamation":     {kv.Proclaim{Name: "a", Value: strings.Repeat("k", 1<<20+1)}, "1048577"},
		"a short life":       {kv.Grant{TTL: 999}, "time to live"},
		"a long life":        {kv.Grant{TTL: kv.MaxTTL + 1}, "time to live"},
		"no life":            {kv.Acquire{Name: "a"}, "time to live"},
	} {
		err := kv.Check(paxos.Command{Session: 1, Sequence: 1, Body: kv.Encode(c.command)})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	strict := kv.Limits{KeyBytes: 3, ValueBytes: 4, Operations: 2}
	for command, ok := range map[*kv.Txn]bool{
		ptr(putOne("abc", "abcd")): true, ptr(putOne("abcd", "")): false, ptr(putOne("a", "abcde")): false,
		ptr(ops(kv.Op{Txn: ptr(ops(kv.Op{Txn: ptr(ops())}))})): true, ptr(ops(kv.Op{Txn: ptr(ops(kv.Op{Txn: ptr(ops(kv.Op{Txn: ptr(ops())}))}))})): false,
	} {
		if err := strict.Check(paxos.Command{Session: 1, Sequence: 1, Body: kv.Encode(*command)}); (err == nil) != ok {
			t.Errorf("%+v: %v", command, err)
		}
	}
}

func ptr[T any](v T) *T { return &v }

func TestOnlyMaintenanceHasNoSession(t *testing.T) {
	for _, body := range bodies() {
		name := paxos.Command{Sequence: 1, Body: body}
		op := body[1]
		maintains := op == 5 || op == 10 || op == 11
		if err := kv.Check(name); (err == nil) != maintains {
			t.Errorf("operation %d without a session: %v", op, err)
		}
		name.Session = 1
		if err := kv.Check(name); err != nil && op != 6 { // transactions are random
			t.Errorf("operation %d: %v", op, err)
		}
	}
	if kv.Check(paxos.Command{Sequence: 1, Body: kv.Encode(kv.Compact{Revision: 3})}) == nil {
		t.Error("a user's compaction needs a session")
	}
}

func TestOnlyWhatFreesRoomFrees(t *testing.T) {
	for _, body := range bodies() {
		if op := body[1]; op != 6 {
			if want := op != 1 && op != 7 && op != 12 && op != 14; kv.Frees(body) != want {
				t.Errorf("operation %d frees: %v", op, !want)
			}
		}
	}
	del, read := kv.Op{Delete: &kv.Delete{Span: kv.Span{Key: "k"}}}, kv.Op{Range: &kv.Range{Span: kv.Span{Key: "k"}}}
	write := kv.Op{Put: &kv.Put{Key: "k"}}
	for command, want := range map[*kv.Txn]bool{
		ptr(ops(del, read)): true, ptr(ops(del, write)): false, {Else: []kv.Op{write}}: false, ptr(ops(kv.Op{Txn: ptr(ops(del))})): true,
		ptr(ops(kv.Op{Txn: ptr(ops(write))})): false, ptr(ops(kv.Op{Increment: &kv.Increment{Key: "k"}})): false,
		ptr(ops(kv.Op{Append: &kv.ListAppend{Key: "k", Item: "1"}})): false,
	} {
		if kv.Frees(kv.Encode(*command)) != want {
			t.Errorf("%+v frees: %v", command, !want)
		}
	}
	if kv.Frees([]byte{1, 99}) || kv.Frees(nil) {
		t.Error("what cannot be read frees")
	}
}

func TestKeysOfTheStoreItselfAreNotWritten(t *testing.T) {
	for _, key := range []string{"values/00000000000000000002-000000", "locks/l/x", "elections/e/x"} {
		for _, op := range []kv.Op{{Put: &kv.Put{Key: key}}, {Increment: &kv.Increment{Key: key, By: 1}}, {Append: &kv.ListAppend{Key: key, Item: "1"}}} {
			for _, body := range [][]byte{kv.Encode(kv.Txn{Then: []kv.Op{op}}), kv.Encode(kv.Txn{Else: []kv.Op{{Txn: &kv.Txn{Else: []kv.Op{op}}}}})} {
				if err := kv.Check(paxos.Command{Session: 1, Sequence: 1, Body: body}); err == nil || !strings.Contains(err.Error(), "by the store alone") {
					t.Errorf("%s: %v", key, err)
				}
			}
		}
		gone := kv.Encode(kv.Txn{Then: []kv.Op{{Delete: &kv.Delete{Span: kv.Span{Key: key}}}}})
		if err := kv.Check(paxos.Command{Session: 1, Sequence: 1, Body: gone}); err != nil {
			t.Errorf("%s cannot be deleted: %v", key, err)
		}
	}
}
