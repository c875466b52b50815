package service_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"paxos/internal/service"
	"paxos/internal/wal"
	"paxos/kv"
	"paxos/paxos"
	"paxos/test/ports"
)

func learnerFlags(dir string) []string {
	return []string{"--data", dir, "--allow-unsafe-filesystem", "--snapshot-slots", "10"}
}

// metric is what /metrics says of one figure, -1 if it says nothing.
func metric(t testing.TB, address, name string) float64 {
	t.Helper()
	code, b, err := get(address, "/metrics")
	must(t, err)
	if code != http.StatusOK {
		t.Fatalf("/metrics says %d: %s", code, b)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name+"{"); ok {
			_, value, _ := strings.Cut(rest, "} ")
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			must(t, err)
			return n
		}
	}
	return -1
}

// town is one node of each role, in this process.
type town struct {
	acceptor, proposer, learner, client *inside
	acceptorDir, learnerDir             string
	join                                []string
}

func newTown(t testing.TB) *town {
	t.Helper()
	c := &town{acceptorDir: t.TempDir(), learnerDir: t.TempDir()}
	c.acceptor = runInside(t, paxos.AcceptorRole, dataFlags(c.acceptorDir)...)
	initialise(t, c.acceptor.address)
	var nodes struct{ Members []struct{ Gossip string } }
	_, b, err := get(c.acceptor.address, "/gossip/nodes")
	must(t, err)
	must(t, json.Unmarshal(b, &nodes))
	c.join = []string{"--join", nodes.Members[0].Gossip}
	c.proposer = runInside(t, paxos.ProposerRole, c.join...)
	c.startLearner(t)
	c.client = runInside(t, paxos.ClientRole, c.join...)
	return c
}

func (c *town) startLearner(t testing.TB) {
	t.Helper()
	c.learner = runInside(t, paxos.LearnerRole, append(learnerFlags(c.learnerDir), c.join...)...)
}

func (c *town) send(t testing.TB, value string) {
	t.Helper()
	until(t, value+" is taken", func() bool {
		code, _, err := post(c.client.address, "/send", fmt.Sprintf(`{"value":%q,"key":%q}`, value, value))
		return err == nil && code == http.StatusOK
	})
}

// sendUntil sends values until ok.
func (c *town) sendUntil(t testing.TB, what string, ok func() bool) (sent int) {
	t.Helper()
	for ; !ok(); sent++ {
		if sent == 2000 {
			t.Fatalf("%s: not after %d values", what, sent)
		}
		c.send(t, fmt.Sprintf("%s %d", what, sent))
	}
	return sent
}

func TestALearnerGoesOnFromItsSnapshotAndTheLogBelowIsTruncated(t *testing.T) {
	t.Parallel()
	c := newTown(t)
	if slot := metric(t, c.learner.address, "paxos_snapshot_slot"); slot != 0 {
		t.Fatalf("a new learner has a snapshot of slot %v", slot)
	}
	sent := c.sendUntil(t, "truncated", func() bool {
		var h struct{ Floor paxos.Slot }
		_, b, err := post(c.acceptor.address, "/survey", "{}")
		must(t, err)
		must(t, json.Unmarshal(b, &h))
		return h.Floor > 10
	})
	sent += c.sendUntil(t, "rolled", func() bool {
		return metric(t, c.acceptor.address, "paxos_disk_bytes") >= 2*65536 && metric(t, c.acceptor.address, "paxos_journal_segments") >= 2
	})
	// One that is due while another is being written is left out.
	previous := metric(t, c.learner.address, "paxos_snapshot_previous_slot") // first: a later one may come between
	if last := metric(t, c.learner.address, "paxos_snapshot_slot"); last <= previous || int(last)%10 != 0 || int(previous)%10 != 0 || metric(t, c.learner.address, "paxos_snapshot_bytes") <= 0 {
		t.Fatalf("the last snapshots are of slots %v and %v", last, previous)
	}
	if metric(t, c.acceptor.address, "paxos_disk_full") != 0 {
		t.Fatal("the acceptor's disk is full, says /metrics")
	}
	must(t, c.learner.end())
	// The newest is damaged: the one before it is taken, and the log from there.
	whole, err := filepath.Glob(filepath.Join(c.learnerDir, "*.snapshot"))
	must(t, err)
	if len(whole) != 2 {
		t.Fatalf("the snapshots are %q", whole)
	}
	content, err := os.ReadFile(whole[1])
	must(t, err)
	content[len(content)/2] ^= 1
	must(t, os.WriteFile(whole[1], content, 0o600))
	c.startLearner(t)
	if !strings.Contains(c.learner.log.String(), "was refused and set aside") || !strings.Contains(c.learner.log.String(), "goes on from the snapshot of slot") {
		t.Errorf("the log says\n%s", c.learner.log.String())
	}
	until(t, "everything is there again", func() bool {
		var page struct{ Count string }
		_, b, err := get(c.learner.address, "/get-values?limit=1")
		must(t, err)
		must(t, json.Unmarshal(b, &page))
		return page.Count == fmt.Sprint(sent)
	})
	c.send(t, "and on")
}

func TestALearnerRefusesADiskThatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	c := newTown(t)
	c.send(t, "one")
	var cluster paxos.ClusterID
	until(t, "the disk knows its cluster", func() bool {
		stored, _, err := wal.ReadIdentity(wal.OS(), c.learnerDir)
		must(t, err)
		cluster = stored.Cluster
		return !cluster.IsZero() && stored.Standing == paxos.Member && stored.Node == "learner1"
	})
	must(t, c.learner.end())
	stored, _, err := wal.ReadIdentity(wal.OS(), c.learnerDir)
	must(t, err)
	for want, change := range map[string]func(*wal.Stored){
		"belongs to learner2, this is learner1":              func(s *wal.Stored) { s.Node = "learner2" },
		"was made for the acceptors [acceptor7]":             func(s *wal.Stored) { s.Config.Acceptors = []paxos.NodeID{"acceptor7"} },
		"the acceptors to cluster " + cluster.String() + ";": func(s *wal.Stored) { s.Cluster = paxos.ClusterID{9} },
	} {
		other := stored
		other.Config.Acceptors = append([]paxos.NodeID(nil), stored.Config.Acceptors...)
		change(&other)
		must(t, wal.WriteIdentity(wal.OS(), c.learnerDir, other))
		n := launch(t, paxos.LearnerRole, ports.Free(t), nil, append(learnerFlags(c.learnerDir), c.join...)...)
		if code := n.exitCode(t); code != 1 || !strings.Contains(n.said.String(), want) {
			t.Errorf("it exits with %d and does not say %q:\n%s", code, want, n.said.String())
		}
	}
	must(t, wal.WriteIdentity(wal.OS(), c.learnerDir, stored))
	c.startLearner(t)
	s := settingsOf(t, paxos.LearnerRole, plain(ports.Free(t), learnerFlags(c.learnerDir)...)...)
	if err := service.Run(context.Background(), s, &output{}); err == nil || !strings.Contains(err.Error(), "is held by learner1") {
		t.Errorf("a second process: %v", err)
	}
}

func TestAFullDiskIsSaidAndShown(t *testing.T) {
	t.Parallel()
	flags := append(dataFlags(t.TempDir()), "--disk-limit-bytes", strconv.Itoa(4*65536))
	a := runInside(t, paxos.AcceptorRole, flags...)
	initialise(t, a.address)
	until(t, "the disk is looked at", func() bool { return metric(t, a.address, "paxos_disk_full") == 0 })
	// Two segments of four are used from the beginning; nothing truncates here.
	proposal := func(slot int) string {
		return fmt.Sprintf(`{"ballot":{"number":"1","proposer":"proposer1","start":"0000000000000001"},"chosen":"1","proposals":[{"slot":"%d","value":{"time":"1",`+
			`"commands":[{"session":"0000000000000001","sequence":"%d","admitted":"1","client":"","key":"","confirmed":"1","body":%q}]}}]}`, slot, slot, base64.StdEncoding.EncodeToString(kv.Append(strings.Repeat("x", 30000))))
	}
	for slot := 1; slot < 20 && metric(t, a.address, "paxos_disk_bytes") < 0.9*4*65536; slot++ {
		code, b, err := post(a.address, "/accept", proposal(slot))
		must(t, err)
		if code != http.StatusOK {
			t.Fatalf("/accept says %d: %s", code, b)
		}
	}
	until(t, "the disk is full", func() bool { return metric(t, a.address, "paxos_disk_full") == 1 })
	until(t, "the log says so", func() bool { return strings.Contains(a.log.String(), "the disk is full: true") })
	code, b, err := post(a.address, "/heartbeat", `{"ballot":{"number":"1","proposer":"proposer1","start":"0000000000000001"},"count":"1","chosen":"1"}`)
	must(t, err)
	var heard struct{ Full bool }
	must(t, json.Unmarshal(b, &heard))
	if code != http.StatusOK || !heard.Full {
		t.Errorf("/heartbeat says %d: %s", code, b)
	}
}
