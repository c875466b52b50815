package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/pflag"
	"go.uber.org/goleak"

	"paxos/acceptor"
	"paxos/client"
	"paxos/client/session"
	"paxos/gossip"
	"paxos/internal/config"
	"paxos/internal/metrics"
	"paxos/internal/node"
	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
	"paxos/kv"
	"paxos/learner"
	"paxos/paxos"
	"paxos/proposer"
)

const patience = 20 * time.Second

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { os.Exit(code) }))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

// phoneBook is a Book of fixed entries.
type phoneBook struct {
	mu        sync.Mutex
	addresses map[paxos.NodeID][]string
	changed   chan struct{}
}

func newBook() *phoneBook {
	return &phoneBook{addresses: map[paxos.NodeID][]string{}, changed: make(chan struct{})}
}

func (b *phoneBook) set(id paxos.NodeID, addresses ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addresses[id] = addresses
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *phoneBook) Addresses(id paxos.NodeID) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.addresses[id])
}

// RoleOf goes by the name, for nodes that have an address.
func (b *phoneBook) RoleOf(id paxos.NodeID) paxos.RoleName {
	if len(b.Addresses(id)) == 0 {
		return ""
	}
	return roleOf(id)
}

func roleOf(id paxos.NodeID) paxos.RoleName {
	return paxos.RoleName(strings.TrimRight(string(id), "0123456789"))
}

func (b *phoneBook) Changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

var members = paxos.Configuration{Acceptors: []paxos.NodeID{"acceptor1"}, Learners: []paxos.NodeID{"learner1"}}

func quiet() *logrus.Entry {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return logrus.NewEntry(log)
}

// made is a node in this process, put together as internal/service does it.
type made struct {
	id      paxos.NodeID
	address string
	server  *Server
	loop    *node.Loop
	hub     *Hub
	disk    *node.Disk // nil for roles without one
	stop    func()
}

// makeRole gives the role and what serves it.
func (n *made) makeRole(t testing.TB, s *config.Settings, p *Parts) paxos.Role {
	t.Helper()
	c := s.Configuration()
	switch s.Role {
	case paxos.AcceptorRole:
		disk := memfs.New()
		must(t, disk.Mkdir("/data"))
		d, found, err := node.OpenDisk(disk, "/data", s.ID, wal.Options{SegmentBytes: 1 << 20})
		must(t, err)
		n.disk, p.Starts = d, d.Starts
		p.Acceptor = acceptor.New(acceptor.Config{Node: s.ID, Configuration: c, FreshCluster: paxos.ClusterID{7}, FreshStore: 7, PageBytes: 1 << 20}, found.Identity)
		return p.Acceptor
	case paxos.ProposerRole:
		p.Proposer = proposer.New(proposer.Config{Node: s.ID, Configuration: c, Start: 1, Seed: 1, TickMillis: 10, ElectionTicks: 20, HeartbeatTicks: 5,
			SurveyTicks: 5, ResendTicks: 20, Window: 4, MaxBatch: 100, MaxBatchBytes: 1 << 20, MaxWaiting: 1000, MaxWaitingBytes: 1 << 20})
		return p.Proposer
	case paxos.LearnerRole:
		p.Machine = kv.New()
		p.Learner = learner.New(learner.Config{Node: s.ID, Configuration: c, PullTicks: 10, FinishTicks: 50, BeatTicks: 20, PageBytes: 1 << 20}, p.Machine)
		return p.Learner
	default:
		p.Session = session.New(session.Config{Node: s.ID, Configuration: c, Session: paxos.SessionID(s.ID[len(s.ID)-1] - '0'), Seed: 1, Open: kv.Encode(kv.Open{}), SurveyTicks: 10, ResendTicks: 40, RetryTicks: 5,
			AbandonTicks: 1000, MaxPending: 1000, MaxBytes: 1 << 20})
		return p.Session
	}
}

// start makes a node and enters it into the book.
func start(t testing.TB, book *phoneBook, id paxos.NodeID, flags ...string) *made {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := l.Addr().String()
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	s := config.Flags(set, roleOf(id))
	flags = append([]string{"--id", string(id), "--listen", address, "--gossip-listen", "127.0.0.1:0", "--acceptors", "acceptor1", "--learners", "learner1"}, flags...)
	if s.HasDisk() {
		flags = append(flags, "--data", "/data")
	}
	must(t, set.Parse(flags))
	must(t, s.Check())
	n := &made{id: id, address: address, hub: NewHub(id, s.Configuration().Stamp(), book, quiet())}
	p := Parts{Settings: s, Hub: n.hub, Log: quiet(), Version: "test", Metrics: metrics.New(string(id), string(s.Role)).Handler()}
	p.Gossip, err = gossip.Start(gossip.Options{Node: id, Role: s.Role, Bind: "127.0.0.1:0", REST: address, Label: "test", Fast: true})
	must(t, err)
	opts := node.Options{Role: n.makeRole(t, s, &p), Network: n.hub, Tick: s.Tick, Now: time.Now, Admit: Admit(s)}
	if n.disk != nil {
		opts.Store = n.disk
	}
	n.loop = node.New(opts)
	p.Loop = n.loop
	n.server = New(p)
	n.hub.Handle(n.server.Take)
	n.serve(t, l, p)
	book.set(id, address)
	return n
}

