package service_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"paxos/client"
	"paxos/paxos"
)

// restartAcceptor starts the acceptor from its directory, after it has ended.
func (c *town) restartAcceptor(t *testing.T) {
	t.Helper()
	var nodes struct{ Members []struct{ ID, Gossip string } }
	_, b, err := get(c.learner.address, "/gossip/nodes")
	must(t, err)
	must(t, json.Unmarshal(b, &nodes))
	flags := dataFlags(c.acceptorDir)
	for _, m := range nodes.Members {
		if m.ID == "learner1" {
			flags = append(flags, "--join", m.Gossip)
		}
	}
	c.acceptor = runInside(t, paxos.AcceptorRole, flags...)
}

// refused is how the proposer and the learner see the acceptor.
func (c *town) refused(t *testing.T) (byProposer string, byLearner bool) {
	t.Helper()
	if l := leaderAt(t, c.proposer.address); len(l.Acceptors) == 1 {
		byProposer = l.Acceptors[0].Cloned
	}
	proposer, learner := metric(t, c.proposer.address, "paxos_acceptors_cloned"), metric(t, c.learner.address, "paxos_acceptors_cloned")
	if (byProposer != "") != (proposer == 1) {
		byProposer = "" // between two looks
	}
	return byProposer, learner == 1
}

// A disk that is started again is believed; an older image of it is not.
func TestAnImageOfADiskThatIsPutBackIsRefused(t *testing.T) {
	t.Parallel()
	c := newTown(t)
	c.send(t, "before")
	must(t, c.acceptor.end())
	c.restartAcceptor(t)
	c.send(t, "after a restart")
	must(t, c.acceptor.end())
	image := t.TempDir() + "/image"
	must(t, os.CopyFS(image, os.DirFS(c.acceptorDir)))
	c.restartAcceptor(t)
	c.send(t, "after the image was taken")
	if byProposer, byLearner := c.refused(t); byProposer != "" || byLearner {
		t.Fatalf("an ordinary disk is refused: %q, %v", byProposer, byLearner)
	}
	life := func() (l paxos.Life) {
		var h client.Health
		_, b, err := get(c.acceptor.address, "/health")
		must(t, err)
		h.State = &struct{ Life *paxos.Life }{&l}
		must(t, json.Unmarshal(b, &h))
		return l
	}
	own := life()
	must(t, c.acceptor.end())
	must(t, os.RemoveAll(c.acceptorDir))
	must(t, os.Rename(image, c.acceptorDir))
	c.restartAcceptor(t)
	if other := life(); own.Starts != 3 || other.Starts != 3 || own.Run == other.Run || own.Began == 0 || own.Position <= other.Began {
		t.Fatalf("the disk's last life was %+v, its image's is %+v", own, other)
	}
	until(t, "the image is refused", func() bool {
		byProposer, byLearner := c.refused(t)
		return byLearner && strings.Contains(byProposer, "two processes began with one state of it: start 3")
	})
	until(t, "nobody leads with it", func() bool { return !leaderAt(t, c.proposer.address).Leading })
}
