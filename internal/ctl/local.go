package ctl

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"paxos/client"
	"paxos/internal/local"
	"paxos/paxos"
)

// local has the commands for the cluster on this machine.
func (a *app) local() *cobra.Command {
	return group(&cobra.Command{
		Use:   "local",
		Short: "Runs a cluster of ten processes on this machine.",
		Long: "Runs a cluster of ten processes on this machine: proposer1 to proposer3 at ports 3001 to 3003,\n" +
			"acceptor1 to acceptor3 at 4001 to 4003, learner1 and learner2 at 5001 and 5002, client1 and client2\n" +
			"at 6001 and 6002, all on 127.0.0.1. Their data and logs stay in --data DIR between runs.\n\n" + aboutExits(),
		Example: "  paxosctl local up --detach\n  paxosctl local kill acceptor1\n  paxosctl local start acceptor1\n  paxosctl local down",
	}, a.localUp(), a.localDown(), a.localStatus(),
		a.localVerb(verb{name: "stop", short: "Stops nodes gracefully.", leader: true, do: (*local.Cluster).Stop}),
		a.localStart(),
		a.localVerb(verb{name: "kill", short: "Ends nodes without a warning (SIGKILL).", leader: true, do: plain((*local.Cluster).Kill)}),
		a.localVerb(verb{name: "pause", short: "Freezes nodes (SIGSTOP): they neither answer nor notice.", leader: true, runs: true, do: plain((*local.Cluster).Pause)}),
		a.localVerb(verb{name: "resume", short: "Lets paused nodes go on (SIGCONT), all of them if none is named.", none: local.Paused, runs: true, do: plain((*local.Cluster).Resume)}))
}

// stopPatience is how long a node may take to stop before it is killed.
const stopPatience = 15 * time.Second

// existing gives the local cluster of --data, which must be there.
func (a *app) existing() (*local.Cluster, error) {
	c, err := a.saved()
	if err == nil && c == nil {
		err = failed(ExitNotFound, "paxosctl local up makes one; --data DIR says where", "there is no local cluster in %s", a.data)
	}
	return c, err
}

// program is the command line of a node: a copy of this program that stays.
func program(data string) ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	kept, err := local.Keep(data, self)
	return []string{kept, "node"}, err
}

// localNode is a node's row: what its process does, and what it says.
type localNode struct {
	Node    paxos.NodeID   `json:"node"`
	Role    paxos.RoleName `json:"role"`
	Address string         `json:"address"`
	Process local.Status   `json:"process"`
	PID     int            `json:"pid,omitempty"`
	// Health is what the node says: "ok", "waiting", "mute"; "silent" if it
	// does not answer, "" if it was not asked.
	Health string `json:"health,omitempty"`
	Leads  bool   `json:"leads,omitempty"`
	Why    string `json:"why,omitempty"`
	Log    string `json:"log"`
}

func (a *app) printProcesses(c *local.Cluster, ids []paxos.NodeID) error {
	rows := []localNode{}
	for _, id := range ids {
		rows = append(rows, row(c, id))
	}
	return a.print(rows, func(line func(...any)) {
		line("NODE", "PROCESS", "PID", "ADDRESS")
		for _, r := range rows {
			line(r.Node, r.Process, dash(r.PID), r.Address)
		}
	})
}

func row(c *local.Cluster, id paxos.NodeID) localNode {
	n, _ := c.Node(id)
	st := c.State(id)
	return localNode{Node: id, Role: n.Role, Address: n.Address, Process: st.Status, PID: st.PID, Why: st.Hint, Log: c.LogFile(id)}
}

// rows asks those of the nodes that run how they are, all at once.
func rows(ctx context.Context, c *local.Cluster, ids []paxos.NodeID) []localNode {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	list := make([]localNode, len(ids))
	done := make(chan int)
	for i, id := range ids {
		go func() {
			list[i] = row(c, id)
			if list[i].Process == local.Running {
				h, err := c.Health(ctx, id)
				list[i].Health, list[i].Why = cmp.Or(h.Status, "silent"), h.Why
				if err != nil {
					list[i].Why = err.Error()
				}
				list[i].Leads = leads(h)
			}
			done <- i
		}()
	}
	for range ids {
		<-done
	}
	return list
}

// answerLimit is how long a node may take to say how it is.
const answerLimit = 2 * time.Second

// leads reports whether a node says that it leads.
func leads(h client.Health) bool {
	state, _ := h.State.(map[string]any)
	leading, _ := state["leading"].(bool)
	return h.Role == paxos.ProposerRole && leading
}

func (a *app) printRows(list []localNode) error {
	return a.print(list, func(line func(...any)) {
		line("NODE", "ROLE", "ADDRESS", "PROCESS", "PID", "STATE")
		for _, r := range list {
			line(r.Node, r.Role, r.Address, r.Process, dash(r.PID), r.state())
		}
	})
}

func (r localNode) state() string {
	words := []string{}
	if r.Health != "" && r.Health != "ok" {
		words = append(words, r.Health)
	}
	if r.Leads {
		words = append(words, "leads")
	}
	if r.Why != "" {
		words = append(words, r.Why)
	}
	return cmp.Or(strings.Join(words, ": "), dash(r.Health))
}

func (a *app) localStatus() *cobra.Command {
	cmd := &cobra.Command{
		Use: "status", Short: "Shows the processes of the local cluster and what they say.", Args: exactly(),
		Long:    "Shows the processes of the local cluster and what they say. See also: paxosctl status.\n\n" + aboutExits(),
		Example: "  paxosctl local status\n  paxosctl local status -o json | jq -r '.[] | select(.process != \"running\") | .node'",
	}
	a.dataFlag(cmd)
	a.outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := a.existing()
		if err != nil {
			return err
		}
		return a.printRows(rows(cmd.Context(), c, everyNode(c)))
	}
	return cmd
}

func (a *app) localDown() *cobra.Command {
	cmd := &cobra.Command{
		Use: "down", Short: "Stops all nodes of the local cluster; their data stays.", Args: exactly(),
		Long:    "Stops all nodes of the local cluster gracefully; their data stays in --data DIR.\n\n" + aboutExits(),
		Example: "  paxosctl local down\n  rm -r paxos-data    # forget everything",
	}
	a.dataFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := a.existing()
		if err != nil {
			return err
		}
		n := count(c, local.Running) + count(c, local.Paused)
		if n == 0 {
			a.note("no node is running in %s", c.Dir())
			return nil
		}
		if err := a.stopAll(cmd.Context(), c, n); err != nil {
			return err
		}
		a.note("stopped; the data stays in %s", filepath.Join(c.Dir(), "data"))
		return nil
	}
	return cmd
}

// stopAll stops all nodes, and says so.
func (a *app) stopAll(ctx context.Context, c *local.Cluster, n int) error {
	ctx, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	a.note("stopping %d nodes", n)
	return c.Stop(ctx)
}

func count(c *local.Cluster, status local.Status) int { return len(inState(c, everyNode(c), status)) }

func everyNode(c *local.Cluster) []paxos.NodeID {
	var ids []paxos.NodeID
	for _, n := range c.Nodes() {
		ids = append(ids, n.ID)
	}
	return ids
}

// inState gives those whose process is in that state.
func inState(c *local.Cluster, ids []paxos.NodeID, status local.Status) []paxos.NodeID {
	return slices.DeleteFunc(slices.Clone(ids), func(id paxos.NodeID) bool { return c.State(id).Status != status })
}
