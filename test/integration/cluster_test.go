package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"paxos/client"
	// The program that is built below is all of the product: a result that is
	// kept from an earlier run must not outlive a change of any of it.
	_ "paxos/internal/ctl"
	"paxos/internal/local"
	"paxos/internal/raced"
	"paxos/internal/wal"
	"paxos/paxos"
	"paxos/test/history"
	"paxos/test/ports"
)

// programVariable is the built program, for a test that runs in a second
// process.
const programVariable = "PAXOS_TEST_PROGRAM"

var (
	program      string // the built paxosctl
	acceptorArgs []string
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "paxos-integration-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		if err := wal.CheckFileSystem(dir); err != nil {
			// In a container's own layer nothing survives a power cut, and
			// these tests do not cut it.
			fmt.Fprintln(os.Stderr, "note:", err)
			acceptorArgs = []string{"--allow-unsafe-filesystem"}
		}
		if program = os.Getenv(programVariable); program != "" {
			return m.Run()
		}
		program = filepath.Join(dir, "paxosctl")
		args := []string{"build", "-tags", "nomsgpack", "-o", program}
		if raced.On {
			args = append(args, "-race")
		}
		build := exec.Command("go", append(args, "paxos/cmd/paxosctl")...)
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// cluster is a running cluster and what a test needs to break and judge it.
type cluster struct {
	*local.Cluster
	t *testing.T
}

// long reports whether the long forms are asked for.
func long() bool { return os.Getenv("PAXOS_LONG") != "" }

// offset finds ports that are free now, below the range from which the system
// takes ports for outgoing connections.
func offset(t *testing.T) int {
	t.Helper()
	off, err := ports.FreeOffset(7000, 140, 5)
	if err != nil {
		t.Fatal(err)
	}
	return off
}

// start brings up a fresh cluster of ten and waits for a leader.
func start(t *testing.T, args ...string) *cluster {
	t.Helper()
	c := boot(t, args...)
	c.initialise()
	c.leader()
	return c
}

// boot starts the ten processes and does not initialise them.
func boot(t *testing.T, args ...string) *cluster {
	t.Helper()
	return bootWith(t, local.Options{Args: args})
}

// bootWith is boot for a cluster with other options than usual; what is not said
// is as usual.
func bootWith(t *testing.T, o local.Options) *cluster {
	t.Helper()
	o.Dir, o.PortOffset = t.TempDir(), offset(t)
	o.AcceptorArgs = append(slices.Clone(acceptorArgs), o.AcceptorArgs...)
	if o.Program == nil {
		o.Program = []string{program, "node"}
	}
	lc, err := local.New(o)
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{lc, t}
	t.Cleanup(func() {
		if err := c.Kill(c.ids("")...); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			c.showLogs(o.Dir)
		}
	})
	if err := c.Start(c.ids("")...); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cluster) showLogs(dir string) {
	logs, _ := filepath.Glob(filepath.Join(dir, "log", "*.log"))
	for _, name := range logs {
		text, _ := os.ReadFile(name)
		c.t.Logf("%s:\n%s", filepath.Base(name), text[max(0, len(text)-1500):])
	}
}

// ids lists the nodes of a role, all for "".
func (c *cluster) ids(role paxos.RoleName) []paxos.NodeID {
	var list []paxos.NodeID
	for _, n := range c.Nodes() {
		if role == "" || n.Role == role {
			list = append(list, n.ID)
		}
	}
	return list
}

func (c *cluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) initialise() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err := c.Initialise(ctx, nil)
	c.must(err)
}

func (c *cluster) leader() paxos.NodeID {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	id, err := c.WaitLeader(ctx)
	c.must(err)
	return id
}

func (c *cluster) url(id paxos.NodeID, path string) string {
	n, ok := c.Node(id)
	if !ok {
		c.t.Fatalf("there is no node %s", id)
	}
	return "http://" + n.Address + path
}

var web = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// get reads a JSON answer; it reports whether the node answered with 200.
func (c *cluster) get(id paxos.NodeID, path string, to any) bool {
	response, err := web.Get(c.url(id, path))
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(response.Body)
	return err == nil && response.StatusCode == http.StatusOK && json.Unmarshal(b, to) == nil
}

// fate is what a send was told.
type fate = history.Fate

const (
	acknowledged = history.Acknowledged
	refused      = history.Refused
	unknown      = history.Unknown
	declined     = history.Declined // unlike a refusal it says something of the key
)

// send sends a value through a client service.
func (c *cluster) send(id paxos.NodeID, value string) (fate, client.Sent, *client.Problem) {
	return c.sendFor(id, value, "1500ms")
}

func (c *cluster) sendFor(id paxos.NodeID, value, timeout string) (fate, client.Sent, *client.Problem) {
	body, err := json.Marshal(map[string]string{"value": value})
	if err != nil {
		c.t.Fatal(err)
	}
	response, err := web.Post(c.url(id, "/send?timeout="+timeout), "application/json", bytes.NewReader(body))
	if errors.Is(err, syscall.ECONNREFUSED) {
		return refused, client.Sent{}, nil // it never left
	}
	if err != nil {
		return unknown, client.Sent{}, nil
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return unknown, client.Sent{}, nil
	}
	var sent client.Sent
	var problem client.Problem
	if response.StatusCode == http.StatusOK && json.Unmarshal(text, &sent) == nil {
		return acknowledged, sent, nil
	}
	if err := json.Unmarshal(text, &problem); err != nil {
		c.t.Errorf("send %q: status %d with %q", value, response.StatusCode, text)
	}
	switch response.StatusCode {
	case http.StatusServiceUnavailable:
		return refused, sent, &problem
	case http.StatusGatewayTimeout:
		return unknown, sent, &problem
	}
	c.t.Errorf("send %q: status %d: %s", value, response.StatusCode, text)
	return unknown, sent, &problem
}

// values reads everything that a learner has applied.
func (c *cluster) values(learner paxos.NodeID) ([]client.Value, bool) {
	var all []client.Value
	next := client.Cursor{Slot: 1}
	for {
		var page client.Page
		if !c.get(learner, fmt.Sprintf("/get-values?from=%d&position=%d&limit=10000", next.Slot, next.Position), &page) {
			return nil, false
		}
		all = append(all, page.Values...)
		if !page.More {
			return all, true
		}
		next = page.Next
	}
}

// within waits until ok and prints how long it took beside its bound; it fails
// at five times the bound.
func (c *cluster) within(bound time.Duration, what string, ok func() bool) time.Duration {
	c.t.Helper()
	began := time.Now()
	for ; !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > 5*bound {
			c.t.Fatalf("%s: not within %v, five times the bound", what, 5*bound)
		}
	}
	took := time.Since(began).Round(time.Millisecond)
	c.t.Logf("%s: %v (bound %v)", what, took, bound)
	return took
}

// alive fails if a process ended that nobody stopped.
func (c *cluster) alive(except ...paxos.NodeID) {
	c.t.Helper()
	stopped := map[paxos.NodeID]bool{}
	for _, id := range except {
		stopped[id] = true
	}
	for _, id := range c.ids("") {
		var h client.Health
		if !stopped[id] && !c.get(id, "/health", &h) {
			c.t.Errorf("%s does not answer", id)
		}
	}
}
