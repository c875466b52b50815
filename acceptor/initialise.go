package acceptor

import (
	"fmt"
	"slices"

	"paxos/paxos"
)

// Initialisation (docs/protocol.md): the first acceptor of the configuration alone
// draws the cluster id. It asks where all others stand; if all are blank it
// writes "forming"; when all have formed it becomes a member and enrolls the
// others. Each step is durable before it is told, so that a crash half-way
// resumes. A blank disk beside a member is a lost disk, and stays blank.

// Ticks between two askings, and how long an Init may wait for its answer.
const (
	askEvery       = 20
	askAsMember    = 500
	firstAskMember = 100
	initPatience   = 100
)

// initialisation is the volatile part: it is rebuilt by asking again.
type initialisation struct {
	asked   bool // somebody asked for initialisation in this start
	waiting []waiter
	stands  map[paxos.NodeID]paxos.Formed // what the others said last
	ticks   int
	lost    string // why a blank disk may not be initialised
}

type waiter struct {
	asker paxos.NodeID
	since int
}

// first is the acceptor that draws the cluster id: the first in the order of
// ids, so that two configurations that list the same acceptors agree on it.
func (a *Acceptor) first() paxos.NodeID { return slices.Min(a.cfg.Configuration.Acceptors) }

func (a *Acceptor) others() []paxos.NodeID {
	return slices.DeleteFunc(slices.Clone(a.cfg.Configuration.Acceptors),
		func(id paxos.NodeID) bool { return id == a.cfg.Node })
}

// initialise takes an Init from a person, or from the acceptor that was asked.
func (a *Acceptor) initialise(from paxos.NodeID) {
	switch {
	case a.identity.Standing == paxos.Member:
		a.send(from, paxos.Initialised{Progress: paxos.InitAlready, Cluster: a.identity.Cluster})
	case a.mute != "" || a.init.lost != "":
		a.send(from, paxos.Initialised{Progress: paxos.InitRefused, Cluster: a.identity.Cluster, Why: a.Why()})
	case a.cfg.Node != a.first():
		a.init.waiting = append(a.init.waiting, waiter{from, a.init.ticks})
		a.send(a.first(), paxos.Init{})
	default:
		a.init.waiting = append(a.init.waiting, waiter{from, a.init.ticks})
		a.init.asked = true
		a.init.stands = map[paxos.NodeID]paxos.Formed{}
		a.ask()
		a.advance()
	}
}

// initialised passes the first acceptor's answer on to those who asked here.
func (a *Acceptor) initialised(m paxos.Initialised) { a.answerInit(m) }

func (a *Acceptor) answerInit(m paxos.Initialised) {
	for _, w := range a.init.waiting {
		a.send(w.asker, m)
	}
	a.init.waiting = nil
}

// ask asks the others where they stand or, once the cluster id is drawn, asks
// them to form or enrolls them.
func (a *Acceptor) ask() {
	for _, id := range a.others() {
		stand, known := a.init.stands[id]
		leads := a.cfg.Node == a.first()
		switch {
		case leads && a.identity.Standing == paxos.Member:
			if !known || stand.Standing != paxos.Member {
				a.send(id, paxos.Enroll{NewCluster: a.identity.Cluster, Stores: a.identity.Stores})
			}
		case leads && a.identity.Standing == paxos.Forming:
			a.send(id, paxos.Form{NewCluster: a.identity.Cluster, NewConfig: a.identity.Config})
		case a.identity.Standing != paxos.Member:
			a.whereDoYouStand(id)
		}
	}
}

func (a *Acceptor) whereDoYouStand(id paxos.NodeID) {
	a.send(id, paxos.Form{NewConfig: a.cfg.Configuration})
}

func (a *Acceptor) tickInitialisation() {
	a.init.ticks++
	if a.init.ticks%askEvery == 1 && a.mute == "" {
		a.ask()
	}
	if a.identity.Standing == paxos.Member && a.init.ticks%askAsMember == firstAskMember {
		// A member asks now and then too: its disk may be another cluster's.
		for _, id := range a.others() {
			a.whereDoYouStand(id)
		}
	}
	expired := slices.ContainsFunc(a.init.waiting, func(w waiter) bool { return a.init.ticks-w.since >= initPatience })
	if expired {
		a.answerInit(paxos.Initialised{Progress: paxos.InitForming, Cluster: a.identity.Cluster, Waiting: a.missing()})
	}
}

