package audit

import (
	"slices"

	"paxos/paxos"
)

func sameIdentity(a, b *paxos.Identity) bool {
	return a.Standing == b.Standing && a.Cluster == b.Cluster && a.Node == b.Node && a.Store == b.Store && slices.Equal(a.Stores, b.Stores)
}

// wroteIdentity judges an identity that is written: a cluster has one id and
// one list of disks, an acceptor one disk as a member (identity).
func (j *Judge) wroteIdentity(p *process, a *acceptor, id paxos.Identity) {
	old := a.identity
	a.identity, a.standing = id, id.Standing
	a.identities = append(a.identities, id)
	if id.Node != a.id {
		j.object(Identity, p, 0, "writes the identity of %s", id.Node)
	}
	if id.Config.Stamp() != j.stamp {
		j.object(Identity, p, 0, "writes an identity for the acceptors %v", id.Config.Acceptors)
	}
	if old.Standing == paxos.Member {
		j.object(Identity, p, 0, "was a member with the disk %v and writes another identity, %v with the disk %v", old.Store, id.Standing, id.Store)
	}
	if id.Standing != paxos.Member {
		return
	}
	if id.Store == 0 || paxos.StoreIn(id.Stores, a.id) != id.Store {
		j.object(Identity, p, 0, "becomes a member with the disk %v, which is not among the members' disks", id.Store)
	}
	switch m := j.member; {
	case m == nil:
		j.member = &id
	case m.Cluster != id.Cluster:
		j.object(Identity, p, 0, "becomes a member of cluster %v, and %s is one of cluster %v", id.Cluster, m.Node, m.Cluster)
	case !slices.Equal(m.Stores, id.Stores):
		j.object(Identity, p, 0, "becomes a member beside other disks than %s", m.Node)
	}
}

// claimed judges what an acceptor says of itself: it was on disk at some moment
// of the turn (identity). Who says that it may not vote claims nothing, and is
// held to it from the next turn on.
func (j *Judge) claimed(p *process, standing paxos.Standing, is func(*paxos.Identity) bool) bool {
	a := p.node.acceptor
	switch {
	case a == nil:
		j.object(Identity, p, 0, "is no acceptor and says that it is %v", standing)
		return false
	case standing == paxos.Blank || standing == paxos.Mute:
		a.lowered, a.lowers = standing, true
		return false
	}
	for i := range a.identities {
		if id := &a.identities[i]; id.Standing == standing && is(id) {
			return a.standing == paxos.Member
		}
	}
	j.object(Identity, p, 0, "says that it is %v, of a cluster or with disks that are not in its identity (%v of cluster %v with the disk %v)", standing, a.identity.Standing, a.identity.Cluster, a.identity.Store)
	return false
}

func (j *Judge) saidSurveyed(p *process, cluster paxos.ClusterID, m paxos.Surveyed) {
	member := j.claimed(p, m.Standing, func(id *paxos.Identity) bool {
		return id.Cluster == cluster && id.Store == m.Store && slices.Equal(id.Stores, m.Stores)
	})
	if member && m.Standing == paxos.Member {
		a := p.node.acceptor
		j.promised(p, a, m.Promise)
		j.saidFloor(p, a, m.Floor)
		j.claim(p, hintClaim, m.Chosen)
	}
}

func (j *Judge) saidFormed(p *process, m paxos.Formed) {
	j.claimed(p, m.Standing, func(id *paxos.Identity) bool { return id.Cluster == m.Current && id.Store == m.Store })
}

// speaks judges that who speaks as a voter may: a member does, with the disk
// with which it became one (no-vote).
func (j *Judge) speaks(p *process, store paxos.StoreID, does string) bool {
	a := p.node.acceptor
	switch {
	case a == nil:
		j.object(NoVote, p, 0, "%s and is no acceptor", does)
		return false
	case a.standing != paxos.Member:
		j.object(NoVote, p, 0, "%s as an acceptor that is %v", does, a.standing)
		return false
	case a.identity.Store != store:
		j.object(NoVote, p, 0, "%s with the disk %v, and its own is %v", does, store, a.identity.Store)
		return false
	}
	return true
}
