package partial

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paxos/client"
	// The program that is built below is all of the product: a result that is
	// kept from an earlier run must not outlive a change of any of it.
	_ "paxos/internal/ctl"
	"paxos/internal/wal"
	"paxos/paxos"
	"paxos/sim/topology"
	"paxos/test/history"
	"paxos/test/netns"
)

// electionTimeout is far above what a busy machine may hold a process up.
const electionTimeout = time.Second

var (
	program    string // the built paxosctl
	impossible error  // why there is no world here
	diskArgs   []string
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if impossible = netns.Possible(); impossible != nil {
			return m.Run()
		}
		dir, err := os.MkdirTemp("", "paxos-partial-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		if err := wal.CheckFileSystem(dir); err != nil {
			// Nothing here cuts the power.
			fmt.Fprintln(os.Stderr, "note:", err)
			diskArgs = []string{"--allow-unsafe-filesystem"}
		}
		program = filepath.Join(dir, "paxosctl")
		build := exec.Command("go", "build", "-tags", "nomsgpack", "-o", program, "paxos/cmd/paxosctl")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// cluster is a cluster in a world, and what is known of it.
type cluster struct {
	t        *testing.T
	world    *netns.World
	nodes    []paxos.NodeID
	roles    map[paxos.NodeID]paxos.RoleName
	http     *http.Client
	dir      string
	stopping atomic.Bool
	running  sync.WaitGroup
	history  *history.History
	tale     tale
	mu       sync.Mutex // guards tale
}

var ports = map[paxos.RoleName]string{paxos.ProposerRole: "3000", paxos.AcceptorRole: "4000", paxos.LearnerRole: "5000", paxos.ClientRole: "6000"}

// boot starts the cluster of a topology and waits until somebody leads.
func boot(t *testing.T, top topology.Topology) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: t.TempDir(), roles: map[paxos.NodeID]paxos.RoleName{}, history: history.New("value-")}
	var hosts []string
	for _, r := range []struct {
		role paxos.RoleName
		many int
	}{{paxos.ProposerRole, top.Proposers}, {paxos.AcceptorRole, top.Acceptors}, {paxos.LearnerRole, 2}, {paxos.ClientRole, 1}} {
		for k := 1; k <= r.many; k++ {
			id := paxos.NodeID(string(r.role) + strconv.Itoa(k))
			c.nodes, c.roles[id], hosts = append(c.nodes, id), r.role, append(hosts, string(id))
		}
	}
	var err error
	if c.world, err = netns.NewFree("partial", hosts...); err != nil {
		t.Fatal(err)
	}
	c.http = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: c.world.Dial, MaxIdleConnsPerHost: 16}}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		c.stopping.Store(true)
		cancel()
		c.running.Wait()
		c.http.CloseIdleConnections()
		if err := c.world.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			c.showLogs()
		}
	})
	for _, id := range c.nodes {
		c.launch(ctx, id)
	}
	c.within(20*time.Second, "the cluster is made", func() bool {
		response, err := c.http.Post(c.url("acceptor1", "/init"), "application/json", strings.NewReader("{}"))
		return err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK
	})
	return c
}

func (c *cluster) address(id paxos.NodeID) string {
	return c.world.Address(string(id)).String() + ":" + ports[c.roles[id]]
}

func (c *cluster) url(id paxos.NodeID, path string) string {
	return "http://" + string(id) + ":" + ports[c.roles[id]] + path
}

