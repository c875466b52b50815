package manifests

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"paxos/client"
	"paxos/internal/local"
	"paxos/internal/wal"
	"paxos/paxos"
	"paxos/test/ports"
)

// unseen are lines of the table that a short life does not show in the logs.
var unseen = map[string]string{
	"client to learner": "reads are plain HTTP, not a stream; that they are answered shows them",
}

// TestTheTableIsTrue holds the table against ten real processes: whoever opened
// a stream, or tried to, must be allowed to, and whoever speaks first must have
// been seen doing it.
func TestTheTableIsTrue(t *testing.T) {
	if testing.Short() {
		t.Skip("starts ten processes")
	}
	c := town(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	// Who leads may change on a busy machine before it is told to stop, and then
	// nobody hands over: the town lives again until everybody has spoken.
	var seen map[string]int
	for lives := 0; lives < 4 && !complete(seen); lives++ {
		live(ctx, t, c)
		seen = dials(t, c)
	}
	for _, l := range whom {
		pair := l.from + " to " + l.to
		if silent(l, seen) {
			t.Errorf("no %s was seen opening a stream to a %s", l.from, l.to)
		}
		t.Logf("%-20s %4d seen", pair, seen[pair])
	}
	for pair := range seen {
		if from, to, _ := strings.Cut(pair, " to "); !mayOpen(from, to) {
			t.Errorf("a stream from %s was opened, of which the table knows nothing", pair)
		}
	}
}

// silent reports whether a line that must have been seen was not.
func silent(l line, seen map[string]int) bool {
	pair := l.from + " to " + l.to
	return l.first && unseen[pair] == "" && seen[pair] == 0
}

func complete(seen map[string]int) bool {
	return !slices.ContainsFunc(whom, func(l line) bool { return silent(l, seen) })
}

// town builds the program for ten nodes that tell of every stream.
func town(t *testing.T) *local.Cluster {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "paxosctl")
	build := exec.Command("go", "build", "-tags", "nomsgpack", "-o", program, "./cmd/paxosctl")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	offset, err := ports.FreeOffset(7000, 140, 5)
	if err != nil {
		t.Fatal(err)
	}
	o := local.Options{Dir: filepath.Join(dir, "town"), Program: []string{program, "node"}, Attached: true, PortOffset: offset,
		Args: []string{"--log-level", "debug", "--log-format", "json"}}
	if wal.CheckFileSystem(dir) != nil {
		o.AcceptorArgs = []string{"--allow-unsafe-filesystem"}
	}
	c, err := local.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Kill(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// live has the town do everything that makes somebody speak: a cluster is made,
// written to and read, a lease ends, a leader stops and hands over, a leader and a
// learner are killed and come back.
func live(ctx context.Context, t *testing.T, c *local.Cluster) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(c.Start())
	_, err := c.Initialise(ctx, nil)
	check(err)
	leader, err := c.WaitReady(ctx, nil)
	check(err)
	var addresses []string
	for _, n := range c.Of(paxos.ClientRole) {
		addresses = append(addresses, n.Address)
	}
	use := func(value string) {
		t.Helper()
		for _, address := range addresses {
			user, err := client.New([]string{address})
			check(err)
			_, err = user.Send(ctx, value)
			check(err)
			_, err = user.Read(ctx, client.Cursor{}, 1)
			check(err)
		}
	}
	use("before")
	check(lapse(ctx, addresses))
	check(c.Stop(ctx, leader))
	next, err := c.WaitLeader(ctx)
	check(err)
	use("handed over")
	// A learner that runs asks as soon as it can, and votes go back over its
	// stream: only one that is away is spoken to first.
	check(c.Kill(c.Of(paxos.LearnerRole)[0].ID))
	user, err := client.New(addresses)
	check(err)
	_, err = user.Send(ctx, "without a learner")
	check(err)
	check(c.Kill(next))
	check(c.Start())
	_, err = c.WaitReady(ctx, nil)
	check(err)
	use("after")
	check(c.Stop(ctx))
}

// lapse lets a lease end, which learners propose.
func lapse(ctx context.Context, addresses []string) error {
	user, err := client.New(addresses)
	if err != nil {
		return err
	}
	if _, err = user.Grant(ctx, time.Second); err != nil {
		return err
	}
	for ; ; time.Sleep(100 * time.Millisecond) {
		if all, err := user.Leases(ctx); err != nil || len(all.Leases) == 0 {
			return err
		}
	}
}

// dials reads the nodes' logs: who was spoken to tells by whom, and who found no
// way, or lost one, tells to whom.
func dials(t *testing.T, c *local.Cluster) map[string]int {
	t.Helper()
	roles := map[string]string{}
	for _, n := range c.Nodes() {
		roles[string(n.ID)] = string(n.Role)
	}
	seen := map[string]int{}
	for _, n := range c.Nodes() {
		f, err := os.Open(c.LogFile(n.ID))
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			var said struct{ Msg, Peer string }
			if json.Unmarshal(lines.Bytes(), &said) != nil || roles[said.Peer] == "" {
				continue
			}
			switch {
			case strings.HasPrefix(said.Msg, "incoming stream ended"):
				seen[roles[said.Peer]+" to "+string(n.Role)]++
			case strings.HasPrefix(said.Msg, "no stream"):
				seen[string(n.Role)+" to "+roles[said.Peer]]++
			}
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	return seen
}
