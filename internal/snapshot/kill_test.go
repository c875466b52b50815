package snapshot_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"paxos/internal/failpoint"
	"paxos/internal/snapshot"
	"paxos/internal/wal"
	"paxos/paxos"
)

// child makes this test's program a learner's process on that directory.
const child = "PAXOS_TEST_SNAPSHOT_CHILD"

func realOptions(dir string) snapshot.Options {
	return snapshot.Options{FS: wal.OS(), Dir: dir, Cluster: cluster, Config: stamp, Decode: readToy}
}

// live takes the snapshot of slot 30 from elsewhere and saves that of slot 40.
func live(dir string) error {
	source, err := os.MkdirTemp("", "paxos-test-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(source) }()
	from, _, err := snapshot.Open(realOptions(source))
	if err == nil {
		_, err = save(from, stateAt(30, transferSize))
	}
	if err != nil {
		return err
	}
	to, _, err := snapshot.Open(realOptions(dir))
	if err != nil {
		return err
	}
	if err := give(from, to); err != nil {
		return err
	}
	_, err = save(to, stateAt(40, transferSize))
	return err
}

func give(from, to *snapshot.Keeper) error {
	for next := paxos.Number(0); ; {
		answers, err := from.Do(paxos.ReadPart{Ask: paxos.SnapshotAsk{Slot: 30, Offset: next}})
		if err != nil {
			return err
		}
		w, _, err := write(to, answers[0].(paxos.PartRead).Part)
		if err != nil || w.State != nil {
			return err
		}
		if w.Damaged != "" {
			return fmt.Errorf("damaged: %s", w.Damaged)
		}
		next = w.Next
	}
}

func TestAProcessKilledAtAnyStepLosesNothingThatItHad(t *testing.T) {
	killed := 0
	for _, name := range failpoint.Names {
		if strings.HasPrefix(name, "truncate-") {
			continue
		}
		for hit := 1; hit <= 6; hit++ {
			dir := t.TempDir()
			k, _, err := snapshot.Open(realOptions(dir))
			must(t, err)
			mustSave(t, k, stateAt(10, 900))
			mustSave(t, k, stateAt(20, 900))
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), child+"="+dir, fmt.Sprintf("%s=%s=kill:%d", failpoint.Variable, name, hit))
			out, err := cmd.CombinedOutput()
			if err == nil {
				break // it is not hit so often
			}
			if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGKILL {
				t.Fatalf("%s, hit %d: %v: %s", name, hit, err, out)
			}
			killed++
			_, found, err := snapshot.Open(realOptions(dir))
			must(t, err)
			want := map[paxos.Slot]paxos.Slot{20: 10, 30: 20, 40: 30}
			if previous := want[found.Kept.Slot]; previous == 0 || found.Kept.Previous != previous || len(found.Damaged) > 0 {
				t.Fatalf("killed at %s, hit %d: found %+v", name, hit, found)
			}
			names, err := filepath.Glob(filepath.Join(dir, "*"))
			must(t, err)
			for _, file := range names {
				if !strings.HasSuffix(file, ".snapshot") && !strings.HasSuffix(file, ".incoming") || len(names) > 3 {
					t.Fatalf("killed at %s, hit %d: the files are %q", name, hit, names)
				}
			}
		}
	}
	if killed < 20 {
		t.Fatalf("only %d processes were killed", killed)
	}
}
