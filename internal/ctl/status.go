package ctl

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"paxos/client"
	"paxos/paxos"
)

// nodeStatus is a node and what it says of itself.
type nodeStatus struct {
	target
	// Health is nil for a node that does not answer; Problem says why.
	Health  *client.Health `json:"health"`
	Problem string         `json:"problem,omitempty"`

	err error // that it is told by
}

// clusterStatus is all nodes, and who leads.
type clusterStatus struct {
	Leader paxos.NodeID `json:"leader"`
	Nodes  []nodeStatus `json:"nodes"`
}

func (a *app) status() *cobra.Command {
	cmd := &cobra.Command{
		Use: "status", Short: "Shows every node: its health, its role's state, and who leads.", Args: exactly(),
		Long: "Shows every node: its health, its role's state, and who leads; those that do not answer too. Every slot\n" +
			"below a node's watermark is chosen, at learners and clients applied too. The exit code is 5 when no\nproposer leads, which means that nothing can be sent, and when no learner is ready, which means that nothing\nis answered.\n\n" + aboutExits(),
		Example: "  paxosctl status\n  paxosctl status -o json | jq -r .leader",
	}
	a.proposersFlag(cmd)
	a.acceptorsFlag(cmd)
	a.remoteFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, p, leave, err := a.reach(cmd)
		if err != nil {
			return err
		}
		defer leave()
		list, err := a.nodes(ctx, p)
		if err != nil {
			return err
		}
		st := examine(ctx, p, list)
		if err := st.notAsked(false); err != nil {
			return err
		}
		if err := a.printStatus(st); err != nil {
			return err
		}
		return a.useless(st)
	}
	return cmd
}

// useless is the error of a cluster that is of no use, nil for one that is: what
// is missing, what follows from it, and how it is mended.
func (a *app) useless(st clusterStatus) error {
	ready := slices.ContainsFunc(st.Nodes, func(n nodeStatus) bool {
		return n.Role == paxos.LearnerRole && n.Health != nil && n.Health.Status == "ok"
	})
	var dead []paxos.NodeID
	for _, n := range st.Nodes {
		if n.Role == paxos.LearnerRole && n.Health == nil {
			dead = append(dead, n.ID)
		}
	}
	hint := "start a learner; paxosctl members shows who is there"
	if line := a.bringBack(a.spokenTo, dead); line != "" {
		hint = line
	}
	const unread = "no learner is ready: nothing can be read, and nobody tells whether what is sent was applied"
	const unsent = "no proposer leads: nothing can be sent"
	switch {
	case st.Leader == "" && !ready:
		return failed(ExitUnavailable, "a quorum of acceptors and one proposer are needed; "+hint, "%s; %s", unsent, unread)
	case st.Leader == "":
		return failed(ExitUnavailable, "a quorum of acceptors and one proposer are needed; paxosctl explain tells what is missing", "%s", unsent)
	case !ready && len(dead) == 0:
		return failed(ExitUnavailable, "they say above what they wait for", "%s", unread)
	case !ready:
		return failed(ExitUnavailable, hint, "%s", unread)
	}
	return nil
}

// examine asks every node for its health, all at once.
func examine(ctx context.Context, p *place, list []target) clusterStatus {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	st := clusterStatus{Nodes: make([]nodeStatus, len(list))}
	done := make(chan struct{})
	for i, t := range list {
		go func() {
			st.Nodes[i] = ask(ctx, p, t)
			done <- struct{}{}
		}()
	}
	for range list {
		<-done
	}
	var best paxos.Number
	for _, n := range st.Nodes {
		// A leader that was cut off may not have noticed yet: the higher ballot.
		if n.Health != nil && leads(*n.Health) && ballot(*n.Health) >= best {
			st.Leader, best = n.ID, ballot(*n.Health)
		}
	}
	return st
}

func ask(ctx context.Context, p *place, t target) nodeStatus {
	h, err := p.Health(ctx, t.Address)
	switch {
	case err != nil:
		sentence, _ := explain(err)
		if p.kube != nil {
			if n := p.kube.Node(string(t.ID)); !n.Up() {
				sentence = n.State()
			}
		}
		return nodeStatus{target: t, Problem: sentence, err: err}
	case h.Node != t.ID:
		return nodeStatus{target: t, Problem: fmt.Sprintf("%s answers there", h.Node)}
	}
	return nodeStatus{target: t, Health: &h}
}

func ballot(h client.Health) paxos.Number {
	state, _ := h.State.(map[string]any)
	b, _ := state["ballot"].(map[string]any)
	n, _ := paxos.ParseUint(fmt.Sprint(b["number"]))
	return paxos.Number(n)
}

func (a *app) printStatus(st clusterStatus) error {
	return a.print(st, func(row func(...any)) {
		row("NODE", "ADDRESS", "GOSSIP", "HEALTH", "WATERMARK", "STATE")
		for _, n := range st.Nodes {
			if n.Health == nil {
				row(n.ID, n.Address, dash(n.Gossip), "silent", "-", n.Problem)
				continue
			}
			row(n.ID, n.Address, dash(n.Gossip), n.Health.Status, n.watermark(), n.words())
		}
	})
}

// field gives a field of the role's state as text, "" if there is none.
func (n nodeStatus) field(name string) string {
	state, _ := n.Health.State.(map[string]any)
	if v, ok := state[name]; ok && v != nil {
		return fmt.Sprint(v)
	}
	return ""
}

// watermark is how far the log is chosen or applied, as the role counts it.
func (n nodeStatus) watermark() string {
	return cmp.Or(n.field("applied_watermark"), n.field("chosen_watermark"), "-")
}

// words is a role's state in a few words.
func (n nodeStatus) words() string {
	if n.Health.Why != "" {
		return n.Health.Why
	}
	switch n.Role {
	case paxos.ProposerRole:
		if leads(*n.Health) {
			answer, need := "acceptors answer", "are"
			if n.field("acceptors_answering") == "1" {
				answer = "acceptor answers"
			}
			if n.field("acceptors_needed") == "1" {
				need = "is"
			}
			return fmt.Sprintf("leads with ballot %d; %s %s, %s %s needed", ballot(*n.Health), n.field("acceptors_answering"), answer, n.field("acceptors_needed"), need)
		}
		return "follows " + cmp.Or(n.field("leader"), "nobody")
	case paxos.AcceptorRole:
		return fmt.Sprintf("%s, %s slots accepted, highest %s", n.field("standing"), n.field("accepted"), n.field("highest"))
	case paxos.ClientRole:
		return fmt.Sprintf("%s pending, sends to %s", n.field("pending"), cmp.Or(n.field("leader"), "whoever leads"))
	}
	return "applies"
}
