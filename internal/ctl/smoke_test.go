package ctl

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"paxos/client"
	"paxos/internal/local"
)

// machine runs paxosctl as processes, in a directory and on ports of its own.
type machine struct {
	t      *testing.T
	dir    string
	offset string
}

func (m *machine) command(args ...string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
	self, err := os.Executable()
	if err != nil {
		m.t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), "BE_PAXOSCTL=1", "PAXOS_ENDPOINTS=127.0.0.1:1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &errs, m.dir
	return cmd, &out, &errs
}

func (m *machine) run(args ...string) result {
	m.t.Helper()
	end := len(args)
	if at := slices.Index(args, "--"); at >= 0 {
		end = at
	}
	cmd, out, errs := m.command(slices.Insert(slices.Clone(args), end, "--data", filepath.Join(m.dir, "data"))...)
	_ = cmd.Run()
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// must runs a command line that must end with a code.
func (m *machine) must(code int, args ...string) result {
	m.t.Helper()
	got := m.run(args...)
	if got.code != code {
		m.t.Fatalf("paxosctl %s: want exit code %d, got %v", strings.Join(args, " "), code, got)
	}
	return got
}

// until repeats a command line until it ends with a code.
func (m *machine) until(code int, args ...string) {
	m.t.Helper()
	var got result
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if got = m.run(args...); got.code == code {
			return
		}
	}
	m.t.Fatalf("paxosctl %s: want exit code %d in the end, got %v", strings.Join(args, " "), code, got)
}

// up starts the cluster in the background.
func (m *machine) up() {
	m.t.Helper()
	got := m.must(ExitOK, "local", "up", "--detach", "-o", "json", "--port-offset", m.offset, "--allow-unsafe-filesystem")
	var list []localNode
	if err := json.Unmarshal([]byte(got.out), &list); err != nil || len(list) != 10 {
		m.t.Fatalf("%v: %v", err, got)
	}
	leads := 0
	for _, n := range list {
		if n.Process != local.Running || n.Health != "ok" {
			m.t.Errorf("%+v", n)
		}
		if n.Leads {
			leads++
		}
	}
	if leads != 1 || !strings.Contains(got.err, "Next:") {
		m.t.Errorf("%d lead: %v", leads, got)
	}
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	for off := 10000 + os.Getpid()%60*80; off < 16000; off += 80 {
		free := true
		for _, port := range []int{3001, 4001, 5001, 6001, 13001, 14001, 15001, 16001} {
			for i := range 3 {
				l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+off+i))
				if free = free && err == nil; err == nil {
					_ = l.Close()
				}
			}
		}
		if free {
			m := &machine{t, t.TempDir(), strconv.Itoa(off)}
			t.Cleanup(m.sweep)
			return m
		}
	}
	t.Fatal("no free ports")
	return nil
}

// sweep kills what a failed test left.
func (m *machine) sweep() {
	opts, found, err := local.Saved(filepath.Join(m.dir, "data"))
	if err != nil || !found {
		return
	}
	if c, err := local.New(opts); err == nil {
		_ = c.Kill()
	}
}

func TestALocalClusterFromUpToDown(t *testing.T) {
	m := newMachine(t)
	m.must(ExitNotFound, "local", "status")
	m.must(ExitNotFound, "send", "too early")
	m.up()
	var sent client.Sent
	got := m.must(ExitOK, "send", "teste123", "--key", "k", "-o", "json")
	if err := json.Unmarshal([]byte(got.out), &sent); err != nil || sent.Slot == 0 || sent.Status != "applied" {
		t.Errorf("%v: %v", err, got)
	}
	m.must(ExitConflict, "send", "another", "--key", "k")
	m.must(ExitConflict, "burn", "k")
	m.must(ExitOK, "outcome", fmt.Sprintf("%v/%d", sent.Session, sent.Sequence))
	m.must(ExitNotFound, "outcome", "a/b")
	// The last events are kept, and what follows has many.
	if got := m.must(ExitOK, "logs", "--kind", "elected"); !strings.Contains(got.out, "elected") {
		t.Error(got)
	}
	m.storeWorks()
	for args, want := range map[string]string{
		"read": "teste123", "leader": "127.0.0.1:", "members": "acceptor3", "status": "leads with ballot", "init": "before", "explain": "writes: yes, through proposer", "audit": "objections: none",
		"local status": "leads", "local up": "leads",
	} {
		if got := m.must(ExitOK, strings.Fields(args)...); !strings.Contains(got.out, want) {
			t.Errorf("%s: %q is missing: %v", args, want, got)
		}
	}
	m.must(ExitOK, "local", "kill", "acceptor1", "acceptor2")
	m.must(ExitConflict, "local", "pause", "acceptor1")
	m.must(ExitNotFound, "local", "kill", "acceptor9")
	m.until(ExitUnavailable, "send", "too few")
	m.until(ExitUnavailable, "status")
	m.explains()
	m.must(ExitOK, "local", "start", "acceptor1")
	m.until(ExitOK, "send", "enough again", "--key", "again")
	m.must(ExitOK, "local", "pause", "proposer1", "learner1")
	m.pausedOnesAreSaid()
	m.must(ExitConflict, "local", "up", "--port-offset", "1")
	m.must(ExitConflict, "local", "up", "--", "--log-level", "debug")
	m.must(ExitUsage, "local", "up", "--", "--id", "x")
	if got := m.must(ExitOK, "local", "resume"); strings.Contains(got.out, "acceptor1") || !strings.Contains(got.out, "learner1") {
		t.Errorf("those that were paused go on: %v", got)
	}
	if got := m.must(ExitOK, "local", "resume"); !strings.Contains(got.err, "no node is paused") {
		t.Errorf("nothing to resume: %v", got)
	}
	other := &machine{t, t.TempDir(), m.offset}
	if got := other.must(ExitError, "local", "up", "--port-offset", other.offset); !strings.Contains(got.err, "not of this cluster") || got.out != "" {
		t.Errorf("ports that are taken: %v", got)
	}
	m.must(ExitOK, "local", "stop", "client1", "client2")
	if got := m.must(ExitUnavailable, "read"); !strings.Contains(got.err, "client1 client2") || strings.Count(got.err, "refused") != 2 {
		t.Errorf("nobody to speak to: %v", got)
	}
	m.must(ExitOK, "local", "down")
	m.must(ExitOK, "local", "down")
	if got := m.must(ExitUnavailable, "send", "too late"); !strings.Contains(got.err, "paxosctl local start") || strings.Contains(got.err, "client1") {
		t.Errorf("nobody is there: %v", got)
	}
}

