//go:build linux

package chaos

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"paxos/audit"
	"paxos/internal/figures"
	"paxos/paxos"
)

func TestAnInterruptedRunIsNeitherAFailureNorASuccess(t *testing.T) {
	interrupted, cancel := context.WithCancel(context.Background())
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		err    error
		wrong  []string
		done   int64
		code   int
		says   string
		kept   bool // the directory
		counts bool
	}{
		"interrupted":              {interrupted, context.Canceled, nil, 0, 1, "interrupted after 0 of 100 operations", false, false},
		"in the second cluster":    {interrupted, context.Canceled, nil, 60, 1, "interrupted after 60 of 100 operations", false, true},
		"when all was over":        {interrupted, nil, nil, 100, 0, "nothing was wrong", false, true},
		"all went well":            {context.Background(), nil, nil, 100, 0, "nothing was wrong", false, true},
		"its time was over":        {context.Background(), nil, nil, 60, 1, "too little happened: 60 operations, and 100 were to be", false, true},
		"wrong before":             {interrupted, context.Canceled, []string{"x"}, 0, 1, "what a failure left behind", true, false},
		"it failed":                {context.Background(), errors.New("y"), nil, 60, 1, "what a failure left behind", true, false},
		"it failed with no remain": {context.Background(), errors.New("y"), nil, 0, 1, "", false, false},
	} {
		dir := filepath.Join(t.TempDir(), "out")
		if err := os.MkdirAll(filepath.Join(dir, map[bool]string{true: "failed-1"}[c.kept]), 0o755); err != nil {
			t.Fatal(err)
		}
		sums := filepath.Join(t.TempDir(), "chaos.json")
		var out, errs bytes.Buffer
		command := command{operations: 100, out: dir, sums: sums, stderr: &errs, began: time.Now(), left: []string{"cut", "power"}}
		code := command.end(c.ctx, c.err, c.wrong, map[string]int64{"operations": c.done, "clusters": c.done / 50}, &out)
		_, gone := os.Stat(dir)
		if code != c.code || !strings.Contains(out.String(), c.says) || strings.Contains(out.String(), "left behind") != c.kept || (gone == nil) != c.kept {
			t.Errorf("%s: exit code %d, %s%s, %v", name, code, &out, &errs, gone)
		}
		f, err := figures.Read(sums)
		if err != nil || (len(f.Legs) == 1) != c.counts || c.counts && f.Notes()["left out"] != "cut,power" {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

func TestWhoIsMissingInTheAuditIsAFailure(t *testing.T) {
	configuration := paxos.Configuration{Acceptors: []paxos.NodeID{"acceptor1"}, Learners: []paxos.NodeID{"learner1"}}
	member := paxos.Identity{Standing: paxos.Member, Cluster: paxos.ClusterID{1}, Node: "acceptor1", Store: 5, Config: configuration, Stores: []paxos.StoreOf{{Acceptor: "acceptor1", Store: 5}}}
	for words, c := range map[string]struct {
		learner paxos.NodeID
		mute    string
	}{
		"": {"learner1", ""},
		"audit: learner1, or a process of it that used 0 ballots, left no trace":               {"learner2", ""},
		"audit: 1 times an acceptor that was a member found its disk blank, mute or another's": {"learner1", "damaged"},
	} {
		dir := t.TempDir()
		for _, id := range []paxos.NodeID{"acceptor1", c.learner} {
			w, err := audit.Create(dir, audit.Start{Node: id, Process: 1, Configuration: configuration, Started: time.Now()})
			if err == nil && id == "acceptor1" {
				err = w.Found(member, nil, c.mute)
			}
			if err := errors.Join(err, w.Close()); err != nil {
				t.Fatal(err)
			}
		}
		replay, err := audit.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		r := &run{report: quiet(), sums: map[string]int64{}}
		r.audited(replay)
		var found []string
		for _, f := range r.report.found() {
			if !strings.HasPrefix(f, "too little happened") {
				found = append(found, f)
			}
		}
		if got := strings.Join(found, "\n"); got != words {
			t.Errorf("found %q, want %q", got, words)
		}
	}
}
