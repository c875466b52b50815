package ctl

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"paxos/internal/local"
	"paxos/paxos"
)

func no(format string, args ...any) verdict {
	return verdict{false, "NO: " + fmt.Sprintf(format, args...)}
}

// writes says whether a write can be done, and what stands in its way first.
func (e *explanation) writes() verdict {
	leader := e.leads()
	switch {
	case e.formed.sentence != "":
		return no("%s", e.formed.sentence)
	case leader == nil:
		return no("%s", e.nobodyLeads())
	case leader.hears() < e.Quorum.Needed:
		return no("%s leads, but %s", leader.ID, e.tooFew(leader.hears()))
	case e.anyFull() != "":
		return no("the disk of %s has little room left; only what frees room is taken: deletes and compaction", e.anyFull())
	case len(ready(e.Learners)) == 0:
		return no("no learner is ready, so that nobody tells whether what is sent was applied%s", whysOf(e.Learners))
	case len(ready(e.Clients)) == 0:
		return no("no client service is ready%s", whysOf(e.Clients))
	}
	return verdict{true, fmt.Sprintf("yes, through %s (ballot %d)", leader.ID, leader.role.Ballot.Number)}
}

// reads says whether a linearizable read can be done, and if not, a stale one.
func (e *explanation) reads() verdict {
	stale := "; not even with --consistency stale"
	if len(ready(e.Learners)) > 0 && len(ready(e.Clients)) > 0 {
		stale = "; with --consistency stale they are, from " + strings.Join(ready(e.Learners), ", ")
	}
	switch {
	case e.formed.lost:
		return no("%s%s", e.formed.sentence, stale)
	case e.formed.sentence != "":
		return no("%s", e.formed.sentence)
	case len(ready(e.Learners)) == 0:
		return no("no learner is ready%s", whysOf(e.Learners))
	case len(ready(e.Clients)) == 0:
		return no("no client service is ready%s", whysOf(e.Clients))
	case e.Quorum.Voting < e.Quorum.Needed:
		return no("%s%s", e.tooFew(e.Quorum.Voting), stale)
	case e.Quorum.Guessed:
		return verdict{false, fmt.Sprintf("not known: %d %s, and no proposer says of how many%s", e.Quorum.Voting, one(e.Quorum.Voting, "acceptor votes", "acceptors vote"), stale)}
	}
	yes := "yes, linearizable, from " + strings.Join(ready(e.Learners), ", ")
	if l := e.leads(); l == nil || l.hears() < e.Quorum.Needed {
		// What a quorum has accepted last must be chosen before it can be read.
		yes += ", unless the last slot was left unchosen, which takes a leader"
	}
	return verdict{true, yes}
}

// ready lists the nodes that can take their part.
func ready(list []explained) (ids []string) {
	for _, x := range list {
		if x.ready() {
			ids = append(ids, string(x.ID))
		}
	}
	return ids
}

// whysOf says of nodes that are of no use why.
func whysOf(list []explained) string {
	var texts []string
	for _, x := range list {
		if !x.ready() {
			texts = append(texts, fmt.Sprintf("%s: %s", x.ID, x.Why))
		}
	}
	if len(texts) == 0 {
		return ": there is none"
	}
	return " (" + strings.Join(texts, "; ") + ")"
}

// tooFew says how many acceptors there are, and how many are needed.
func (e *explanation) tooFew(n int) string {
	answer, need := "answer", "are"
	if n == 1 {
		answer = "answers"
	}
	for _, x := range e.Acceptors {
		if x.Health != nil && !x.votes() {
			answer += " and may vote,"
			break
		}
	}
	if e.Quorum.Needed == 1 {
		need = "is"
	}
	if e.Quorum.Guessed {
		return fmt.Sprintf("%d of the %d acceptors that are known %s and at least %d %s needed", n, len(e.Quorum.Configured), answer, e.Quorum.Needed, need)
	}
	return fmt.Sprintf("%d of %d acceptors %s and %d %s needed", n, len(e.Quorum.Configured), answer, e.Quorum.Needed, need)
}

// nobodyLeads says why no proposer leads.
func (e *explanation) nobodyLeads() string {
	hears, answer := 0, 0
	var fresh []paxos.NodeID
	for _, x := range e.Proposers {
		if x.Health != nil {
			answer++
			hears = max(hears, x.hears())
			if x.role.Fresh {
				fresh = append(fresh, x.ID)
			}
		}
	}
	switch {
	case answer == 0 && e.Quorum.Voting < e.Quorum.Needed:
		return "no proposer answers, and " + e.tooFew(e.Quorum.Voting)
	case answer == 0:
		return "no proposer answers" + whysOf(e.Proposers)
	case e.Quorum.Voting < e.Quorum.Needed:
		return e.tooFew(e.Quorum.Voting)
	case hears < e.Quorum.Needed && len(fresh) > 0:
		return fmt.Sprintf("no proposer leads; %s %s only just begun to ask the acceptors, and one should be elected any moment", joined(fresh), one(len(fresh), "has", "have"))
	case hears < e.Quorum.Needed:
		return fmt.Sprintf("%d acceptors vote, and no proposer hears more than %d of the %d that are needed: see the network between them", e.Quorum.Voting, hears, e.Quorum.Needed)
	}
	return "no proposer leads, though a quorum of acceptors answers: one should be elected any moment"
}

func (e *explanation) anyFull() string {
	var full []paxos.NodeID
	for _, x := range e.Acceptors {
		if x.full {
			full = append(full, x.ID)
		}
	}
	return joined(full)
}

