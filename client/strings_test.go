package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"paxos/client"
)

func TestAnswersPrintForPeople(t *testing.T) {
	red, long := "red", strings.Repeat("é", 150)
	kv := client.KV{Key: "color", Value: &red, Mod: 15, Version: 2}
	place := client.Place{Name: "backup", Value: "me", Held: true, Token: 9, Lease: 0xab}
	waiting := place
	waiting.Held, waiting.Ahead = false, 1
	for _, x := range []struct {
		v    any
		want string
	}{
		{kv, `"color" = "red" (revision 15, version 2)`},
		{client.KV{Key: "a\nb", Mod: 15, Version: 2}, `"a\nb" (revision 15, version 2)`},
		{client.KV{Key: "k", ValueBase64: []byte{0xff}}, `"k" = "\xff" (revision 0, version 0)`},
		{client.KV{Key: "k", Value: &long}, `"k" = "` + strings.Repeat("é", 100) + `"… (300 bytes) (revision 0, version 0)`},
		{client.Got{KV: kv}, `"color" = "red" (revision 15, version 2)`},
		{client.Keys{Keys: []client.KV{kv}, Count: 7, Freshness: client.Freshness{Revision: 20}}, `1 of 7 keys, at revision 20: "color" = "red" (revision 15, version 2)`},
		{client.Keys{Count: 1}, "0 of 1 key, at revision 0"},
		{client.Written{Key: &kv, Prev: []client.KV{kv}, Command: client.Command{Slot: 4}}, `"color" = "red" (revision 15, version 2), slot 4; before: "color" = "red" (revision 15, version 2)`},
		{client.Written{Deleted: 2, Revision: 16}, "2 keys deleted at revision 16, slot 0"},
		{client.Written{Revision: 16}, "written at revision 16, slot 0"},
		{client.Leased{Lease: client.Lease{ID: 0xab, TTL: 30000, Remaining: 1500, Keys: []string{"k"}}}, `lease 00000000000000ab, TTL 30s, 1.5s left, keys ["k"]`},
		{client.Leases{}, "0 leases"},
		{place, `"backup" by "me": held, token 9, lease 00000000000000ab`},
		{client.Placed{Place: waiting}, `"backup" by "me": 1 ahead, token 9, lease 00000000000000ab`},
		{client.Queue{Name: "backup", Holder: &place, Queue: []client.Place{waiting}}, `"backup" by "me", token 9; 1 waiting`},
		{client.Queue{Name: "backup"}, `"backup": nobody`},
		{client.Changes{Revision: 15, Events: []client.KeyEvent{{Type: "put", KV: kv}, {Type: "delete", KV: kv}}}, `revision 15: put "color" = "red" (revision 15, version 2), delete "color"`},
		{client.Sent{Status: "applied", Slot: 3, Position: 1}, "applied at slot 3, position 1"},
		{client.Sent{Status: "pending", Session: 0xab, Sequence: 7}, "pending, command 00000000000000ab/7"},
	} {
		if got := fmt.Sprint(x.v); got != x.want {
			t.Errorf("%T: %s\nwant %s", x.v, got, x.want)
		}
	}
}

func TestAConflictSaysWhatTheKeyIs(t *testing.T) {
	red := "red"
	p := client.Problem{Detail: "the key is not as the request demands", Current: &client.KV{Value: &red, Mod: 15}, Hint: "nothing was changed"}
	if got, want := p.Error(), `the key is not as the request demands; it is "red", at revision 15 (nothing was changed)`; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestALimitIsThatOfAllPages(t *testing.T) {
	f := newFake()
	for i := range 25 {
		f.put(fmt.Sprintf("a/%02d", i), "v")
	}
	c := connect(t, service(t, f.ServeHTTP))
	for _, x := range []struct {
		opts        []client.ReadOption
		keys, pages int
	}{
		{[]client.ReadOption{client.Limit(7)}, 7, 1},
		{[]client.ReadOption{client.Limit(7), client.PageSize(3)}, 7, 3},
		{[]client.ReadOption{client.Limit(6), client.PageSize(3)}, 6, 2},
		{[]client.ReadOption{client.Limit(2000), client.PageSize(20)}, 25, 2},
		{[]client.ReadOption{client.Limit(2000)}, 25, 1},
		{[]client.ReadOption{client.Limit(0), client.PageSize(20)}, 25, 2},
	} {
		before, keys := len(f.asked()), []string(nil)
		for kv, err := range c.GetPrefix(t.Context(), "a/", x.opts...) {
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, kv.Key)
		}
		if asked := f.asked()[before:]; len(keys) != x.keys || len(asked) != x.pages || !slices.IsSorted(keys) {
			t.Errorf("%d keys of %d in %q", len(keys), x.keys, asked)
		}
	}
}

func TestAWatchTellsOfItsTrouble(t *testing.T) {
	c := connect(t, service(t, func(w http.ResponseWriter, _ *http.Request) { refusal(w, http.StatusServiceUnavailable, "no-learner") }))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var heard error
	for range c.Watch(ctx, client.Prefix(""), client.OnTrouble(func(err error) { heard = err; cancel() })) {
	}
	var p *client.Problem
	if !errors.Is(heard, client.ErrUnavailable) || !errors.As(heard, &p) || p.Kind() != "no-learner" {
		t.Error(heard)
	}
}
