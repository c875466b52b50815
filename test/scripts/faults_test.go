package scripts

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestNoQuorum: without enough acceptors a send is refused or unknown, with a
// reason; a menu offers to settle it once they are back.
func TestNoQuorum(t *testing.T) {
	c := cluster(t)
	leads(t, c)
	if err := c.Kill("acceptor1", "acceptor2"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { leads(t, c) })
	s := script{name: "paxos-client.sh", env: addresses(c)}
	s.run(t, "system").want(t, 1, "unreachable", "8 of 10 nodes answer")
	got := s.run(t, "--key", "torn", "--timeout", "1", "send", "torn")
	if got.code != 5 && got.code != 6 {
		t.Errorf("%+v", got)
	}
	// By now the leader has noticed.
	s.run(t, "--timeout", "1", "send", "refused").want(t, 5, "Not applied: ")
	s.run(t, "leader").want(t, 5, "Nobody leads")
	s.run(t, "read").want(t, 0)
	if err := c.Start("acceptor1", "acceptor2"); err != nil {
		t.Fatal(err)
	}
	leads(t, c)
	s.run(t, "--key", "torn", "--timeout", "10", "send", "torn").want(t, 0, "Applied at slot")
	all := s.run(t, "read")
	if n := strings.Count(all.out, `"torn"`); n != 1 {
		t.Errorf("the value is there %d times", n)
	}
	if strings.Contains(all.out, `"refused"`) {
		t.Error("a value is there that was refused as not applied")
	}
}

func TestMonitorRoles(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	leads(t, c)
	client := script{name: "paxos-client.sh", env: addresses(c)}
	client.run(t, "send", "watched").want(t, 0)
	// All that ten nodes remember of what the other tests did: many thousand events.
	s := script{name: "monitor.sh", env: addresses(c), patience: 3 * time.Minute}
	all := s.run(t, "--no-follow", "--last", "9999")
	all.want(t, 0, " accept ", " accepted ", " learn ", " chosen ", " applied ", "elected")
	for _, noise := range []string{" notify ", " propose ", " campaign ", " state "} {
		if strings.Contains(all.out, noise) {
			t.Errorf("%q is noise\n%s", noise, all.out)
		}
	}
	s.run(t, "--no-follow", "--verbose", "--clients", "--last", "9999").want(t, 0, " notify ", " propose ", " client1 ", "last_sequence=")
	only := s.run(t, "--no-follow", "--acceptors", "--learners", "--last", "3")
	only.want(t, 0)
	for line := range strings.Lines(only.out) {
		if node := strings.Fields(line)[1]; !strings.HasPrefix(node, "acceptor") && !strings.HasPrefix(node, "learner") {
			t.Errorf("%q", line)
		}
	}
	if n := strings.Count(only.out, "\n"); n != 15 {
		t.Errorf("%d events of five nodes with --last 3\n%s", n, only.out)
	}
	for _, bad := range [][]string{{"--interval", "0"}, {"--interval", "x"}, {"--interval"}, {"x"}, {"--nodes"}, {"--last", "-1"}} {
		s.run(t, bad...).want(t, 2, "see --help")
	}
	s.run(t, "--help").want(t, 0, "prepare,promise")
	s.env = []string{"PAXOS_LEARNER_ADDRESSES=127.0.0.1:1 127.0.0.1:2"}
	s.run(t, "--no-follow").want(t, 1, "learner1 is unreachable", "learner2 is unreachable")
}

// watch is a monitor that runs, and its lines.
type watch struct {
	t     *testing.T
	cmd   *exec.Cmd
	mu    sync.Mutex
	lines []string
	news  chan struct{} // there are new lines
	ended chan struct{}
}

func follow(t *testing.T, env []string, args ...string) *watch {
	t.Helper()
	w := &watch{t: t, news: make(chan struct{}, 1), ended: make(chan struct{})}
	w.cmd = script{name: "monitor.sh", env: env}.command(t, args...)
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(w.ended)
		for s := bufio.NewScanner(out); s.Scan(); {
			w.mu.Lock()
			w.lines = append(w.lines, s.Text())
			w.mu.Unlock()
			select {
			case w.news <- struct{}{}:
			default:
			}
		}
	}()
	return w
}

// count says how many lines have all these words in them.
func (w *watch) count(words ...string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
next:
	for _, l := range w.lines {
		for _, word := range words {
			if !strings.Contains(l+" ", word) {
				continue next
			}
		}
		n++
	}
	return n
}

func (w *watch) await(words ...string) {
	w.t.Helper()
	deadline := time.After(20 * time.Second)
	for w.count(words...) == 0 {
		select {
		case <-w.news:
		case <-w.ended:
			w.t.Fatalf("the monitor ended before a line had %q:\n%s", words, w.text())
		case <-deadline:
			w.t.Fatalf("no line has %q:\n%s", words, w.text())
		}
	}
}

func (w *watch) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.lines, "\n")
}