// launch starts a node's process, and reports it if it ends by itself.
func (c *cluster) launch(ctx context.Context, id paxos.NodeID) {
	c.t.Helper()
	var seeds, acceptors, learners []string
	for _, other := range c.nodes {
		seeds = append(seeds, c.world.Address(string(other)).String()+":1"+ports[c.roles[other]])
		switch c.roles[other] {
		case paxos.AcceptorRole:
			acceptors = append(acceptors, string(other))
		case paxos.LearnerRole:
			learners = append(learners, string(other))
		}
	}
	args := []string{"node", string(c.roles[id]), "--id", string(id), "--listen", c.address(id), "--local", "--join", strings.Join(seeds, ","),
		"--acceptors", strings.Join(acceptors, ","), "--learners", strings.Join(learners, ","), "--election-timeout", electionTimeout.String()}
	if role := c.roles[id]; role == paxos.AcceptorRole || role == paxos.LearnerRole {
		args = append(append(args, "--data", filepath.Join(c.dir, string(id))), diskArgs...)
	}
	log, err := os.Create(filepath.Join(c.dir, string(id)+".log"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	cmd := c.world.Command(ctx, string(id), program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.running.Go(func() {
		if err := cmd.Wait(); !c.stopping.Load() {
			c.t.Errorf("%s ended by itself: %v", id, err)
		}
	})
}

func (c *cluster) showLogs() {
	for _, id := range c.nodes {
		text, _ := os.ReadFile(filepath.Join(c.dir, string(id)+".log"))
		c.t.Logf("%s:\n%s", id, text[max(0, len(text)-1000):])
	}
}

// of lists the nodes of a role.
func (c *cluster) of(role paxos.RoleName) []paxos.NodeID {
	return slices.DeleteFunc(slices.Clone(c.nodes), func(id paxos.NodeID) bool { return c.roles[id] != role })
}

// get reads a JSON answer; it reports whether the node answered with 200.
func (c *cluster) get(id paxos.NodeID, path string, to any) bool {
	response, err := c.http.Get(c.url(id, path))
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return err == nil && response.StatusCode == http.StatusOK && json.Unmarshal(text, to) == nil
}

// within waits until ok; it fails when that takes too long.
func (c *cluster) within(limit time.Duration, what string, ok func() bool) time.Duration {
	c.t.Helper()
	began := time.Now()
	for ; !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > limit {
			c.t.Fatalf("%s: not within %v", what, limit)
		}
	}
	return time.Since(began).Round(time.Millisecond)
}

// leader waits until exactly one proposer says that it leads.
func (c *cluster) leader() (id paxos.NodeID) {
	c.t.Helper()
	c.within(20*electionTimeout, "one proposer leads", func() bool {
		var leading []paxos.NodeID
		for _, p := range c.of(paxos.ProposerRole) {
			var l client.Leader
			if c.get(p, "/leader", &l) && l.Leading {
				leading = append(leading, p)
			}
		}
		if len(leading) == 1 {
			id = leading[0]
		}
		return len(leading) == 1
	})
	return id
}

// send sends one value and notes what came of it.
func (c *cluster) send() {
	value := c.history.Value()
	body, _ := json.Marshal(map[string]string{"value": value})
	begun := time.Now()
	fate, sent := history.Unknown, client.Sent{}
	if response, err := c.http.Post(c.url("client1", "/send?timeout=1s"), "application/json", bytes.NewReader(body)); err == nil {
		defer func() { _ = response.Body.Close() }()
		text, err := io.ReadAll(response.Body)
		switch {
		case err == nil && response.StatusCode == http.StatusOK && json.Unmarshal(text, &sent) == nil:
			fate = history.Acknowledged
		case response.StatusCode == http.StatusServiceUnavailable:
			fate = history.Refused
		case response.StatusCode != http.StatusGatewayTimeout:
			c.t.Errorf("send %q: status %d: %s", value, response.StatusCode, text)
		}
	}
	c.history.Note(value, fate, sent)
	if fate == history.Acknowledged {
		c.mu.Lock()
		c.tale.writes = append(c.tale.writes, write{begun, time.Now()})
		c.mu.Unlock()
	}
}

// watch gathers a proposer's elections until ctx ends.
func (c *cluster) watch(ctx context.Context, id paxos.NodeID) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	since := paxos.Number(0)
	for more := true; more; {
		select {
		case <-ctx.Done():
			more = false // once more, for what came last
		case <-ticker.C:
		}
		var page struct {
			Events     []client.Event
			Last, Lost paxos.Number
		}
		if !c.get(id, fmt.Sprintf("/view-logs?kind=elected,stepped-down&limit=10000&since=%d", since), &page) {
			if !more {
				c.t.Errorf("%s does not tell of its elections", id)
			}
			continue
		}
		if page.Lost > 0 {
			c.t.Errorf("%s: %d events were lost", id, page.Lost)
		}
		since = page.Last
		c.mu.Lock()
		c.tale.events = append(c.tale.events, page.Events...)
		c.mu.Unlock()
	}
}
