//go:build linux

package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"paxos/audit"
	"paxos/client"
	"paxos/paxos"
	"paxos/test/chaos/lossfs"
)

// cluster is ten processes, the network between them, the disks under them, and
// the way in.
type cluster struct {
	report *report
	dir    string
	nodes  []*node
	place  place
	http   *http.Client
}

var numbers = []struct {
	role paxos.RoleName
	many int
}{{paxos.ProposerRole, 3}, {paxos.AcceptorRole, 3}, {paxos.LearnerRole, 2}, {paxos.ClientRole, 2}}

// settings of all nodes that have them: small segments and snapshots that come
// often, so that journals are truncated and snapshots sent in a run of a minute.
var settings = map[paxos.RoleName][]string{
	paxos.AcceptorRole: {"--segment-bytes", "1048576", "--allow-unsafe-filesystem"},
	paxos.LearnerRole:  {"--snapshot-slots", "1000", "--snapshot-bytes", "2097152", "--allow-unsafe-filesystem"},
}

// newCluster describes a cluster in a directory, and makes its network and its
// disks. It must be closed, also after an error.
func newCluster(o Options, dir string, r *report) (*cluster, error) {
	c := &cluster{report: r, dir: dir}
	var ids []string
	for _, n := range numbers {
		for i := range n.many {
			id := paxos.NodeID(string(n.role) + strconv.Itoa(i+1))
			ids = append(ids, string(id))
			c.nodes = append(c.nodes, &node{id: id, role: n.role, log: filepath.Join(dir, "log", string(id)+".log")})
		}
	}
	for _, sub := range []string{"log", "data", "trace"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return c, err
		}
	}
	var err error
	if c.place, err = newPlace(o.has("cut"), ids); err != nil {
		return c, err
	}
	for _, n := range c.nodes {
		n.address, n.gossip = c.place.addresses(string(n.id))
		if n.role != paxos.AcceptorRole && n.role != paxos.LearnerRole {
			continue
		}
		n.data = filepath.Join(dir, "data", string(n.id))
		if o.has("disk") || o.has("slow") || o.has("power") {
			if n.disk, err = lossfs.Mount(n.data); err != nil {
				return c, err
			}
		}
	}
	for _, n := range c.nodes {
		c.equip(n, o.Program)
	}
	c.http = &http.Client{Timeout: 2 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 128, DisableCompression: true, Proxy: nil, DialContext: c.place.dial}}
	return c, nil
}

// close ends everything, however far it came.
func (c *cluster) close() error {
	var failed []error
	for _, n := range c.nodes {
		if n.disk != nil {
			n.disk.Cut() // whoever waits for it could not be killed
			n.disk.Refuse()
		}
		failed = append(failed, n.kill())
	}
	for _, n := range c.nodes {
		if n.disk != nil {
			failed = append(failed, n.disk.Close())
		}
	}
	if c.http != nil {
		c.http.CloseIdleConnections()
	}
	if c.place != nil {
		failed = append(failed, c.place.close())
	}
	return errors.Join(failed...)
}

// equip gives a node its command line, which is the same at each start.
func (c *cluster) equip(n *node, program string) {
	var seeds, acceptors, learners []string
	for _, other := range c.nodes {
		seeds = append(seeds, other.gossip)
		switch other.role {
		case paxos.AcceptorRole:
			acceptors = append(acceptors, string(other.id))
		case paxos.LearnerRole:
			learners = append(learners, string(other.id))
		}
	}
	args := []string{"node", string(n.role), "--id", string(n.id), "--listen", n.address, "--advertise", n.address,
		"--gossip-listen", n.gossip, "--gossip-advertise", n.gossip, "--local", "--join", strings.Join(seeds, ","),
		"--acceptors", strings.Join(acceptors, ","), "--learners", strings.Join(learners, ",")}
	args = append(args, settings[n.role]...)
	if n.data != "" {
		args = append(args, "--data", n.data)
	}
	n.command = c.place.command(string(n.id), program, args, append(os.Environ(), audit.TraceVariable+"="+filepath.Join(c.dir, "trace")))
}

func (c *cluster) node(id paxos.NodeID) *node {
	for _, n := range c.nodes {
		if n.id == id {
			return n
		}
	}
	return nil
}

// ids lists the nodes of a role, all for "".
func (c *cluster) ids(role paxos.RoleName) []paxos.NodeID {
	var list []paxos.NodeID
	for _, n := range c.nodes {
		if role == "" || n.role == role {
			list = append(list, n.id)
		}
	}
	return list
}

func (c *cluster) url(id paxos.NodeID, path string) string {
	return "http://" + c.node(id).address + path
}

// start starts those of the nodes that do not run, all when none is named.
func (c *cluster) start(ids ...paxos.NodeID) error {
	if len(ids) == 0 {
		ids = c.ids("")
	}
	for _, id := range ids {
		err := c.node(id).start(func(n *node) {
			c.report.Errorf("%s ended (%v), and nobody ended it: %s", n.id, n.status, n.lastWords())
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// get reads a JSON answer; it reports whether the node answered with 200.
func (c *cluster) get(ctx context.Context, id paxos.NodeID, path string, to any) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url(id, path), nil)
	if err != nil {
		return false
	}
	response, err := c.http.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode == http.StatusOK && json.NewDecoder(response.Body).Decode(to) == nil
}

// until asks again and again, and says what it waited for if ctx ends first.
func until(ctx context.Context, limit time.Duration, what string, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited for %s: %w after %v", what, context.Cause(ctx), limit)
		case <-ticker.C:
		}
	}
	return nil
}

// form makes the cluster out of nodes that have just been started.
func (c *cluster) form(ctx context.Context) error {
	first := c.ids(paxos.AcceptorRole)[0]
	err := until(ctx, time.Minute, "the acceptors to form the cluster", func() bool {
		response, err := c.http.Post(c.url(first, "/init"), "application/json", nil)
		if err != nil {
			return false
		}
		defer func() { _ = response.Body.Close() }()
		var made paxos.Initialised
		return json.NewDecoder(response.Body).Decode(&made) == nil && (made.Progress == paxos.InitDone || made.Progress == paxos.InitAlready)
	})
	if err != nil {
		return err
	}
	return c.whole(ctx)
}

// whole waits until one leads, and all ten answer and are well.
func (c *cluster) whole(ctx context.Context) error {
	if err := until(ctx, time.Minute, "a leader", func() bool { _, ok := c.leads(ctx); return ok }); err != nil {
		return err
	}
	var sick string
	err := until(ctx, time.Minute, "all ten nodes to be well", func() bool {
		for _, id := range c.ids("") {
			h := client.Health{Status: "without an answer"}
			if !c.get(ctx, id, "/health", &h) || h.Status != "ok" {
				sick = fmt.Sprintf("%s is %s %s", id, h.Status, h.Why)
				return false
			}
		}
		return true
	})
	if err != nil {
		err = fmt.Errorf("%w: %s", err, sick)
	}
	return err
}

// leads asks the proposers which of them leads; of two that say so, it is the
// one with the higher ballot.
func (c *cluster) leads(ctx context.Context) (best client.Leader, known bool) {
	var mu sync.Mutex
	var group sync.WaitGroup
	for _, id := range c.ids(paxos.ProposerRole) {
		group.Go(func() {
			var l client.Leader
			if c.get(ctx, id, "/leader", &l) && l.Leading {
				mu.Lock()
				defer mu.Unlock()
				if !best.Leading || best.Ballot.Less(l.Ballot) {
					best = l
				}
			}
		})
	}
	group.Wait()
	return best, best.Leading
}
