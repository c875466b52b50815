package service_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"paxos/audit"
	"paxos/internal/service"
	"paxos/paxos"
	"paxos/test/ports"
)

// TestWhatRealNodesDoIsTracedAndMeetsNoObjection: writes, snapshots, a
// truncation, and restarts of who remembers.
func TestWhatRealNodesDoIsTracedAndMeetsNoObjection(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(audit.TraceVariable, dir)
	c := newTown(t)
	sent := c.sendUntil(t, "truncated", func() bool { return metric(t, c.learner.address, "paxos_snapshot_previous_slot") > 0 })
	must(t, c.learner.end())
	c.startLearner(t)
	c.send(t, "and on")
	for _, n := range []*inside{c.client, c.learner, c.proposer, c.acceptor} {
		must(t, n.end())
	}
	got, err := audit.ReadDir(dir)
	must(t, err)
	for _, o := range got.Objections() {
		t.Error(o)
	}
	n := got.Counts()
	if len(got.Files) != 5 || len(got.Missing()) != 0 || n.Processes != 5 || n.Commands < int64(sent) || n.Votes != n.Chosen || n.Applied < n.Chosen ||
		n.Elections == 0 || n.Placements < int64(sent) || n.Found != 1 || n.Installed != 2 || n.Floors == 0 {
		t.Errorf("%d values were sent, and %d traces have %+v", sent, len(got.Files), n)
	}
}

func TestATraceThatCannotBeBegunEndsTheNode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, nil, 0o600))
	t.Setenv(audit.TraceVariable, filepath.Join(path, "x"))
	err := service.Run(context.Background(), settingsOf(t, paxos.ProposerRole, plain(ports.Free(t), "--id", "proposer1")...), &output{})
	if err == nil || !strings.Contains(err.Error(), audit.TraceVariable) {
		t.Errorf("it ends with %v", err)
	}
}
