package ctl

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/spf13/cobra"

	"paxos/client"
	"paxos/internal/local"
	"paxos/paxos"
)

// explanation is why the cluster can, or cannot, be written to and read.
type explanation struct {
	Writes    verdict       `json:"writes"`
	Reads     verdict       `json:"reads"`
	Leader    paxos.NodeID  `json:"leader"`
	Quorum    quorum        `json:"quorum"`
	Acceptors []explained   `json:"acceptors"`
	Proposers []explained   `json:"proposers"`
	Learners  []explained   `json:"learners"`
	Clients   []explained   `json:"clients"`
	Restore   []restoration `json:"restore"`

	formed formation
}

// verdict is whether something can be done now, and why (not).
type verdict struct {
	Possible bool   `json:"possible"`
	Sentence string `json:"sentence"`
}

// quorum is what votes are counted against.
type quorum struct {
	Configured []paxos.NodeID `json:"configured"`
	// Guessed says that no proposer told who is configured: these are the acceptors
	// that are known, there may be others, and Needed may be more.
	Guessed bool `json:"guessed"`
	Needed  int  `json:"needed"`
	// Voting are those that say here that they vote; the leader may see fewer.
	Voting int `json:"voting"`
	// Tolerated is how many more acceptors may fail before nothing is chosen, 0
	// where that is not known.
	Tolerated int `json:"tolerated"`
}

// explained is a node: what it says, what the place knows of it, and for an
// acceptor how each proposer sees it.
type explained struct {
	nodeStatus
	// State is Kubernetes' or this machine's, "" if nothing is known of it.
	State string `json:"state,omitempty"`
	// Why says why the node is of no use now, "" if it is.
	Why    string                       `json:"why,omitempty"`
	SeenBy map[paxos.NodeID]client.Seen `json:"seen_by,omitempty"`
	// Cloned says why an acceptor's votes are refused by whoever saw that its disk
	// was rolled back or copied, "" if nobody did.
	Cloned string `json:"cloned,omitempty"`

	role roleState
	lost bool // an acceptor's disk is not the one that became a member
	full bool // the leader heard that an acceptor's disk is full
}

// restoration is something that can be done, and what for.
type restoration struct {
	Command string `json:"command,omitempty"`
	Why     string `json:"why"`
}

// roleState is what the roles' states have, as far as it is looked at here.
type roleState struct {
	Leading   bool          `json:"leading"`
	Phase     string        `json:"phase"`
	Leader    paxos.NodeID  `json:"leader"`
	Ballot    paxos.Ballot  `json:"ballot"`
	Answering int           `json:"acceptors_answering"`
	Needed    int           `json:"acceptors_needed"`
	Fresh     bool          `json:"fresh"`
	Acceptors []client.Seen `json:"acceptors"`

	Standing string       `json:"standing"`
	Promise  paxos.Ballot `json:"promise"`

	Applied paxos.Slot `json:"applied_watermark"`
	Behind  paxos.Slot `json:"behind_truncated_log"`
	Pending int        `json:"pending"`

	Clones []paxos.Clone `json:"clones"`
}

func (a *app) explain() *cobra.Command {
	cmd := &cobra.Command{
		Use: "explain", Short: "Says why the cluster can, or cannot, be written to and read right now.", Args: exactly(),
		Long: "Says why the cluster can, or cannot, be written to and read right now: how many acceptors a quorum takes, each\n" +
			"acceptor as it says itself and as each proposer sees it, who leads, and which learners and client services are\n" +
			"ready; and what would restore service, as commands for this place. The exit code is 0 when writes are possible,\n" +
			"and 5 when they are not. Where the API server of Kubernetes does not let the nodes be asked, nothing is\n" +
			"concluded: the exit code is 2 if it forbids that, and 5 if it cannot be reached.\n\n" + aboutExits(),
		Example: "  paxosctl explain\n  paxosctl explain -o json | jq -r .writes.sentence\n  paxosctl explain --context kind-paxos",
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
		looking, found := context.WithTimeout(ctx, answerLimit)
		list, err := a.nodes(looking, p)
		found()
		if err != nil {
			return err
		}
		st := examine(ctx, p, list)
		if err := st.notAsked(true); err != nil {
			return err
		}
		e := a.explanationOf(p, st)
		if err := a.printExplanation(e); err != nil {
			return err
		}
		if !e.Writes.Possible {
			return failed(ExitUnavailable, e.firstStep(), "writes: %s", e.Writes.Sentence)
		}
		return nil
	}
	return cmd
}

// firstStep is the hint of an explanation whose writes are not possible.
func (e explanation) firstStep() string {
	for _, r := range e.Restore {
		if r.Command != "" {
			return r.Command
		}
	}
	return ""
}

// explanationOf draws the conclusions from what all nodes say.
func (a *app) explanationOf(p *place, st clusterStatus) explanation {
	e := explanation{Leader: st.Leader, Restore: []restoration{}}
	byRole := map[paxos.RoleName]*[]explained{paxos.AcceptorRole: &e.Acceptors, paxos.ProposerRole: &e.Proposers,
		paxos.LearnerRole: &e.Learners, paxos.ClientRole: &e.Clients}
	for _, list := range byRole {
		*list = []explained{}
	}
	for _, n := range st.Nodes {
		x := explained{nodeStatus: n, State: p.stateOf(n.ID)}
		if n.Health != nil {
			// Whoever answers something else is no node of ours.
			text, err := json.Marshal(n.Health.State)
			if err == nil {
				err = json.Unmarshal(text, &x.role)
			}
			if x.Why = n.Health.Why; err != nil {
				x.Why = "its state cannot be read: " + err.Error()
			}
		} else if x.Why = n.Problem; x.State != "" {
			x.Why = x.State
		}
		if list := byRole[n.Role]; list != nil {
			*list = append(*list, x)
		}
	}
	e.matrix(p)
	e.judgeClones()
	e.count()
	e.judgeDisks()
	e.form()
	e.Writes, e.Reads = e.writes(), e.reads()
	a.restore(p, &e)
	return e
}