// missing lists the acceptors that did not do yet what is asked of them.
func (a *Acceptor) missing() []paxos.NodeID {
	if a.cfg.Node != a.first() {
		return []paxos.NodeID{a.first()}
	}
	return slices.DeleteFunc(a.others(), func(id paxos.NodeID) bool {
		stand, ok := a.init.stands[id]
		if a.identity.Standing == paxos.Forming {
			return ok && stand.Standing == paxos.Forming && stand.Current == a.identity.Cluster
		}
		return ok && stand.Standing != paxos.Mute
	})
}

// form answers where this acceptor stands; a blank one that the first acceptor
// asks for a new cluster becomes forming.
func (a *Acceptor) form(from paxos.NodeID, m paxos.Form) {
	fresh := a.identity.Standing == paxos.Blank && a.mute == "" && a.init.lost == ""
	if !m.NewCluster.IsZero() && from == a.first() && from != a.cfg.Node && fresh && m.NewConfig.Stamp() == a.cfg.Configuration.Stamp() {
		a.become(paxos.Identity{Standing: paxos.Forming, Cluster: m.NewCluster, Node: a.cfg.Node,
			Store: a.cfg.FreshStore, Config: a.cfg.Configuration})
	}
	a.sendStand(from)
	if a.cfg.Node == a.first() && a.identity.Standing == paxos.Member && m.NewCluster.IsZero() {
		// It asks because it is not a member: its Enroll was lost, or its disk.
		a.send(from, paxos.Enroll{NewCluster: a.identity.Cluster, Stores: a.identity.Stores})
	}
}

func (a *Acceptor) sendStand(to paxos.NodeID) {
	a.send(to, paxos.Formed{Standing: a.standing(), Current: a.identity.Cluster, Store: a.identity.Store})
}

// formed takes what another acceptor says of itself.
func (a *Acceptor) formed(from paxos.NodeID, m paxos.Formed) {
	if !a.cfg.Configuration.IsAcceptor(from) || from == a.cfg.Node {
		return
	}
	if a.init.stands == nil {
		a.init.stands = map[paxos.NodeID]paxos.Formed{}
	}
	a.init.stands[from] = m
	a.advance()
}

// advance takes the next step of the initialisation, if all it needs is known.
func (a *Acceptor) advance() {
	a.checkLost()
	if a.cfg.Node != a.first() || a.mute != "" || a.init.lost != "" {
		return
	}
	if a.identity.Standing == paxos.Blank && a.init.asked && len(a.missing()) == 0 {
		a.become(paxos.Identity{Standing: paxos.Forming, Cluster: a.cfg.FreshCluster, Node: a.cfg.Node,
			Store: a.cfg.FreshStore, Config: a.cfg.Configuration})
		a.ask()
	}
	if a.identity.Standing == paxos.Forming && len(a.missing()) == 0 {
		next := a.identity
		next.Standing, next.Stores = paxos.Member, a.stores()
		a.become(next)
		a.answerInit(paxos.Initialised{Progress: paxos.InitDone, Cluster: next.Cluster})
		a.ask()
	}
}

// stores lists the disks that have formed, this one's included.
func (a *Acceptor) stores() []paxos.StoreOf {
	var stores []paxos.StoreOf
	for _, id := range a.cfg.Configuration.Acceptors {
		store := a.init.stands[id].Store
		if id == a.cfg.Node {
			store = a.identity.Store
		}
		stores = append(stores, paxos.StoreOf{Acceptor: id, Store: store})
	}
	return stores
}

// checkLost compares this disk with what the others say of theirs. A blank
// disk beside a forming or member one, at the acceptor that alone may draw the
// cluster id, was lost; so was a blank or forming one that the members do not
// know.
func (a *Acceptor) checkLost() {
	if a.identity.Standing == paxos.Member {
		a.checkStranger()
		return
	}
	for _, id := range a.others() {
		m, known := a.init.stands[id]
		blank := a.identity.Standing == paxos.Blank
		switch {
		case !known || m.Standing == paxos.Blank:
		case m.Standing == paxos.Mute:
			a.answerInit(paxos.Initialised{Progress: paxos.InitRefused, Cluster: m.Current,
				Why: fmt.Sprintf("%s may not vote (its /health says why), and no cluster is made without it", id)})
		case blank && m.Standing == paxos.Member:
			a.loses(fmt.Sprintf("this disk is blank, and %s is a member of cluster %s: a lost disk never votes", id, m.Current))
		case blank && a.cfg.Node == a.first():
			a.loses(fmt.Sprintf("this disk is blank, and %s is forming cluster %s, which only this acceptor can have drawn: a lost disk never votes; if no other acceptor is a member, empty the data directories of all acceptors and initialise again", id, m.Current))
		case !blank && m.Current != a.identity.Cluster:
			a.loses(fmt.Sprintf("this disk is forming cluster %s, and %s belongs to cluster %s", a.identity.Cluster, id, m.Current))
		}
	}
}

