package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"paxos/internal/wal"
	"paxos/paxos"
)

// The test's own program stands in for a node: "fake ROLE --id … --listen …".
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "fake" {
		fake(os.Args[2:])
		return
	}
	os.Exit(m.Run())
}

// fake answers as a node would, until SIGTERM; "--stubborn" is deaf to that,
// "--sick" ends at once, saying why, and "--hang ID" lets that one never answer.
// With "--late ID" that one joins the cluster ("--of") only after a while.
func fake(args []string) {
	flag := func(name string) string {
		if i := slices.Index(args, name); i >= 0 && i+1 < len(args) {
			return args[i+1]
		}
		return ""
	}
	if slices.Contains(args, "--sick") {
		fmt.Fprintf(os.Stderr, "{\"level\":\"info\",\"msg\":\"starting\"}\n%s is sick\nsee --help\n", flag("--id"))
		os.Exit(1)
	}
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	l, err := net.Listen("tcp", flag("--listen"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	id := flag("--id")
	if id == flag("--hang") {
		http.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		go func() { _ = http.Serve(l, nil) }()
		<-terminated
		return
	}
	var asked atomic.Int32
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		status := "ok"
		if id == flag("--late") && asked.Add(1) <= 3 {
			status = "waiting"
		}
		fmt.Fprintf(w, `{"node":%q,"status":%q,"cluster":%q}`, id, status, flag("--of"))
	})
	http.HandleFunc("/leader", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"node":%q,"leading":%t}`, id, id == "proposer2")
	})
	http.HandleFunc("/init", func(w http.ResponseWriter, _ *http.Request) { answerInit(w, flag("--data")) })
	go func() { _ = http.Serve(l, nil) }()
	for range terminated {
		if !slices.Contains(args, "--stubborn") {
			return
		}
	}
}

// answerInit says "forming" the first time, and "done" the next.
func answerInit(w http.ResponseWriter, data string) {
	if _, err := os.Stat(filepath.Join(data, "asked")); err == nil {
		fmt.Fprint(w, `{"progress":"done","current":"0123456789abcdef0123456789abcdef"}`)
		return
	}
	_ = os.MkdirAll(data, 0o755)
	_ = os.WriteFile(filepath.Join(data, "asked"), nil, 0o644)
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprint(w, `{"progress":"forming","waiting":["acceptor2"]}`)
}

// place is a cluster of five fakes on free ports.
func place(t *testing.T, dir string, args ...string) *Cluster {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for off := 100 + os.Getpid()%130*50; off < 20000; off += 50 {
		c, err := New(Options{Dir: dir, Program: []string{self, "fake"}, PortOffset: off, Args: args, Proposers: 2, Acceptors: 1, Learners: 1, Clients: 1})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(c.nodes, func(n Node) bool { return c.checkPorts(n) != nil }) {
			t.Cleanup(func() {
				if err := c.Kill(); err != nil {
					t.Error(err)
				}
			})
			return c
		}
	}
	t.Fatal("no free ports")
	return nil
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAClusterComesUpIsInitialisedAndGoes(t *testing.T) {
	c := place(t, t.TempDir())
	fresh, err := c.Fresh()
	if err != nil || !fresh {
		t.Fatalf("an empty directory: fresh %v, %v", fresh, err)
	}
	must(t, c.Start())
	var told []string
	must(t, c.WaitAnswering(soon(t), func(s string) { told = append(told, s) }))
	made, err := c.Initialise(soon(t), func(s string) { told = append(told, s) })
	if err != nil || made.IsZero() || !strings.Contains(strings.Join(told, "\n"), "[acceptor2] have not answered") {
		t.Errorf("initialised %v, %v, told %q", made, err, told)
	}
	if leader, err := c.WaitReady(soon(t), nil); err != nil || leader != "proposer2" {
		t.Errorf("%s leads, %v", leader, err)
	}
	if fresh, err := c.Fresh(); err != nil || fresh {
		t.Errorf("a directory in use: fresh %v, %v", fresh, err)
	}
	before := c.State("client1")
	must(t, c.Start())
	if now := c.State("client1"); now != before || now.Status != Running {
		t.Errorf("starting what runs: %+v, then %+v", before, now)
	}
	must(t, c.Stop(soon(t)))
	for _, n := range c.Nodes() {
		if st := c.State(n.ID); st != (State{Status: Stopped}) {
			t.Errorf("%s after Stop: %+v", n.ID, st)
		}
	}
	addresses, err := os.ReadFile(filepath.Join(c.Dir(), "addresses"))
	if lines := strings.Split(string(addresses), "\n"); err != nil || len(lines) != 6 || lines[4] != "client1="+c.Of(paxos.ClientRole)[0].Address {
		t.Errorf("%q, %v", addresses, err)
	}
	saved, found, err := Saved(c.Dir())
	if err != nil || !found || saved.PortOffset != c.opts.PortOffset || saved.Clients != 1 {
		t.Errorf("saved %+v, %v, %v", saved, found, err)
	}
}

func TestNodesArePausedResumedKilled(t *testing.T) {
	c := place(t, t.TempDir(), "--stubborn")
	must(t, c.Start("learner1", "client1"))
	must(t, c.WaitAnswering(soon(t), nil, "learner1", "client1"))
	must(t, c.Pause("learner1"))
	if st := c.State("learner1"); st.Status != Paused || st.PID == 0 {
		t.Errorf("paused: %+v", st)
	}
	must(t, c.Resume("learner1"))
	if st := c.State("learner1"); st.Status != Running {
		t.Errorf("resumed: %+v", st)
	}
	must(t, c.Kill("learner1"))
	if st := c.State("learner1"); st.Status != Stopped || st.Hint != "" {
		t.Errorf("killed: %+v", st)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.Stop(ctx, "client1"); err == nil || !strings.Contains(err.Error(), "client1 did not stop in time") {
		t.Errorf("a stubborn one: %v", err)
	}
	if st := c.State("client1"); st.Status != Stopped {
		t.Errorf("a stubborn one: %+v", st)
	}
}

func TestWhatEndsByItselfSaysWhy(t *testing.T) {
	c := place(t, t.TempDir(), "--sick")
	must(t, c.Start("client1"))
	err := c.WaitAnswering(soon(t), nil, "client1")
	var ended *EndedError
	if !errors.As(err, &ended) || ended.Hint != "client1 is sick" || ended.Log != c.LogFile("client1") {
		t.Errorf("%v", err)
	}
}

func TestATakenPortIsSaidBeforeAnythingIsStarted(t *testing.T) {
	c := place(t, t.TempDir())
	last := c.nodes[len(c.nodes)-1]
	l, err := net.Listen("tcp", last.Gossip)
	must(t, err)
	defer func() { _ = l.Close() }()
	err = c.Start()
	var taken *PortError
	if !errors.As(err, &taken) || taken.ID != last.ID || !strings.Contains(err.Error(), last.Gossip) || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("%v", err)
	}
	for _, n := range c.Nodes() {
		if st := c.State(n.ID); st.Status != Stopped {
			t.Errorf("%s: %+v", n.ID, st)
		}
	}
}

func TestAReusedProcessNumberIsNeverSignalled(t *testing.T) {
	c := place(t, t.TempDir())
	must(t, c.Start("client1"))
	p, found, err := c.recorded("client1")
	if err != nil || !found {
		t.Fatal(found, err)
	}
	// As if the number had been another process's when the file was written.
	must(t, os.WriteFile(c.pidFile("learner1"), []byte(strconv.Itoa(p.pid)+" 1@another-boot\n"), 0o644))
	if st := c.State("learner1"); st.Status != Stopped {
		t.Errorf("%+v", st)
	}
	must(t, c.Kill("learner1"))
	must(t, c.Stop(soon(t), "learner1"))
	if st := c.State("client1"); st.Status != Running || st.PID != p.pid {
		t.Errorf("the other process: %+v", st)
	}
	must(t, os.WriteFile(c.pidFile("learner1"), []byte("-1 x\n"), 0o644))
	if err := c.Kill("learner1"); err == nil {
		t.Error("a pid file that names no process is taken")
	}
	must(t, os.Remove(c.pidFile("learner1")))
}

func TestUnknownNodesAndImpossibleNumbers(t *testing.T) {
	c := place(t, t.TempDir())
	var unknown *NotFoundError
	for _, err := range []error{c.Start("acceptor9"), c.Kill("acceptor9"), c.Pause("x"), c.Stop(t.Context(), "y"), c.WaitAnswering(t.Context(), nil, "z")} {
		if !errors.As(err, &unknown) || !strings.Contains(err.Error(), "acceptor1") {
			t.Errorf("%v", err)
		}
	}
	for _, o := range []Options{{}, {Dir: "x", PortOffset: 60000}, {Dir: "x", Acceptors: -1}, {Dir: "x", Clients: 100}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
	c.opts.Acceptors = 3
	must(t, os.MkdirAll(c.Dir(), 0o755))
	must(t, c.save())
	c.opts.Acceptors = 5
	if err := c.checkVoters(); err == nil || !strings.Contains(err.Error(), "3 acceptors, not 5") {
		t.Errorf("other acceptors: %v", err)
	}
}

func TestUsualPorts(t *testing.T) {
	c, err := New(Options{Dir: "x"})
	must(t, err)
	var got []string
	for _, n := range c.Nodes() {
		got = append(got, string(n.ID)+"="+strings.TrimPrefix(n.Address, "127.0.0.1:")+"/"+strings.TrimPrefix(n.Gossip, "127.0.0.1:"))
	}
	want := "proposer1=3001/13001 proposer2=3002/13002 proposer3=3003/13003 acceptor1=4001/14001 acceptor2=4002/14002 " +
		"acceptor3=4003/14003 learner1=5001/15001 learner2=5002/15002 client1=6001/16001 client2=6002/16002"
	if strings.Join(got, " ") != want {
		t.Errorf("%s", got)
	}
}

func TestFreshMeansThatNoLearnerBelongsToACluster(t *testing.T) {
	c, err := New(Options{Dir: t.TempDir()})
	must(t, err)
	dir := c.DataDir("learner2")
	must(t, os.MkdirAll(dir, 0o755))
	for _, s := range []struct {
		cluster paxos.ClusterID
		want    bool
	}{{paxos.ClusterID{}, true}, {paxos.ClusterID{1}, false}} {
		must(t, wal.WriteIdentity(wal.OS(), dir, wal.Stored{Starts: 1, Identity: paxos.Identity{Node: "learner2", Cluster: s.cluster, Store: 1}}))
		if fresh, err := c.Fresh(); err != nil || fresh != s.want {
			t.Errorf("a learner of cluster %q: %v, %v", s.cluster, fresh, err)
		}
	}
}

func TestFreshMeansThatNoAcceptorHasEverWritten(t *testing.T) {
	c, err := New(Options{Dir: t.TempDir()})
	must(t, err)
	dir := c.DataDir("acceptor2")
	must(t, os.MkdirAll(dir, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "LOCK"), nil, 0o644))
	if fresh, err := c.Fresh(); err != nil || !fresh {
		t.Errorf("a lock alone: %v, %v", fresh, err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "identity.tmp"), nil, 0o644))
	if fresh, err := c.Fresh(); err != nil || fresh {
		t.Errorf("anything else: %v, %v", fresh, err)
	}
}

func TestAProgramIsKeptOnceAndReplacesOthers(t *testing.T) {
	dir, program := t.TempDir(), filepath.Join(t.TempDir(), "program")
	keep := func(content string) string {
		must(t, os.WriteFile(program, []byte(content), 0o755))
		path, err := Keep(dir, program)
		must(t, err)
		text, err := os.ReadFile(path)
		if err != nil || string(text) != content {
			t.Errorf("kept %q, %v", text, err)
		}
		return path
	}
	one := keep("one")
	if again := keep("one"); again != one {
		t.Errorf("kept at %s, then at %s", one, again)
	}
	keep("two")
	left, err := filepath.Glob(filepath.Join(dir, "bin", "*"))
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestWaitingIsGivenUpWithWhatIsPending(t *testing.T) {
	c, err := New(Options{Dir: t.TempDir(), PortOffset: 44000})
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.WaitLeader(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "proposer1 (stopped)") {
		t.Errorf("%v", err)
	}
	if _, err := c.Health(t.Context(), paxos.NodeID("nobody")); err == nil {
		t.Error("nobody is healthy")
	}
}
