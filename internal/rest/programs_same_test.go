package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"paxos/client"
	"paxos/paxos"
)

// calls are one of each kind of write, and of each way in which one can fail.
func calls(ctx context.Context, c *client.Client, p string) map[string]func() (any, error) {
	written := func(w client.Written, err error) (any, error) { return w, err }
	list := map[string]func() (any, error){
		"01 put":              func() (any, error) { return written(c.Put(ctx, p+"k", "v")) },
		"02 put again":        func() (any, error) { return written(c.Put(ctx, p+"k", "\xff\x00", client.WithPrev())) },
		"03 put, prev":        func() (any, error) { return written(c.Put(ctx, p+"k", "w", client.WithPrev())) },
		"04 create":           func() (any, error) { return written(c.Create(ctx, p+"k", "x")) },
		"05 create new":       func() (any, error) { return written(c.Create(ctx, p+"new", "")) },
		"06 if revision":      func() (any, error) { return written(c.Put(ctx, p+"k", "x", client.IfRevision(uint64(1)))) },
		"07 if exists":        func() (any, error) { return written(c.Put(ctx, p+"k", "x", client.IfExists())) },
		"08 if exists, not":   func() (any, error) { return written(c.Put(ctx, p+"none", "x", client.IfExists())) },
		"09 two conditions":   func() (any, error) { return written(c.Put(ctx, p+"k", "x", client.IfExists(), client.IfMissing())) },
		"10 no lease":         func() (any, error) { return written(c.Put(ctx, p+"k", "x", client.WithLease(99))) },
		"11 keep lease":       func() (any, error) { return written(c.Put(ctx, p+"k", "x", client.KeepLease())) },
		"12 both leases":      func() (any, error) { return written(c.Put(ctx, p+"k", "x", client.KeepLease(), client.WithLease(9))) },
		"13 fenced":           func() (any, error) { return written(c.Put(ctx, p+"k", "x", client.Fenced("l", uint64(7)))) },
		"14 fence 0":          func() (any, error) { return written(c.Put(ctx, p+"k", "x", client.Fenced("l", uint64(0)))) },
		"15 increment":        func() (any, error) { return written(c.Increment(ctx, p+"n", 5)) },
		"16 increment, again": func() (any, error) { return written(c.Increment(ctx, p+"n", -7, client.IfExists())) },
		"17 no number":        func() (any, error) { return written(c.Increment(ctx, p+"k", 1)) },
		"18 increment, prev":  func() (any, error) { return written(c.Increment(ctx, p+"n", 1, client.WithPrev())) },
		"19 swap":             func() (any, error) { return written(c.Swap(ctx, p+"k", "x", "\xfe")) },
		"20 swap, not":        func() (any, error) { return written(c.Swap(ctx, p+"k", "x", "y")) },
		"21 append":           func() (any, error) { return written(c.Append(ctx, p+"l", map[string]int{"a": 1})) },
		"22 delete":           func() (any, error) { return written(c.Delete(ctx, p+"k", client.WithPrev())) },
		"23 delete nothing":   func() (any, error) { return written(c.Delete(ctx, p+"k")) },
		"24 delete, not":      func() (any, error) { return written(c.Delete(ctx, p+"n", client.IfMissing())) },
		"25 range, condition": func() (any, error) { return written(c.DeletePrefix(ctx, p+"n", client.IfMissing())) },
		"26 delete range":     func() (any, error) { return written(c.DeletePrefix(ctx, p+"n", client.WithPrev())) },
		"27 bad span": func() (any, error) {
			return written(c.DeleteRange(ctx, client.KeySpan{Key: p, End: "z", Prefix: true}))
		},
		"28 reserved":            func() (any, error) { return written(c.Put(ctx, "locks/x", "x")) },
		"29 long key":            func() (any, error) { return written(c.Put(ctx, strings.Repeat("k", 4097), "x")) },
		"30 long value":          func() (any, error) { return written(c.Put(ctx, p+"k", strings.Repeat("x", 1<<20+1))) },
		"30 longer than a frame": func() (any, error) { return written(c.Put(ctx, p+"k", strings.Repeat("x", 9<<20))) },
		"31 long idempotency":    func() (any, error) { return written(c.Put(ctx, p+"k", "x", client.Key(strings.Repeat("k", 257)))) },
		"32 key with blanks":     func() (any, error) { return written(c.Put(ctx, p+"k", "x", client.Key(" "+p+"k"))) },
		"33 key":                 func() (any, error) { return written(c.Put(ctx, p+"k", "y", client.Key(p+"a/b ü"))) },
		"34 key reused":          func() (any, error) { return written(c.Put(ctx, p+"k", "z", client.Key(p+"a/b ü"))) },
		"43 send":                func() (any, error) { return c.Send(ctx, "ação") },
		"44 send, key":           func() (any, error) { return c.Send(ctx, "v", client.Key(p+"send")) },
		"45 send, reused":        func() (any, error) { return c.Send(ctx, "w", client.Key(p+"send")) },
		"46 send, line":          func() (any, error) { return c.Send(ctx, "w", client.Key(p+"a\nb")) },
		"47 send, no wait":       func() (any, error) { return c.Send(ctx, "w", client.NoWait()) },
		"48 no key":              func() (any, error) { return written(c.Put(ctx, p+"k", "v", client.WithoutKey())) },
	}
	maps.Copy(list, transactions(ctx, c, p))
	return list
}