// restore lists what can be done, most needed first.
func (a *app) restore(p *place, e *explanation) {
	if e.formed.init && len(silent(e.Acceptors)) == 0 {
		e.add("paxosctl init", "initialises the cluster, once and for ever")
	}
	for _, list := range [][]explained{e.Acceptors, e.Proposers, e.Learners, e.Clients} {
		a.restart(p, e, silent(list))
	}
	switch {
	case e.formed.init && len(silent(e.Acceptors)) > 0:
		e.add("paxosctl init", "then: it initialises the cluster, for which all acceptors must answer")
	case e.formed.sentence != "" && !e.formed.init && !e.formed.lost:
		e.add("", "then ask again: whether the cluster is initialised shows when a proposer and all acceptors answer")
	}
	for _, x := range e.Acceptors {
		switch {
		case x.lost:
			e.add("", e.aboutLost(p, x))
		case x.Cloned != "":
			e.add("", e.aboutClone(x))
		case x.Health != nil && x.Health.Status == "mute":
			e.add("", fmt.Sprintf("%s does not vote until a human has looked at its disk: %s", x.ID, x.Why))
		case x.full:
			e.add("paxosctl compact --keep 1", fmt.Sprintf("frees room on the disk of %s, after paxosctl del of what is not needed; both are still taken", x.ID))
		}
	}
	for _, x := range e.Learners {
		if x.role.Behind > 0 {
			e.add("", fmt.Sprintf("%s lacks slots that the acceptors have truncated: it needs the snapshot of another learner that runs, or its own directory as it was", x.ID))
		}
	}
	for i, r := range e.Restore {
		e.Restore[i].Command = a.here(r.Command)
	}
}

// silent lists the nodes that do not answer.
func silent(list []explained) (found []explained) {
	return slices.DeleteFunc(slices.Clone(list), func(x explained) bool { return x.Health != nil })
}

func (e *explanation) add(command, why string) {
	e.Restore = append(e.Restore, restoration{command, why})
}

// restart says how silent nodes of a role are started at this place; those that
// one command starts go together.
func (a *app) restart(p *place, e *explanation, dead []explained) {
	var commands []string
	whys := map[string][]string{}
	for command, ids := range a.together(p, dead) {
		for _, x := range ids {
			whys[command] = append(whys[command], fmt.Sprintf("%s: %s", x.ID, x.Why))
		}
		commands = append(commands, command)
	}
	slices.Sort(commands)
	for _, command := range commands {
		why := strings.Join(whys[command], "; ")
		switch at := slices.IndexFunc(e.Restore, func(r restoration) bool { return r.Command == command }); {
		case command == "" && p.local == nil && p.kube == nil:
			e.add("", "start "+why)
		case command == "" && p.kube != nil:
			e.add("", "ready, as Kubernetes says, and no answer: may the API server's proxy reach them (NetworkPolicies)? "+why)
		case command == "":
			e.add("", "running, and no answer: "+why)
		case at >= 0:
			e.Restore[at].Why += "; " + why
		default:
			e.add(command, why)
		}
	}
}

// together sorts silent nodes by the command that brings them back, "" for those
// that this place has none for.
func (a *app) together(p *place, dead []explained) map[string][]explained {
	kinds, byCommand := map[string][]explained{}, map[string][]explained{}
	for i, x := range dead {
		kind := x.State
		if p.kube != nil && x.State != "scaled to zero" {
			kind = fmt.Sprint(i) // each has its own trouble
		}
		if p.local == nil && p.kube == nil && !strings.Contains(x.Why, x.Address) {
			x.Why = fmt.Sprintf("%s (at %s)", x.Why, x.Address)
		}
		kinds[kind] = append(kinds[kind], x)
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		list := kinds[kind]
		var ids []paxos.NodeID
		for _, x := range list {
			ids = append(ids, x.ID)
		}
		command := a.bringBack(p, ids)
		if p.local != nil {
			command = a.startLocal(list[0].State, ids)
		}
		byCommand[command] = append(byCommand[command], list...)
	}
	return byCommand
}

// startLocal is how nodes of the local cluster in a state are brought back, "" if
// they run and only do not answer.
func (a *app) startLocal(state string, ids []paxos.NodeID) string {
	switch c, err := a.saved(); {
	case err != nil || c == nil:
		return a.localHint("up", nil)
	case state == string(local.Paused):
		return a.localHint("resume", ids)
	case state == "":
		return ""
	}
	return a.localHint("start", ids)
}

// aboutLost says what a lost disk means, and what can be done about it.
func (e *explanation) aboutLost(p *place, x explained) string {
	disk := "its own disk"
	if p.kube != nil {
		disk = fmt.Sprintf("the volume that its PersistentVolumeClaim %s had", x.ID)
	}
	text := fmt.Sprintf("%s has lost its disk, and never votes by design: it may have promised or accepted what it cannot know any more. Put back %s, the very same and no older copy of it", x.ID, disk)
	return text + e.withoutIt()
}

// aboutClone says what a disk that was rolled back or copied means. There is no
// way back for it: who refuses it cannot know what it has forgotten.
func (e *explanation) aboutClone(x explained) string {
	return fmt.Sprintf("%s's disk was rolled back or copied: %s. It may have forgotten what it promised or accepted, so its votes are refused. "+
		"Stop it, and let neither that disk nor a copy of it come back%s", x.ID, x.Cloned, e.withoutIt())
}

// withoutIt says how the others get on without an acceptor that does not vote.
func (e *explanation) withoutIt() string {
	switch {
	case e.Quorum.Guessed:
		return ""
	case e.Quorum.Voting >= e.Quorum.Needed:
		return fmt.Sprintf("; without it the others go on, and %d of them may fail", e.Quorum.Tolerated)
	case e.Quorum.Voting+len(silent(e.Acceptors)) >= e.Quorum.Needed:
		return "; without it the others may be a quorum once those that are silent answer"
	}
	return "; without it the others are no quorum"
}