func (n *made) serve(t testing.TB, l net.Listener, p Parts) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- n.server.Serve(l) }()
	go func() { ended <- n.loop.Run(ctx) }()
	n.stop = sync.OnceFunc(func() {
		closing, done := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer done()
		n.server.Shutdown(closing, cancel)
		n.hub.Close()
		for range 2 {
			if err := <-ended; err != nil {
				t.Errorf("%s: %v", n.id, err)
			}
		}
		leaving, left := context.WithTimeout(context.Background(), 3*time.Second)
		defer left()
		_ = p.Gossip.Stop(leaving)
		if n.disk != nil {
			must(t, n.disk.Close())
		}
	})
	t.Cleanup(n.stop)
}

// town is one node of each role that know each other, initialised, led.
type town struct {
	acceptor, proposer, learner, client *made
	book                                *phoneBook
}

func newTown(t testing.TB, flags ...string) *town {
	t.Helper()
	b := newBook()
	w := &town{book: b, acceptor: start(t, b, "acceptor1", flags...), proposer: start(t, b, "proposer1", flags...),
		learner: start(t, b, "learner1", flags...), client: start(t, b, "client1", flags...)}
	status, body := w.acceptor.post(t, "/init", "")
	if status != http.StatusOK {
		t.Fatalf("/init says %d: %s", status, body)
	}
	for _, n := range w.all() {
		must(t, n.loop.Submit(context.Background(), paxos.Envelope{To: n.id, Message: paxos.Directory{
			Proposers: []paxos.NodeID{"proposer1"}, Clients: []paxos.NodeID{"client1"}, Leader: "proposer1"}}))
	}
	until(t, "proposer1 leads", func() bool {
		var l client.Leader
		_, body := w.proposer.get(t, "/leader")
		return json.Unmarshal(body, &l) == nil && l.Leading
	})
	return w
}

func (w *town) all() []*made { return []*made{w.acceptor, w.proposer, w.learner, w.client} }

var web = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}

// call makes a request; headers are name, value, name, value.
func (n *made) call(t testing.TB, method, path string, body []byte, headers ...string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+n.address+path, bytes.NewReader(body))
	must(t, err)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := web.Do(r)
	if err != nil {
		t.Fatalf("%s %s at %s: %v", method, path, n.id, err)
	}
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(response.Body)
	must(t, err)
	return response, b
}

func (n *made) get(t testing.TB, path string) (int, []byte) {
	t.Helper()
	r, b := n.call(t, http.MethodGet, path, nil)
	return r.StatusCode, b
}

func (n *made) post(t testing.TB, path, body string) (int, []byte) {
	t.Helper()
	r, b := n.call(t, http.MethodPost, path, []byte(body), "Content-Type", "application/json")
	return r.StatusCode, b
}

// wantProblem demands a whole problem+json with this status and these words.
func wantProblem(t testing.TB, what string, r *http.Response, b []byte, status int, words ...string) {
	t.Helper()
	fail := func(why string) { t.Errorf("%s: %s: %d %s", what, why, r.StatusCode, b) }
	if r.StatusCode != status {
		fail(fmt.Sprintf("the status is not %d", status))
		return
	}
	if kind := r.Header.Get("Content-Type"); kind != "application/problem+json" {
		fail("the content type is " + kind)
	}
	var p client.Problem
	if err := paxos.StrictJSON(b, &p); err != nil {
		fail(err.Error())
	}
	if !strings.HasPrefix(p.Type, "urn:paxos:") || p.Title != http.StatusText(status) || p.Status != status || p.Detail == "" {
		fail("the problem is not whole")
	}
	if strings.Contains(p.Detail, "\n") || strings.Contains(p.Detail, "Go ") || strings.Contains(p.Detail, "goroutine") {
		fail("the detail is no sentence for its reader")
	}
	for _, w := range words {
		if !strings.Contains(string(b), w) {
			fail(fmt.Sprintf("%q is not said", w))
		}
	}
}

// lives demands that a node still answers.
func (n *made) lives(t testing.TB) {
	t.Helper()
	began := time.Now()
	if status, b := n.get(t, "/health"); status != http.StatusOK {
		t.Errorf("%s: /health says %d %s", n.id, status, b)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("%s: /health took %v", n.id, took)
	}
}
