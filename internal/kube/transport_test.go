package kube

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"paxos/client"
)

func clientOf(t *testing.T, c *Cluster, addresses ...string) *client.Client {
	t.Helper()
	made, err := client.New(addresses, client.WithHTTPClient(&http.Client{Transport: c}))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestRequestsGoToServicesAndPods(t *testing.T) {
	s := newAPIServer(t)
	var got *http.Request
	var body string
	for _, at := range []string{"client1:http", "client1:9999", "acceptor1-x:4000"} {
		s.node(at, func(_ http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			got, body = r, string(text)
		})
	}
	c := s.open()
	for address, at := range map[string]string{
		"client1:6000": "client1:http", "client1.paxos:6000": "client1:http", "client1.paxos.svc:6000": "client1:http",
		"client1.paxos.svc.cluster.local:6000": "client1:http", "client1:9999": "client1:9999", "10.244.0.7:4000": "acceptor1-x:4000",
	} {
		got = nil
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+address+"/kv/olá%20you/%25?prev=&x=a%2Fb", strings.NewReader("value"))
		for name, value := range map[string]string{"Idempotency-Key": "k", "If-Match": `"12"`, "If-Fence": "press:7"} {
			r.Header.Set(name, value)
		}
		response, err := c.RoundTrip(r)
		if err != nil || response.StatusCode != http.StatusOK || got == nil {
			t.Fatalf("%s: %v %v", address, response, err)
		}
		if got.Method != http.MethodPut || got.URL.Path != "/kv/olá you/%" || got.URL.RawQuery != "prev=&x=a%2Fb" || body != "value" {
			t.Errorf("%s: %s %s %q", address, got.Method, got.RequestURI, body)
		}
		if h := got.Header; h.Get("Idempotency-Key") != "k" || h.Get("If-Match") != `"12"` || h.Get("If-Fence") != "press:7" {
			t.Errorf("%s: %v", address, h)
		}
		if response.Request.URL.Host != address {
			t.Errorf("%s: the answer is said to be of %s (%s)", address, response.Request.URL.Host, at)
		}
	}
	if s.looks != 1 {
		t.Errorf("it looked %d times for pods that it knew", s.looks)
	}
}

func TestWhatDoesNotPassIsRefusedAndNotSent(t *testing.T) {
	s := newAPIServer(t)
	asked := ""
	s.node("client1:http", func(_ http.ResponseWriter, r *http.Request) { asked = r.URL.Path })
	c := s.open()
	for escaped, want := range map[string]string{
		"/kv/a/b": "/kv/a/b", "/kv/a%2Fb": "/kv/a/b", "/kv/a/": "/kv/a/", "/kv/a%3Fb%23%00": "/kv/a?b#\x00", "/watch": "/watch",
		"/kv/a%252Fb": "/kv/a%2Fb", "": "/", "/": "/", "/kv/..a": "/kv/..a",
		"/kv/%2Fa": "no", "/kv/a%2F%2Fb": "no", "/kv/a//b": "no", "/kv/%2E%2E": "no", "/kv/a/%2E/b": "no", "/kv/a//": "no",
		"/outcome/a%2Fb": "no", "/lock/a%2fb": "no",
	} {
		u, err := url.Parse("http://client1:6000" + escaped)
		if err != nil {
			t.Fatal(err)
		}
		asked = "no"
		response, err := c.RoundTrip((&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}}).WithContext(t.Context()))
		if err != nil || asked != want || (response.StatusCode == http.StatusBadRequest) != (want == "no") {
			t.Errorf("%s: asked for %q, want %q: %v %v", escaped, asked, want, response, err)
		}
	}
	_, err := clientOf(t, c, "client1:6000").Put(t.Context(), "/a", "v")
	if !errors.Is(err, client.ErrBadRequest) || !strings.Contains(err.Error(), "port-forward service/client1 6001:6000") {
		t.Errorf("a key that does not pass: %v", err)
	}
}

