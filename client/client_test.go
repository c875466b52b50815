package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"paxos/client"
	"paxos/paxos"
	"paxos/test/ports"
)

// service is a made-up client service.
func service(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			refusal(w, 400, "bad-request") // as services do that are older than streams
			return
		}
		handler(w, r)
	})
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

func connect(t *testing.T, addresses ...string) *client.Client {
	t.Helper()
	c, err := client.New(addresses)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.StreamAtOnce()
	return c
}

func refusal(w http.ResponseWriter, status int, kind string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(client.Problem{Type: "urn:paxos:" + kind, Status: status, Detail: "because " + kind, Hint: "a hint"})
}

// hangUp breaks the connection after the request was read.
func hangUp(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

const sent = `{"slot":"7","position":2,"session":"0123456789abcdef","sequence":"3","key":"k","status":"applied","outcome":"/outcome/k","client":"client1"}`

func TestSendSaysWhatItWasToldAndHearsWhereItStands(t *testing.T) {
	var body, query string
	c := connect(t, service(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body, query = strings.TrimSpace(string(b)), r.Method+" "+r.URL.RequestURI()
		fmt.Fprint(w, sent)
	}))
	got, err := c.Send(t.Context(), "<ação>", client.Key("k"))
	if err != nil || got.Slot != 7 || got.Position != 2 || got.Sequence != 3 || got.Client != "client1" {
		t.Fatalf("%+v, %v", got, err)
	}
	if body != `{"value":"<ação>","key":"k"}` || query != "POST /send" {
		t.Errorf("%s with %s", query, body)
	}
	if _, err := c.Send(t.Context(), "", client.NoWait()); err != nil {
		t.Fatal(err)
	}
	if body != `{"value":""}` || query != "POST /send?wait=none" {
		t.Errorf("%s with %s", query, body)
	}
}

func TestWhatARefusalMeans(t *testing.T) {
	for _, x := range []struct {
		status      int
		kind        string
		write, read error
	}{
		{400, "bad-request", client.ErrBadRequest, client.ErrBadRequest},
		{404, "not-found", client.ErrNotFound, client.ErrNotFound},
		{405, "wrong-method", client.ErrBadRequest, client.ErrBadRequest},
		{409, "burnt", client.ErrConflict, client.ErrConflict},
		{409, "session_expired", client.ErrExpired, client.ErrExpired},
		{413, "too-large", client.ErrBadRequest, client.ErrBadRequest},
		{422, "key-reused", client.ErrConflict, client.ErrConflict},
		{500, "internal", client.ErrUnknown, client.ErrUnavailable},
		{503, "not-applied", client.ErrUnavailable, client.ErrUnavailable},
		{504, "unknown", client.ErrUnknown, client.ErrUnavailable},
	} {
		c := connect(t, service(t, func(w http.ResponseWriter, _ *http.Request) { refusal(w, x.status, x.kind) }))
		_, err := c.Send(t.Context(), "v")
		var p *client.Problem
		if !errors.Is(err, x.write) || !errors.As(err, &p) || p.Hint != "a hint" || p.Status != x.status {
			t.Errorf("send, %d %s: %v", x.status, x.kind, err)
		}
		if _, err := c.Read(t.Context(), client.Cursor{}, 0); !errors.Is(err, x.read) {
			t.Errorf("read, %d %s: %v", x.status, x.kind, err)
		}
	}
}

func TestAProxysRefusalIsNoPromise(t *testing.T) {
	c := connect(t, service(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "try later", http.StatusServiceUnavailable)
	}))
	if _, err := c.Send(t.Context(), "v"); !errors.Is(err, client.ErrUnknown) {
		t.Errorf("a 503 without a problem of ours: %v", err)
	}
	garbled := connect(t, service(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }))
	if _, err := garbled.Send(t.Context(), "v"); !errors.Is(err, client.ErrUnknown) {
		t.Errorf("a garbled answer: %v", err)
	}
}

func TestAnAddressThatCannotBeReachedIsPassedOver(t *testing.T) {
	bothWays(t, anAddressThatCannotBeReachedIsPassedOver)
}

func anAddressThatCannotBeReachedIsPassedOver(t *testing.T, service func(*testing.T, http.HandlerFunc) string) {
	asked := 0
	c := connect(t, ports.Closed(t), service(t, func(w http.ResponseWriter, _ *http.Request) { asked++; fmt.Fprint(w, sent) }))
	for range 2 {
		if _, err := c.Send(t.Context(), "v"); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
	_, err := connect(t, ports.Closed(t), ports.Closed(t)).Send(t.Context(), "v")
	if !errors.Is(err, client.ErrUnavailable) || errors.Is(err, client.ErrUnknown) {
		t.Errorf("nobody at all: %v", err)
	}
}

func TestALostAnswerIsUnknownWithoutAKeyAndRepeatedWithOne(t *testing.T) {
	bothWays(t, aLostAnswerIsUnknownWithoutAKeyAndRepeatedWithOne)
}

func aLostAnswerIsUnknownWithoutAKeyAndRepeatedWithOne(t *testing.T, service func(*testing.T, http.HandlerFunc) string) {
	var asked atomic.Int32
	good := service(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if b, _ := io.ReadAll(r.Body); !strings.Contains(string(b), `"key":"k"`) {
			t.Errorf("without the key: %s", b)
		}
		fmt.Fprint(w, sent)
	})
	c := connect(t, service(t, hangUp), good)
	if _, err := c.Send(t.Context(), "v"); !errors.Is(err, client.ErrUnknown) || asked.Load() != 0 {
		t.Errorf("without a key: %v, and the next was asked %d times", err, asked.Load())
	}
	if got, err := c.Send(t.Context(), "v", client.Key("k")); err != nil || got.Slot != 7 || asked.Load() != 1 {
		t.Errorf("with a key: %+v, %v, and the next was asked %d times", got, err, asked.Load())
	}
}

