package gossip

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"paxos/paxos"
)

// TestMain fails the package when a stopped node leaves a goroutine behind.
func TestMain(m *testing.M) {
	code := m.Run()
	left := ""
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if left = leaked(); left == "" {
			os.Exit(code)
		}
	}
	fmt.Fprintf(os.Stderr, "goroutines left behind:\n%s\n", left)
	os.Exit(1)
}

func leaked() string {
	buf := make([]byte, 1<<20)
	for g := range bytes.SplitSeq(buf[:runtime.Stack(buf, true)], []byte("\n\n")) {
		if bytes.Contains(g, []byte("memberlist.")) || bytes.Contains(g, []byte("gossip.(*")) {
			return string(g)
		}
	}
	return ""
}

// record is a Log that remembers.
type record struct {
	mu    sync.Mutex
	lines []string
}

func (r *record) put(level, format string, args []any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, level+" "+fmt.Sprintf(format, args...))
}

func (r *record) Debugf(format string, args ...any) { r.put("debug", format, args) }
func (r *record) Infof(format string, args ...any)  { r.put("info", format, args) }
func (r *record) Warnf(format string, args ...any)  { r.put("warn", format, args) }

func (r *record) has(parts ...string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.lines, func(line string) bool {
		return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) })
	})
}

func options(id paxos.NodeID, role paxos.RoleName, rest string, seeds ...string) Options {
	return Options{
		Node: id, Role: role, Bind: "127.0.0.1:0", REST: rest, Label: "test", Seeds: seeds,
		RejoinInterval: 500 * time.Millisecond, Fast: true,
	}
}

func run(t *testing.T, o Options) *Gossip {
	t.Helper()
	g, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = g.Stop(ctx) // whether anybody heard it is no matter here
	})
	return g
}

// kill ends a node as kill -9 does: its sockets close, nobody is told.
func kill(g *Gossip) {
	g.cancel()
	_ = g.list.Shutdown()
	g.once.Do(func() { g.loops.Wait(); close(g.stopped) })
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 15 s: %s", what)
		}
	}
}

func state(g *Gossip, id paxos.NodeID) State {
	for _, m := range g.Members() {
		if m.ID == id {
			return m.State
		}
	}
	return ""
}

// trio starts three nodes that know one seed, and waits until all see all.
func trio(t *testing.T) []*Gossip {
	t.Helper()
	a := run(t, options("acceptor1", paxos.AcceptorRole, "127.0.0.1:4001"))
	b := run(t, options("acceptor2", paxos.AcceptorRole, "127.0.0.1:4002", a.Address()))
	c := run(t, options("proposer1", paxos.ProposerRole, "127.0.0.1:3001", a.Address()))
	all := []*Gossip{a, b, c}
	eventually(t, "all see all", func() bool {
		return !slices.ContainsFunc(all, func(g *Gossip) bool { return len(g.Members()) != 3 })
	})
	return all
}

// strangers fails when either side has heard of the other, after a join.
func strangers(t *testing.T, a, b *Gossip) {
	t.Helper()
	if n, err := b.Join([]string{a.Address()}); n != 0 || err == nil {
		t.Errorf("join: %d, %v", n, err)
	} else {
		t.Log(err)
	}
	for _, g := range []*Gossip{a, b} {
		if n := len(g.Members()); n != 1 {
			t.Errorf("%d members", n)
		}
	}
}

func keyFile(t *testing.T, size int) string {
	t.Helper()
	key := make([]byte, size)
	_, _ = rand.Read(key)
	return write(t, base64.StdEncoding.EncodeToString(key)+"\n")
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
