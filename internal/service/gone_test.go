package service_test

import (
	"encoding/json"
	"testing"
	"time"

	"paxos/client"
	"paxos/paxos"
	"paxos/test/ports"
)

// The election timeout is so long that only what a closed port says can be the
// reason of an earlier election.
func TestALeaderThatIsKilledIsReplacedBeforeAnElectionTimeoutIsOver(t *testing.T) {
	const timeout = 5 * time.Second
	at, gossips := ports.Free(t), ports.Free(t)
	flags := []string{"--election-timeout", timeout.String()}
	launch(t, paxos.AcceptorRole, at, nil, append(flags, "--data", t.TempDir(), "--allow-unsafe-filesystem", "--gossip-listen", gossips)...)
	flags = append(flags, "--join", gossips, "--peers", "acceptor1="+at)
	proposers := map[string]*process{}
	for _, id := range []string{"proposer1", "proposer2"} {
		proposers[id] = launch(t, paxos.ProposerRole, ports.Free(t), nil, append(flags, "--id", id)...)
	}
	initialise(t, at)
	leader := func() string {
		for id, p := range proposers {
			var l client.Leader
			if _, b, err := get(p.address, "/leader"); err == nil && json.Unmarshal(b, &l) == nil && l.Leading {
				return id
			}
		}
		return ""
	}
	until(t, "somebody leads", func() bool { return leader() != "" })
	killed := leader()
	must(t, proposers[killed].cmd.Process.Kill())
	began := time.Now()
	delete(proposers, killed)
	until(t, "the other one leads", func() bool { return leader() != "" })
	if took := time.Since(began); took >= timeout-time.Second {
		t.Errorf("the other one leads after %v, and the acceptor could find the port closed at once; the election timeout is %v", took, timeout)
	}
}
