package paxos

import "slices"

// Adoption is how a node without a disk finds out which cluster it belongs to
// and which disks vote in it: it adopts what a quorum of the configured
// acceptors states (docs/protocol.md, Initialisation). Once adopted, it stays.
type Adoption struct {
	Cluster ClusterID
	Stores  []StoreOf

	stated map[NodeID]statement
}

// statement is what one acceptor says: which cluster, and which disks vote.
type statement struct {
	cluster ClusterID
	stores  []StoreOf
}

// Done reports whether a cluster was adopted.
func (a *Adoption) Done() bool { return !a.Cluster.IsZero() }

// IsVoter reports whether store is the disk with which from became a member of
// the adopted cluster: the only disk whose votes count.
func (a *Adoption) IsVoter(from NodeID, store StoreID) bool {
	return a.Done() && store != 0 && StoreIn(a.Stores, from) == store
}

// Hear takes what an acceptor stated in the given cluster; it reports whether
// a quorum now states the same, for the first time.
func (a *Adoption) Hear(c Configuration, from NodeID, cluster ClusterID, m Surveyed) bool {
	if a.Done() || cluster.IsZero() || m.Standing != Member || !c.IsAcceptor(from) || len(m.Stores) != len(c.Acceptors) {
		return false
	}
	for _, id := range c.Acceptors {
		if StoreIn(m.Stores, id) == 0 {
			return false
		}
	}
	if a.stated == nil {
		a.stated = map[NodeID]statement{}
	}
	a.stated[from] = statement{cluster, m.Stores}
	same := 0
	for _, other := range a.stated {
		if other.cluster == cluster && slices.Equal(other.stores, m.Stores) {
			same++
		}
	}
	if same < c.Quorum() {
		return false
	}
	a.Cluster, a.Stores, a.stated = cluster, m.Stores, nil
	return true
}