func transactions(ctx context.Context, c *client.Client, p string) map[string]func() (any, error) {
	written := func(w client.Written, err error) (any, error) { return w, err }
	num := func(n uint64) *paxos.Number { m := paxos.Number(n); return &m }
	return map[string]func() (any, error){
		"35 txn": func() (any, error) {
			return written(c.Txn(ctx, client.Txn{If: []client.Condition{client.Exists(p + "k"), client.ValueIs(p+"k", "y"), {KeySpan: client.Prefix(p), Is: ">", Mod: num(1)}},
				Then: []client.Operation{client.ThenPut(p+"t", ""), client.ThenIncrement(p+"c", 3), client.ThenGet(client.Prefix(p)), client.ThenDelete(client.One(p + "none")),
					client.ThenTxn(client.Txn{If: []client.Condition{client.Missing(p + "k")}, Else: []client.Operation{client.ThenGet(client.From(p, p+"~"))}}), client.ThenTxn(client.Txn{})}}))
		},
		"36 txn, not": func() (any, error) {
			return written(c.Txn(ctx, client.Txn{If: []client.Condition{client.Unchanged(p+"k", uint64(0))}, Then: []client.Operation{client.ThenPut(p+"k", "y")}}))
		},
		"37 txn, empty": func() (any, error) { return written(c.Txn(ctx, client.Txn{})) },
		"38 txn, append": func() (any, error) {
			return written(c.Txn(ctx, client.Txn{Then: []client.Operation{client.ThenAppend(p+"l", "ü")}}))
		},
		"39 txn, no value": func() (any, error) {
			return written(c.Txn(ctx, client.Txn{Then: []client.Operation{{Put: &client.PutOp{Key: p}}}}))
		},
		"40 txn, two values": func() (any, error) {
			return written(c.Txn(ctx, client.Txn{If: []client.Condition{{KeySpan: client.One(p)}}}))
		},
		"41 txn, same key": func() (any, error) {
			return written(c.Txn(ctx, client.Txn{Then: []client.Operation{client.ThenPut(p+"k", "a"), client.ThenPut(p+"k", "b")}}))
		},
		"42 txn, no key": func() (any, error) {
			return written(c.Txn(ctx, client.Txn{Then: []client.Operation{client.ThenPut("", "a")}}))
		},
	}
}

// unnamed takes out of an answer what no two writes have in common.
func unnamed(t *testing.T, prefix string, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	must(t, err)
	var words any
	both := strings.NewReplacer(prefix, "P/", url.PathEscape(prefix), "P/")
	must(t, json.Unmarshal([]byte(both.Replace(string(text))), &words))
	var strip func(any)
	strip = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, one := range v {
				strip(one)
			}
		case map[string]any:
			for name, one := range v {
				switch name {
				case "revision", "mod_revision", "create_revision", "slot", "position", "sequence", "session_token":
					v[name] = fmt.Sprint(one != "" && one != "0")
				case "idempotency_key", "outcome", "key":
					if text, _ := one.(string); strings.Contains(text, "call-") || strings.Count(text, "/") == 3 {
						v[name] = "drawn"
					}
				}
				strip(one)
			}
		}
	}
	strip(words)
	text, err = json.MarshalIndent(words, "", " ")
	must(t, err)
	return string(text)
}

func TestOverAStreamAWriteIsAnsweredAsOverRequests(t *testing.T) {
	w := newTown(t)
	requests, streamed := ways(t, w.client)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	one, two := calls(ctx, requests, "one/"), calls(ctx, streamed, "two/")
	for i := 1; i <= len(one); i++ {
		for name := range one {
			if !strings.HasPrefix(name, fmt.Sprintf("%02d ", i)) {
				continue
			}
			wanted, wantErr := one[name]()
			got, err := two[name]()
			if diff := cmp.Diff(unnamed(t, "one/", wanted), unnamed(t, "two/", got)); diff != "" {
				t.Errorf("%s: requests -, stream +\n%s", name, diff)
			}
			if diff := cmp.Diff(meant(t, "one/", wantErr), meant(t, "two/", err)); diff != "" {
				t.Errorf("%s: requests -, stream +\n%s", name, diff)
			}
		}
	}
	if got := w.client.programs(); got != 1 {
		t.Errorf("%d streams are open at the end", got)
	}
}

// meant is what an error says, and means.
func meant(t *testing.T, prefix string, err error) string {
	if err == nil {
		return ""
	}
	text := ""
	for _, meaning := range []error{client.ErrUnavailable, client.ErrUnknown, client.ErrConflict, client.ErrExpired, client.ErrNotFound, client.ErrBadRequest} {
		if errors.Is(err, meaning) {
			text += meaning.Error() + "\n"
		}
	}
	var p *client.Problem
	if errors.As(err, &p) {
		if strings.Contains(p.Detail, "lock") || p.Status == http.StatusRequestEntityTooLarge {
			return text + p.Type // said in other words
		}
		return text + unnamed(t, prefix, p)
	}
	return text + strings.ReplaceAll(err.Error(), prefix, "P/")
}
