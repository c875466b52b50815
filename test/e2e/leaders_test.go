package e2e

import (
	"fmt"
	"strings"
	"time"

	core "k8s.io/api/core/v1"

	"paxos/client"
	"paxos/paxos"
)

// leaderDeleted: the leader's pod is deleted without grace, under load.
func leaderDeleted(w *world) {
	l, c := w.write(4), w.count(2)
	l.goesOn(50)
	old := w.leader()
	pod, _, ok := w.pod(old.Node)
	if !ok {
		w.t.Fatalf("%s leads and has no pod that is ready", old.Node)
	}
	began := time.Now()
	w.kubectl("delete", "pod", pod.Name, "--grace-period=0", "--force")
	var now client.Leader
	w.since(began, 3*time.Second, "another leads", func() bool {
		var leads bool
		now, leads = w.leading()
		return leads && old.Ballot.Less(now.Ballot)
	})
	w.t.Logf("%s led with ballot %v, %s leads with ballot %v", old.Node, old.Ballot, now.Node, now.Ballot)
	l.goesOn(50)
	w.returns(pod)
	l.end()
	c.end()
	w.judge()
}

// returns waits until a node whose pod was deleted is back, at another address,
// and used there: the others know it there, and the acceptors answer it.
func (w *world) returns(old core.Pod) {
	w.t.Helper()
	id := paxos.NodeID(old.Labels["app"])
	var pod core.Pod
	var ready time.Time
	w.within(podLimit, fmt.Sprintf("%s has another pod, which is ready", id), func() bool {
		var ok bool
		pod, ready, ok = w.pod(id)
		return ok && pod.UID != old.UID
	})
	if pod.Status.PodIP == old.Status.PodIP {
		w.t.Errorf("%s has the address %s again: nothing is shown", id, pod.Status.PodIP)
	}
	w.since(ready, 5*time.Second, fmt.Sprintf("%s is used at %s instead of %s, from ready on", id, pod.Status.PodIP, old.Status.PodIP), func() bool {
		var l client.Leader
		if get(id, "/leader", &l) != 200 || l.Leader == "" || l.Answering != len(of(paxos.AcceptorRole)) {
			return false
		}
		for _, other := range ids {
			if other != id && !w.knows(other, id, pod.Status.PodIP) {
				return false
			}
		}
		return true
	})
}

// knows reports whether a node's gossip has another one at an address, alive.
func (w *world) knows(node, other paxos.NodeID, ip string) bool {
	var m client.Members
	if get(node, "/gossip/nodes", &m) != 200 {
		return false
	}
	for _, member := range m.Members {
		if member.ID == other {
			return member.State == "alive" && member.REST == fmt.Sprintf("%s:%d", ip, 3000)
		}
	}
	return false
}

// rollout restarts every Deployment in turn, under load.
func rollout(w *world) {
	l, c := w.write(4), w.count(2)
	l.goesOn(50)
	began := time.Now()
	for _, id := range ids {
		w.kubectl("rollout", "restart", "deployment", string(id))
		w.kubectl("rollout", "status", "deployment", string(id), "--timeout=50s")
	}
	w.t.Logf("%d Deployments restarted in %v", len(ids), time.Since(began).Round(100*time.Millisecond))
	l.goesOn(50)
	l.end()
	c.end()
	w.back(ids...)
	w.judge()
}

// podDeleted: the pods of an acceptor and of a learner are deleted, as when a
// machine is drained. The successor starts while the old one still ends, and
// waits for its directory: nothing is restarted, and no write fails.
func podDeleted(w *world) {
	l := w.write(4)
	l.goesOn(50)
	for _, id := range []paxos.NodeID{"acceptor2", "learner1"} {
		old, _, ok := w.pod(id)
		if !ok {
			w.t.Fatalf("%s has no pod that is ready", id)
		}
		w.kubectl("delete", "pod", old.Name, "--wait=false")
		w.within(podLimit, fmt.Sprintf("%s has another pod, which is ready", id), func() bool {
			pod, _, ok := w.pod(id)
			return ok && pod.UID != old.UID
		})
		for pod, restarts := range w.starts() {
			if restarts > 0 && strings.HasPrefix(pod, string(id)+" ") {
				w.t.Errorf("%s: its container was started %d times more", pod, restarts)
			}
		}
		l.goesOn(50)
	}
	w.takesPart("acceptor2")
	l.end()
	l.allAcknowledged()
	w.judge()
}