// TestMonitorFollows: each event once, over a node's end and its next start.
func TestMonitorFollows(t *testing.T) {
	c := cluster(t)
	leads(t, c)
	client := script{name: "paxos-client.sh", env: addresses(c)}
	send := func(value string) string {
		t.Helper()
		got := client.run(t, "--timeout", "10", "send", value)
		got.want(t, 0)
		return "slot=" + strings.TrimSuffix(strings.Fields(got.out)[3], ",") + " "
	}
	w := follow(t, addresses(c), "--interval", "0.2", "--acceptors", "--learners", "--last", "1")
	w.await("acceptor1")
	slots := []string{send("a"), send("b"), send("c")}
	w.await("acceptor1", " accepted ", slots[2])
	if err := c.Kill("acceptor1"); err != nil {
		t.Fatal(err)
	}
	w.await("acceptor1 is unreachable")
	slots = append(slots, send("d"))
	if err := c.Start("acceptor1"); err != nil {
		t.Fatal(err)
	}
	w.await("acceptor1 is back")
	w.await("acceptor1 was started again")
	leads(t, c)
	slots = append(slots, send("e"), send("f"))
	w.await("acceptor1", " accepted ", slots[5])
	w.await("learner1", " applied ", slots[5])
	w.await("learner2", " applied ", slots[5])
	for _, slot := range slots {
		for _, node := range []string{" learner1 ", " learner2 "} {
			if n := w.count(node, " applied ", slot); n != 1 {
				t.Errorf("%s applied %s: shown %d times", node, slot, n)
			}
		}
	}
	for _, slot := range append(slots[:3:3], slots[4:]...) {
		if n := w.count(" acceptor1 ", " accepted ", slot); n != 1 {
			t.Errorf("acceptor1 accepted %s: shown %d times", slot, n)
		}
	}
	if n := w.count("unreachable"); n != 1 {
		t.Errorf("unreachable: said %d times", n)
	}
	interrupt(t, w)
}

// interrupt ends a monitor as Ctrl-C does.
func interrupt(t *testing.T, w *watch) {
	t.Helper()
	began := time.Now()
	if err := w.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-w.ended
	_ = w.cmd.Wait()
	if code := w.cmd.ProcessState.ExitCode(); code != 130 || time.Since(began) > 5*time.Second {
		t.Errorf("exit code %d after %v", code, time.Since(began))
	}
}

// TestMonitorNumbers: a node that is started again counts from 1, and may be
// past the old number when it is asked; nothing is left out, nothing is shown
// that another run said.
func TestMonitorNumbers(t *testing.T) {
	t.Parallel()
	event := func(n int, what string) string {
		return fmt.Sprintf(`{"number":"%d","time":"2026-01-02T03:04:05.%06dZ","node":"n","kind":"%s"}`, n, n, what)
	}
	logs := func(events ...string) string {
		return `{"events":[` + strings.Join(events, ",") + `],"last":"0","lost":"0","node":"n","role":"client","state":{"why":"]},{"}}`
	}
	health := func(started string) string {
		return `{"node":"n","started":"` + started + `","uptime_seconds":5,"state":{"started":"x"}}`
	}
	env, twice := asked(t, []step{
		{"/health", health("A")},
		{"/view-logs", logs(event(1, "one"), event(2, "two"))}, {"/health", health("A")},
		{"since=2", logs(event(3, "three"))}, {"/health", health("A")},
		{"since=3", logs(event(4, "of-the-new-run"))}, {"/health", health("B")},
		{"since=0", logs(event(1, "new-one"), event(4, "of-the-new-run"))}, {"/health", health("B")},
		{"since=4", logs()}, {"/health", health("B")},
	})
	w := follow(t, env, "--interval", "0.1", "--clients")
	w.await("of-the-new-run")
	<-twice
	for _, kind := range []string{" one ", " two ", " three ", " new-one ", " of-the-new-run "} {
		if n := w.count(kind); n != 1 {
			t.Errorf("%s: shown %d times\n%s", kind, n, w.text())
		}
	}
	if n := w.count("was started again"); n != 1 {
		t.Errorf("started again: said %d times", n)
	}
	interrupt(t, w)
}

// TestMonitorLost: what a node no longer keeps is said to be lost, once.
func TestMonitorLost(t *testing.T) {
	t.Parallel()
	const health = `{"node":"n","started":"A","uptime_seconds":5}`
	const event = `{"number":"%d","time":"2026-01-02T03:04:05.000000Z","node":"n","kind":"\u001b[2J%d"}`
	logs := func(n, lost int) string {
		return fmt.Sprintf(`{"events":[`+event+`],"last":"0","lost":"%d"}`, n, n, lost)
	}
	none := func(lost int) string { return fmt.Sprintf(`{"events":[],"last":"0","lost":"%d"}`, lost) }
	env, twice := asked(t, []step{
		{"/health", health}, {"limit=1&", logs(5, 4)}, {"/health", health},
		{"since=5", logs(20, 10)}, {"/health", health}, {"since=20", none(7)}, {"/health", health},
		{"since=20", none(9)}, {"/health", health}, {"since=20", `{"events":[],"last":"40","lost":"9"}`}, {"/health", health},
		{"since=40", none(0)}, {"/health", health},
	})
	w := follow(t, env, "--interval", "0.1", "--last=1")
	w.await("up to 2 events")
	<-twice
	for _, words := range []string{"up to 10 events", "up to 7 events", "up to 2 events", `\u001b[2J5`, `\u001b[2J20`} {
		if n := w.count(words); n != 1 {
			t.Errorf("%q: said %d times\n%s", words, n, w.text())
		}
	}
	interrupt(t, w)
}

// step is a question that a server expects, and its answer.
type step struct{ uri, answer string }

// asked serves the answers, and fails the test if the questions are others; in
// the end it gives the last two for ever. It gives the way there, and tells
// when they were given a second time.
func asked(t *testing.T, steps []step) (env []string, twice <-chan struct{}) {
	t.Helper()
	needBash(t)
	n, again, told := 0, 0, make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n == len(steps) {
			n -= 2
			if again++; again == 2 {
				close(told)
			}
		}
		if !strings.Contains(r.RequestURI, steps[n].uri) {
			t.Errorf("question %d is %s, want %s", n, r.RequestURI, steps[n].uri)
		}
		_, _ = w.Write([]byte(steps[n].answer))
		n++
	}))
	t.Cleanup(server.Close)
	return []string{"PAXOS_CLIENT_ADDRESSES=" + server.URL}, told
}