func TestPathsAreRewrittenBelowThePathOfTheServer(t *testing.T) {
	c := &Cluster{base: &url.URL{Scheme: "https", Host: "h", Path: "/k8s/c 1"}}
	got := c.rewritten("/api/v1/namespaces/paxos/services/client1:http/proxy", &url.URL{Path: "/kv/a b", RawPath: "/kv/a%20b", RawQuery: "x=%2F"})
	if want := "https://h/k8s/c%201/api/v1/namespaces/paxos/services/client1:http/proxy/kv/a%20b?x=%2F"; got.String() != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestASilentNodeIsLikeARefusedConnection: nothing was applied, and the next
// service is asked.
func TestASilentNodeIsLikeARefusedConnection(t *testing.T) {
	s := newAPIServer(t)
	dead := s.node("client1:http", nil)
	s.node("client2:http", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"status":"applied"}`)) })
	c := s.open()
	dead.Close()
	for _, address := range []string{"client1:6000", "acceptor2:4000", "nobody:6000", "10.244.0.99:6000", "10.244.0.7:4000"} {
		_, err := clientOf(t, c, address).Send(t.Context(), "v")
		if !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("%s: %v", address, err)
		}
		if e := (*Error)(nil); !errors.As(err, &e) || e.Kind != NodeDown || e.General() {
			t.Errorf("%s: %v is no silence of a node", address, err)
		}
		if sent, err := clientOf(t, c, address, "client2:6000").Send(t.Context(), "v"); err != nil || sent.Status != "applied" {
			t.Errorf("after %s: %v", address, err)
		}
	}
	_, err := clientOf(t, c, "acceptor2:4000").Send(t.Context(), "v")
	if e := (*Error)(nil); !errors.As(err, &e) || !strings.Contains(e.Detail, "acceptor2: scaled to zero") || e.Hint != "kubectl --context here -n paxos scale deployment acceptor2 --replicas=1" {
		t.Errorf("%v", err)
	}
}

// TestWhatMayHaveArrivedIsUnknown: of a write that is; of a read it is no doubt.
func TestWhatMayHaveArrivedIsUnknown(t *testing.T) {
	s := newAPIServer(t)
	c := s.open()
	services := clientOf(t, c, "client1:6000")
	hang := func(_ http.ResponseWriter, _ *http.Request) bool { panic(http.ErrAbortHandler) }
	says := func(code int, message string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool { s.status(w, code, message); return true }
	}
	const refused = "error trying to reach service: dial tcp 10.0.0.1:6000: connect: connection refused"
	for about, x := range map[string]struct {
		says func(http.ResponseWriter, *http.Request) bool
		want error
	}{
		"a cut connection":      {hang, client.ErrUnknown},
		"a node that broke off": {says(503, "error trying to reach service: EOF"), client.ErrUnknown},
		"a broken API server":   {says(500, "etcd is away"), client.ErrUnknown},
		"a timeout":             {says(504, "it took too long"), client.ErrUnknown},
		"a proxy before it":     {func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(502); return true }, client.ErrUnknown},
		"some other JSON": {func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(503)
			_, _ = io.WriteString(w, "{}")
			return true
		}, client.ErrUnknown},
		"a refused connection": {says(503, refused), client.ErrUnavailable},
		"no endpoints":         {says(503, `no endpoints available for service "client1"`), client.ErrUnavailable},
		"too much to do": {func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "later", http.StatusTooManyRequests)
			return true
		}, client.ErrUnavailable},
		"a user without a right": {says(403, "no"), client.ErrBadRequest},
	} {
		s.mu.Lock()
		s.says = x.says
		s.mu.Unlock()
		if _, err := services.Send(t.Context(), "v"); !errors.Is(err, x.want) {
			t.Errorf("%s: want %v: %v", about, x.want, err)
		}
		if _, err := services.Members(t.Context()); err == nil || errors.Is(err, client.ErrUnknown) {
			t.Errorf("%s, of a read: %v", about, err)
		}
	}
	// A burn has a key in its path, no body and no header; a delete of a key has the
	// header, and net/http sends it again by itself.
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodDelete, "http://client1:6000/kv/a", nil)
	for header, lost := range map[string]bool{"": false, "Idempotency-Key: k": true, "Idempotency-Key:": true, "X-Idempotency-Key:": true} {
		r.Header = http.Header{}
		if name, value, ok := strings.Cut(header, ":"); ok {
			r.Header.Set(name, value) // an empty one is one too
		}
		s.mu.Lock()
		s.says = says(503, refused)
		s.mu.Unlock()
		_, err := c.RoundTrip(r)
		if e := (*Error)(nil); !errors.As(err, &e) || (e.Kind == Lost) != lost {
			t.Errorf("with header %q: %v", header, err)
		}
	}
}

// TestWhatIsSaidOfASecondCopyIsNotSaidOfTheFirst: net/http sends again by itself.
func TestWhatIsSaidOfASecondCopyIsNotSaidOfTheFirst(t *testing.T) {
	for copies, want := range map[int]error{1: client.ErrUnavailable, 2: client.ErrUnknown} {
		c := &Cluster{Namespace: "paxos", base: &url.URL{Scheme: "https", Host: "h"}, transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			for range copies {
				httptrace.ContextClientTrace(r.Context()).WroteHeaders()
			}
			text := `{"kind":"Status","apiVersion":"v1","message":"no endpoints available for service"}`
			return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text))}, nil
		})}
		if _, err := clientOf(t, c, "client1:6000").Send(t.Context(), "v"); !errors.Is(err, want) {
			t.Errorf("after %d copies: %v", copies, err)
		}
	}
}

func TestStreamsComeAsTheyAreWritten(t *testing.T) {
	s := newAPIServer(t)
	next, ended := make(chan int), make(chan struct{})
	s.node("client1:http", func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		w.Header().Set("Content-Type", "text/event-stream")
		for n := range next {
			_, _ = fmt.Fprintf(w, "event %d\n", n)
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://client1:6000/watch", nil)
	go func() { next <- 1 }()
	response, err := s.open().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(response.Body)
	for n := 1; n < 4; n++ {
		if line, err := lines.ReadString('\n'); err != nil || line != fmt.Sprintf("event %d\n", n) {
			t.Fatalf("%q, %v", line, err)
		}
		if n < 3 {
			next <- n + 1
		}
	}
	close(next)
	cancel()
	if _, err := lines.ReadString('\n'); err == nil {
		t.Error("it goes on after its end")
	}
	<-ended
	_ = response.Body.Close()
}

func TestAnUnknownAddressIsLookedForAgainButNotAllTheTime(t *testing.T) {
	s := newAPIServer(t)
	s.node("acceptor2-y:4000", func(http.ResponseWriter, *http.Request) {})
	c := s.open()
	c.looked = time.Now().Add(-lookEvery)
	s.mu.Lock()
	s.pods = append(s.pods, podOf("acceptor2-y", "acceptor2", "acceptor", "10.244.0.9"))
	s.mu.Unlock()
	to := clientOf(t, c, "10.244.0.9:4000")
	ask := func() error {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://10.244.0.9:4000/livez", nil)
		_, err := c.RoundTrip(r)
		return err
	}
	if err := ask(); err != nil || s.looks != 2 {
		t.Fatalf("%v, after %d looks", err, s.looks)
	}
	for range 5 {
		if name, err := c.podAt(t.Context(), "10.244.0.77"); name != "" || err != nil {
			t.Errorf("%q, %v", name, err)
		}
	}
	if s.looks != 2 {
		t.Errorf("%d looks for an address that is not there", s.looks)
	}
	// A pod that is gone is forgotten.
	s.mu.Lock()
	delete(s.nodes, "acceptor2-y:4000")
	s.mu.Unlock()
	_, err := to.Members(t.Context())
	if e := (*Error)(nil); !errors.As(err, &e) || e.Kind != NodeDown {
		t.Error(err)
	}
	if name, _ := c.known("10.244.0.9"); name != "" {
		t.Errorf("%s is still believed in", name)
	}
}

func TestAHangingAPIServerIsNoAnswerInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Cluster{Context: "here", Namespace: "paxos", Server: "https://h", base: &url.URL{Scheme: "https", Host: "h"},
			transport: roundTrip(func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() })}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := clientOf(t, c, "client1:6000").Send(ctx, "v")
		if e := (*Error)(nil); !errors.Is(err, client.ErrUnavailable) || !errors.As(err, &e) || !strings.Contains(e.Detail, "context here at https://h cannot be asked: no answer in time") {
			t.Error(err)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