// checkStranger finds out that this disk is a member of another cluster than a
// quorum of the acceptors beside it. One alone may be the stranger itself.
func (a *Acceptor) checkStranger() {
	elsewhere := map[paxos.ClusterID]int{}
	for _, id := range a.others() {
		m, known := a.init.stands[id]
		if !known || m.Standing != paxos.Member || m.Current == a.identity.Cluster {
			continue
		}
		if elsewhere[m.Current]++; elsewhere[m.Current] >= a.cfg.Configuration.Quorum() {
			a.loses(fmt.Sprintf("this disk is a member of cluster %s, and a quorum of the acceptors are members of cluster %s", a.identity.Cluster, m.Current))
		}
	}
}

func (a *Acceptor) loses(why string) {
	if a.init.lost != "" {
		return
	}
	a.init.lost = why
	a.event(paxos.Event{Kind: paxos.EventStanding, Reason: paxos.NotMember})
	a.answerInit(paxos.Initialised{Progress: paxos.InitRefused, Cluster: a.identity.Cluster, Why: why})
}

// enroll makes a forming acceptor a member, if the cluster knows this disk.
func (a *Acceptor) enroll(from paxos.NodeID, m paxos.Enroll) {
	known := from == a.first() && a.mute == "" && m.NewCluster == a.identity.Cluster &&
		paxos.StoreIn(m.Stores, a.cfg.Node) == a.identity.Store
	switch {
	case a.identity.Standing == paxos.Forming && known:
		next := a.identity
		next.Standing, next.Stores = paxos.Member, m.Stores
		a.become(next)
		a.answerInit(paxos.Initialised{Progress: paxos.InitDone, Cluster: next.Cluster})
	case a.identity.Standing != paxos.Member && a.mute == "" && from == a.first():
		a.loses(fmt.Sprintf("%s has made cluster %s with another disk of this acceptor: a lost disk never votes", from, m.NewCluster))
	}
	a.sendStand(from)
}

// become changes the identity; the record is durable before anything that
// this turn says.
func (a *Acceptor) become(id paxos.Identity) {
	a.identity = id
	a.init.lost = ""
	a.persist(paxos.IdentityRecord{Identity: id})
	a.event(paxos.Event{Kind: paxos.EventStanding})
}

// standing is what this acceptor tells others of its disk.
func (a *Acceptor) standing() paxos.Standing {
	if a.mute != "" || a.init.lost != "" && a.identity.Standing == paxos.Member {
		return paxos.Mute
	}
	return a.identity.Standing
}

// Why says in a sentence why this acceptor does not vote, "" if it does.
func (a *Acceptor) Why() string {
	switch {
	case a.mute != "":
		return a.mute
	case a.init.lost != "":
		return a.init.lost
	case a.identity.Standing == paxos.Blank:
		return "the disk is blank: waiting for the cluster to be initialised (paxosctl init)"
	case a.identity.Standing == paxos.Forming:
		return "the cluster is being formed: waiting for all acceptors of the configuration"
	}
	return ""
}

// Silenced reports whether this acceptor may not vote until a human has looked
// at it: its disk is damaged, foreign or lost. One that waits for
// initialisation is not silenced.
func (a *Acceptor) Silenced() bool { return a.mute != "" || a.init.lost != "" }

// Status is an acceptor's inner state, for /view-logs and /health.
type Status struct {
	Standing paxos.Standing  `json:"standing"`
	Why      string          `json:"why"`
	Cluster  paxos.ClusterID `json:"cluster"`
	Store    paxos.StoreID   `json:"store"`
	Life     paxos.Life      `json:"life"`
	Promise  paxos.Ballot    `json:"promise"`
	Accepted int             `json:"accepted"`
	Highest  paxos.Slot      `json:"highest"`
	Chosen   paxos.Slot      `json:"chosen_watermark"`
	Floor    paxos.Slot      `json:"floor"`
	Led      paxos.Ballot    `json:"led"`
	Silent   uint32          `json:"silent_ticks"`
}

// Status gives the inner state.
func (a *Acceptor) Status() Status {
	return Status{
		Standing: a.standing(), Why: a.Why(), Cluster: a.identity.Cluster, Store: a.identity.Store, Life: a.life(),
		Promise: a.promise, Accepted: len(a.accepted), Highest: a.highest, Chosen: a.chosen, Floor: a.floor,
		Led: a.led, Silent: a.silent,
	}
}