// stateOf is what this machine, or Kubernetes, says of a node that may be silent.
func (p *place) stateOf(id paxos.NodeID) string {
	switch {
	case p.kube != nil:
		if n := p.kube.Node(string(id)); !n.Up() {
			return n.State()
		}
	case p.local != nil:
		if st := p.local.State(id); st.Status != local.Running {
			return string(st.Status)
		}
	}
	return ""
}

// matrix gives each acceptor what the proposers say of it, and adds those that
// are configured and were not found.
func (e *explanation) matrix(p *place) {
	for _, proposer := range e.Proposers {
		for _, seen := range proposer.role.Acceptors {
			if !slices.Contains(e.Quorum.Configured, seen.Node) {
				e.Quorum.Configured = append(e.Quorum.Configured, seen.Node)
			}
			at := slices.IndexFunc(e.Acceptors, func(x explained) bool { return x.ID == seen.Node })
			if at < 0 {
				at = len(e.Acceptors)
				const nowhere = "nobody knows where it is"
				e.Acceptors = append(e.Acceptors, explained{Why: nowhere,
					nodeStatus: nodeStatus{target: target{ID: seen.Node, Role: paxos.AcceptorRole}, Problem: nowhere}})
			}
			x := &e.Acceptors[at]
			if x.SeenBy == nil {
				x.SeenBy = map[paxos.NodeID]client.Seen{}
			}
			x.SeenBy[proposer.ID] = seen
		}
	}
	if e.Quorum.Configured != nil {
		return
	}
	// No proposer tells who is configured: those that are known are the best guess.
	// On this machine they are those that its nodes were configured with.
	e.Quorum.Configured, e.Quorum.Guessed = []paxos.NodeID{}, p.local == nil
	for _, x := range e.Acceptors {
		e.Quorum.Configured = append(e.Quorum.Configured, x.ID)
	}
}

// judgeClones marks the acceptors whose words a proposer or a learner refuses.
// They do not know it themselves.
func (e *explanation) judgeClones() {
	for i := range e.Acceptors {
		x := &e.Acceptors[i]
		for _, proposer := range e.Proposers {
			x.Cloned = cmp.Or(x.Cloned, x.SeenBy[proposer.ID].Cloned)
		}
		for _, learner := range e.Learners {
			for _, c := range learner.role.Clones {
				if c.Node == x.ID {
					x.Cloned = cmp.Or(x.Cloned, c.Why)
				}
			}
		}
		if x.Cloned != "" && x.Health != nil {
			x.Why = "its disk was rolled back or copied"
		}
	}
}

// votes reports whether an acceptor says that it votes, and is believed.
func (x explained) votes() bool { return x.Health != nil && x.Health.Status == "ok" && x.Cloned == "" }

// ready reports whether a node says that it can take its part.
func (x explained) ready() bool { return x.Health != nil && x.Health.Status == "ok" }

// judgeDisks marks the acceptors whose disks are lost or full. Of full ones only
// who leads is believed: it asks for room, and what others say is older.
func (e *explanation) judgeDisks() {
	leader := e.leads()
	for i := range e.Acceptors {
		x := &e.Acceptors[i]
		x.lost = x.Health != nil && x.Health.Status == "mute" && (x.role.Standing == "blank" || x.role.Standing == "forming")
		if leader != nil {
			seen := x.SeenBy[leader.ID]
			x.full = seen.Full && seen.Answering
		}
	}
}

func (e *explanation) count() {
	e.Quorum.Needed = len(e.Quorum.Configured)/2 + 1
	for _, proposer := range e.Proposers {
		if proposer.role.Needed > 0 {
			e.Quorum.Needed = proposer.role.Needed
		}
	}
	for _, x := range e.Acceptors {
		if x.votes() && slices.Contains(e.Quorum.Configured, x.ID) {
			e.Quorum.Voting++
		}
	}
	hears := e.Quorum.Voting
	if l := e.leads(); l != nil {
		hears = l.hears()
	}
	if !e.Quorum.Guessed {
		e.Quorum.Tolerated = max(0, hears-e.Quorum.Needed)
	}
}

// hears is how many acceptors answer a proposer and may vote. One that does not
// lead counts those that it hears of now: what it says itself may be from when it
// led, or from its start.
func (x explained) hears() int {
	if x.role.Leading {
		return x.role.Answering
	}
	n := 0
	for _, seen := range x.role.Acceptors {
		if seen.Answering {
			n++
		}
	}
	return n
}

// leads gives the proposer that leads, nil if none does.
func (e *explanation) leads() *explained {
	for i, x := range e.Proposers {
		if x.ID == e.Leader && x.Health != nil && x.role.Leading {
			return &e.Proposers[i]
		}
	}
	return nil
}