// explains checks what is said while acceptor1 and acceptor2 are killed.
func (m *machine) explains() {
	m.t.Helper()
	got := m.must(ExitUnavailable, "explain")
	for _, want := range []string{"writes: NO: 1 of 3 acceptors answers and 2 are needed\n", "paxosctl local start --data ", " acceptor1 acceptor2  # acceptor1: stopped; acceptor2: stopped\n", "silent for "} {
		if !strings.Contains(got.out, want) {
			m.t.Errorf("want %q: %v", want, got)
		}
	}
	var e explanation
	if got := m.must(ExitUnavailable, "explain", "-o", "json"); json.Unmarshal([]byte(got.out), &e) != nil || e.Quorum.Voting != 1 || len(e.Acceptors) != 3 || len(e.Acceptors[2].SeenBy) != 3 {
		m.t.Errorf("%v", got)
	}
	for proposer, seen := range e.Acceptors[0].SeenBy {
		if seen.Answering || !seen.Heard || seen.SilentMillis == 0 {
			m.t.Errorf("%s sees %+v", proposer, seen)
		}
	}
}

// pausedOnesAreSaid checks what is said, at once, while proposer1 and learner1
// are paused and acceptor2 does not run.
func (m *machine) pausedOnesAreSaid() {
	m.t.Helper()
	for _, args := range [][]string{{"local", "start", "learner1", "proposer1"}, {"local", "up"}} {
		got := m.must(ExitConflict, args...)
		if !strings.Contains(got.err, "are paused\npaxosctl local resume --data ") {
			m.t.Errorf("%s: %v", args, got)
		}
	}
	got := m.must(ExitOK, "local", "start")
	if !strings.Contains(got.err, "proposer1, learner1 stay paused") || !strings.Contains(got.out, "STATE") || !strings.Contains(got.out, "acceptor2") {
		m.t.Errorf("local start: %v", got)
	}
	m.until(ExitOK, "leader") // the one that is paused may have led
	leader := m.must(ExitOK, "leader")
	if got := m.must(ExitOK, "local", "stop", "leader"); !strings.Contains(leader.out, strings.Fields(got.out)[4]) {
		m.t.Errorf("%v, which led, is not %v", leader, got)
	}
	m.must(ExitOK, "local", "start")
}

// foreground starts "local up" and waits until it has written a line.
func (m *machine) foreground(until string) (*exec.Cmd, func() string) {
	m.t.Helper()
	cmd, _, _ := m.command("local", "up", "--port-offset", m.offset, "--allow-unsafe-filesystem", "--data", filepath.Join(m.dir, "data"))
	path := filepath.Join(m.t.TempDir(), "stderr")
	f, err := os.Create(path)
	if err != nil {
		m.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	cmd.Stderr = f
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	said := func() string {
		text, _ := os.ReadFile(path)
		return string(text)
	}
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(said(), until); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.t.Fatalf("%q was never said:\n%s", until, said())
		}
	}
	return cmd, said
}

// end waits until the process has ended, and checks that it has left nothing.
func (m *machine) end(cmd *exec.Cmd, code int, said func() string) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 30*time.Second)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait()
	stop()
	if got := cmd.ProcessState.ExitCode(); got != code {
		m.t.Errorf("exit code %d, want %d:\n%s", got, code, said())
	}
	opts, _, err := local.Saved(filepath.Join(m.dir, "data"))
	if err != nil {
		m.t.Fatal(err)
	}
	c, err := local.New(opts)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, n := range c.Nodes() {
		for deadline := time.Now().Add(5 * time.Second); c.State(n.ID).Status != local.Stopped; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				m.t.Fatalf("%s outlives it", n.ID)
			}
		}
	}
}

func TestInTheForegroundAClusterEndsWithItsParent(t *testing.T) {
	m := newMachine(t)
	early, said := m.foreground("waiting for")
	_ = early.Process.Signal(syscall.SIGINT)
	m.end(early, ExitInterrupted, said)

	up, said := m.foreground("Ctrl-C stops")
	m.must(ExitOK, "send", "kept")
	m.must(ExitOK, "local", "stop", "client2")
	m.must(ExitOK, "local", "start", "client2")
	_ = up.Process.Signal(syscall.SIGINT)
	m.end(up, ExitOK, said)

	killed, said := m.foreground("Ctrl-C stops")
	if got := m.must(ExitOK, "read"); !strings.Contains(got.out, "kept") {
		t.Errorf("data is kept between runs: %v", got)
	}
	_ = killed.Process.Kill()
	m.end(killed, -1, said)
}