func TestARefusalDoesNotTakeBackThatAnEarlierCopyMayApply(t *testing.T) {
	bothWays(t, aRefusalDoesNotTakeBackThatAnEarlierCopyMayApply)
}

func aRefusalDoesNotTakeBackThatAnEarlierCopyMayApply(t *testing.T, service func(*testing.T, http.HandlerFunc) string) {
	refusing := service(t, func(w http.ResponseWriter, _ *http.Request) { refusal(w, 503, "not-applied") })
	burnt := service(t, func(w http.ResponseWriter, _ *http.Request) { refusal(w, 409, "burnt") })
	if _, err := connect(t, service(t, hangUp), refusing).Send(t.Context(), "v", client.Key("k")); !errors.Is(err, client.ErrUnknown) {
		t.Errorf("lost, then refused: %v", err)
	}
	if _, err := connect(t, service(t, hangUp), ports.Closed(t)).Send(t.Context(), "v", client.Key("k")); !errors.Is(err, client.ErrUnknown) {
		t.Errorf("lost, then nobody: %v", err)
	}
	if _, err := connect(t, service(t, hangUp), burnt).Send(t.Context(), "v", client.Key("k")); !errors.Is(err, client.ErrConflict) {
		t.Errorf("lost, then burnt: %v", err)
	}
}

func TestAServicesOwnTroubleIsTriedElsewhereTheClustersIsNot(t *testing.T) {
	bothWays(t, aServicesOwnTroubleIsTriedElsewhereTheClustersIsNot)
}

func aServicesOwnTroubleIsTriedElsewhereTheClustersIsNot(t *testing.T, service func(*testing.T, http.HandlerFunc) string) {
	for kind, elsewhere := range map[string]bool{"stopping": true, "stuck": true, "not-applied": false} {
		asked := 0
		c := connect(t, service(t, func(w http.ResponseWriter, _ *http.Request) { refusal(w, 503, kind) }),
			service(t, func(w http.ResponseWriter, _ *http.Request) { asked++; fmt.Fprint(w, sent) }))
		_, err := c.Send(t.Context(), "v")
		if (err == nil) != elsewhere || (asked == 1) != elsewhere {
			t.Errorf("%s: %v, and the next was asked %d times", kind, err, asked)
		}
	}
}

func TestTheDeadlineIsToldAndKept(t *testing.T) { bothWays(t, theDeadlineIsToldAndKept) }

func theDeadlineIsToldAndKept(t *testing.T, service func(*testing.T, http.HandlerFunc) string) {
	var told string
	quick := connect(t, service(t, func(w http.ResponseWriter, r *http.Request) {
		told = r.URL.Query().Get("timeout")
		fmt.Fprint(w, sent)
	}))
	if _, err := quick.Send(t.Context(), "v"); err != nil || told != "" {
		t.Errorf("without a deadline %q was told, %v", told, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := quick.Send(ctx, "v"); err != nil {
		t.Error(err)
	}
	if d, err := time.ParseDuration(told); err != nil || d < 4*time.Second || d > 4900*time.Millisecond {
		t.Errorf("of 5 s, %q was told", told)
	}
	hanging := service(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := connect(t, hanging).Send(short, "v"); !errors.Is(err, client.ErrUnknown) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a service that hangs: %v", err)
	}
	shared, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	good := service(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, sent) })
	if _, err := connect(t, hanging, good).Send(shared, "v", client.Key("k")); err != nil {
		t.Errorf("a service that hangs must leave time for the next: %v", err)
	}
}

func TestWhatIsNoTextOrNoAddressIsRefusedHere(t *testing.T) {
	c := connect(t, ports.Closed(t))
	if _, err := c.Send(t.Context(), "\xff"); !errors.Is(err, client.ErrBadRequest) {
		t.Error(err)
	}
	for _, bad := range []string{"", "localhost", "localhost:", "ftp://x:1", "http://", "http://x:1/?a=b"} {
		if _, err := client.New([]string{bad}); err == nil {
			t.Errorf("address %q is taken", bad)
		}
	}
	if _, err := client.New(nil); err == nil {
		t.Error("no address is enough")
	}
}

func TestOutcomesAreAskedByKeyAndByName(t *testing.T) {
	var asked []string
	c := connect(t, service(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.EscapedPath())
		fmt.Fprint(w, `{"status":"burnt","slot":"9","position":0}`)
	}))
	calls := []func() (client.Outcome, error){
		func() (client.Outcome, error) { return c.Outcome(t.Context(), "a/b ü?") },
		func() (client.Outcome, error) { return c.Burn(t.Context(), "k") },
		func() (client.Outcome, error) { return c.OutcomeOf(t.Context(), 0xab, 3) },
		func() (client.Outcome, error) { return c.BurnOf(t.Context(), 0xab, 3) },
	}
	for i, call := range calls {
		if o, err := call(); err != nil || o.Status != "burnt" || o.Slot != paxos.Slot(9) {
			t.Errorf("%d: %+v, %v", i, o, err)
		}
	}
	want := "GET /outcome/a%2Fb%20%C3%BC%3F, DELETE /outcome/k, GET /outcome/00000000000000ab/3, DELETE /outcome/00000000000000ab/3"
	if got := strings.Join(asked, ", "); got != want {
		t.Errorf("asked\n%s, want\n%s", got, want)
	}
}
