package topology

import "slices"

// All gives the topologies.
func All() []Topology {
	return []Topology{
		quorumLoss(), constrained(), chain(), triangle(), duels(), deafLeader(), muteLeader(), halfDeafLeader(), bridge(), deafAndMute(),
	}
}

// quorumLoss: OmniPaxos, figure 1a.
func quorumLoss() Topology {
	var cut []Link
	for a := 1; a <= 5; a++ {
		for b := a + 1; b <= 5; b++ {
			if a != 2 && b != 2 {
				cut = append(cut, apart(a, b)...)
			}
		}
	}
	return Topology{
		Name:      "quorum-loss",
		About:     "every server reaches server 2 alone, the leader too: server 2 must lead, although it hears that the leader lives",
		Proposers: 5, Acceptors: 5, Steps: [][]Link{cut},
	}
}

// constrained: OmniPaxos, figure 1b.
func constrained() Topology {
	last := slices.Concat(apart(1, 3), apart(1, 4), apart(1, 5), apart(3, 4), apart(3, 5), apart(4, 5))
	return Topology{
		Name: "constrained-election",
		About: "server 2 misses what is chosen, then the leader is cut off from all servers, and the others reach server 2 alone: " +
			"the one that can lead has the oldest log",
		Proposers: 5, Acceptors: 5, Steps: [][]Link{apart(1, 2), last},
	}
}

// chain: OmniPaxos, figure 1c, with five servers, so that the leader at the end
// of it has no quorum, and three others have one each.
func chain() Topology {
	return Topology{
		Name:      "chain",
		About:     "each server reaches its neighbours in a row, and the leader stands at the end: three have a quorum each, no two the same",
		Proposers: 5, Acceptors: 5,
		Steps: [][]Link{slices.Concat(apart(1, 3), apart(1, 4), apart(1, 5), apart(2, 4), apart(2, 5), apart(3, 5))},
	}
}

// triangle: the Cloudflare incident, and figure 1c of OmniPaxos as it is drawn.
func triangle() Topology {
	return Topology{
		Name:      "triangle",
		About:     "the leader and server 3 do not reach each other, server 2 reaches both: server 3 must not depose a leader that has a quorum",
		Proposers: 3, Acceptors: 3, Steps: [][]Link{apart(1, 3)},
	}
}

func duels() Topology {
	return Topology{
		Name: "duels",
		About: "the leader loses its quorum, and each of the others reaches three of five acceptors, no two the same three: " +
			"whoever prepares meets each rival at other acceptors",
		Proposers: 5, Acceptors: 5,
		Steps: [][]Link{slices.Concat(sees(1, 5, 1, 2), sees(2, 5, 2, 3, 4), sees(3, 5, 3, 4, 5), sees(4, 5, 4, 5, 1), sees(5, 5, 5, 1, 2))},
	}
}

func deafLeader() Topology {
	return Topology{
		Name:      "deaf-leader",
		About:     "all acceptors hear the leader, and it hears none: it must give up by itself, for nobody misses it",
		Proposers: 3, Acceptors: 3, Steps: [][]Link{deaf(proposer(1), acceptors(1, 2, 3)...)},
	}
}

func muteLeader() Topology {
	return Topology{
		Name:      "mute-leader",
		About:     "the leader hears all acceptors, and none hears it",
		Proposers: 3, Acceptors: 3, Steps: [][]Link{mute(proposer(1), acceptors(1, 2, 3)...)},
	}
}

func halfDeafLeader() Topology {
	return Topology{
		Name:      "half-deaf-leader",
		About:     "all acceptors hear the leader, and it hears two of five: heartbeats without a quorum must end",
		Proposers: 3, Acceptors: 5, Steps: [][]Link{deaf(proposer(1), acceptors(3, 4, 5)...)},
	}
}

// bridge: acceptors 1 and 2 are all that the old leader has left, and two of
// the three that the next one has.
func bridge() Topology {
	return Topology{
		Name: "bridge",
		About: "acceptors 1 and 2 go on hearing the old leader, which lost its quorum; the only proposer with one needs both of them, " +
			"and the third proposer reaches nobody else",
		Proposers: 3, Acceptors: 5, Steps: [][]Link{slices.Concat(sees(1, 5, 1, 2), sees(2, 5, 1, 2), sees(3, 5, 1, 2, 3))},
	}
}

func deafAndMute() Topology {
	return Topology{
		Name:      "deaf-and-mute",
		About:     "the leader is well; one proposer hears no acceptor and one is heard by none: neither may depose it",
		Proposers: 3, Acceptors: 3,
		Steps: [][]Link{append(deaf(proposer(2), acceptors(1, 2, 3)...), mute(proposer(3), acceptors(1, 2, 3)...)...)},
	}
}
