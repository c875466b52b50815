package acceptor_test

import (
	"errors"
	"fmt"

	"paxos/acceptor"
	"paxos/paxos"
)

// town is a set of acceptors, their disks and the mail between them. What an
// acceptor says leaves only when what it wrote is on its disk.
type town struct {
	config paxos.Configuration
	nodes  map[paxos.NodeID]*acceptor.Acceptor
	disks  map[paxos.NodeID]*disk
	mute   map[paxos.NodeID]string
	mail   []paxos.Envelope
	starts int // draws fresh ids

	answers []paxos.Initialised // what those who asked for init were told
	// voters are the disks that ever became members.
	voters map[paxos.NodeID]paxos.StoreID
	member paxos.ClusterID
	// writes counts records; before the crashAt-th and after it the power fails.
	writes   int
	crashAt  int
	halfWay  bool // the crash lies between the write and the sending
	failures []error
}

func newTown(ids ...paxos.NodeID) *town {
	w := &town{
		config: paxos.Configuration{Acceptors: ids}, nodes: map[paxos.NodeID]*acceptor.Acceptor{}, disks: map[paxos.NodeID]*disk{},
		mute: map[paxos.NodeID]string{}, voters: map[paxos.NodeID]paxos.StoreID{}, crashAt: -1,
	}
	for _, id := range ids {
		w.disks[id] = &disk{}
		w.start(id)
	}
	return w
}

// start starts an acceptor, or starts it again, with what its disk holds.
func (w *town) start(id paxos.NodeID) {
	w.starts++
	cfg := acceptor.Config{Node: id, Configuration: w.config, FreshCluster: paxos.ClusterID{byte(w.starts), 7},
		FreshStore: paxos.StoreID(w.starts), PageBytes: 1000, Mute: w.mute[id]}
	a, err := w.disks[id].start(cfg)
	if err != nil {
		w.failures = append(w.failures, err)
	}
	w.nodes[id] = a
}

// loseDisk gives an acceptor an empty disk.
func (w *town) loseDisk(id paxos.NodeID) {
	w.disks[id] = &disk{}
	w.start(id)
}

func (w *town) take(id paxos.NodeID, out paxos.Effects) {
	for range out.Persist {
		w.writes++
		if w.writes == w.crashAt {
			if w.halfWay {
				w.disks[id].write(out.Persist)
			}
			w.start(id)
			return
		}
	}
	w.disks[id].write(out.Persist)
	if got := w.disks[id].identity; got.Standing == paxos.Member {
		w.joined(id, got)
	}
	for _, e := range out.Send {
		if err := w.disks[id].covers(e); err != nil {
			w.failures = append(w.failures, err)
		}
		if m, ok := e.Message.(paxos.Initialised); ok && w.disks[e.To] == nil {
			w.answers = append(w.answers, m)
			continue
		}
		w.mail = append(w.mail, e)
	}
}

// joined checks the invariants of initialisation at a disk that is a member.
func (w *town) joined(id paxos.NodeID, got paxos.Identity) {
	if w.member.IsZero() {
		w.member = got.Cluster
	}
	if got.Cluster != w.member {
		w.failures = append(w.failures, fmt.Errorf("%s is a member of %v, others are of %v", id, got.Cluster, w.member))
	}
	if before, ok := w.voters[id]; ok && before != got.Store {
		w.failures = append(w.failures, fmt.Errorf("%s votes with disk %v, and voted with %v", id, got.Store, before))
	}
	w.voters[id] = got.Store
	for _, s := range got.Stores {
		if voter, ok := w.voters[s.Acceptor]; ok && voter != s.Store {
			w.failures = append(w.failures, fmt.Errorf("%s thinks that %s votes with disk %v, not %v", id, s.Acceptor, s.Store, voter))
		}
	}
}

func (w *town) deliver(e paxos.Envelope) {
	a := w.nodes[e.To]
	if a == nil || a.Header().Check(e) != nil {
		return
	}
	w.take(e.To, a.Step(e))
}

// settle delivers all mail in order, also that which delivering brings forth.
func (w *town) settle() {
	for n := 0; len(w.mail) > 0; n++ {
		if n > 5000 {
			w.failures = append(w.failures, errors.New("the mail never ends"))
			return
		}
		e := w.mail[0]
		w.mail = w.mail[1:]
		w.deliver(e)
	}
}

// pass lets time pass, with nothing lost.
func (w *town) pass(ticks int) {
	for range ticks {
		for _, id := range w.config.Acceptors {
			w.take(id, w.nodes[id].Tick())
		}
		w.settle()
	}
}

// ask is a person who asks an acceptor to initialise the cluster.
func (w *town) ask(id paxos.NodeID) {
	w.deliver(paxos.Envelope{From: "person", To: id, Config: w.config.Stamp(), Message: paxos.Init{}})
}

func (w *town) standings() (list []paxos.Standing) {
	for _, id := range w.config.Acceptors {
		list = append(list, w.nodes[id].Status().Standing)
	}
	return list
}

// complete says why not all are members of one cluster with the same disks.
func (w *town) complete() error {
	for _, id := range w.config.Acceptors {
		got := w.disks[id].identity
		if got.Standing != paxos.Member || w.nodes[id].Why() != "" {
			return fmt.Errorf("%s is %v: %s", id, got.Standing, w.nodes[id].Why())
		}
		for _, other := range w.config.Acceptors {
			if paxos.StoreIn(got.Stores, other) != w.disks[other].identity.Store {
				return fmt.Errorf("%s does not know the disk of %s", id, other)
			}
		}
	}
	return errors.Join(w.failures...)
}
