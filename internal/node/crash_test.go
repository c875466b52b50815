package node_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"paxos/internal/node"
	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

var errPower = errors.New("the power is gone")

// steps are what an acceptor's life asks of its disk, one Keep after another.
// They roll to a second segment and a third.
var steps = [][]paxos.Record{
	{paxos.IdentityRecord{Identity: formingOne}},
	{paxos.IdentityRecord{Identity: memberIdentity}},
	{promised(1)},
	{accepted(1, "x"), accepted(2, "y")},
	{promised(3), accepted(3, string(make([]byte, 1500)))},
	{accepted(4, string(make([]byte, 1800)))},
	{accepted(5, string(make([]byte, 900))), promised(6)},
	{accepted(7, string(make([]byte, 2100)))},
}

// stateAfter is what a disk holds after the first n steps.
func stateAfter(n int) (f node.Found) {
	for _, records := range steps[:n] {
		for _, r := range records {
			if id, ok := r.(paxos.IdentityRecord); ok {
				f.Identity = id.Identity
			} else {
				f.Records = append(f.Records, r)
			}
		}
	}
	return f
}

// live opens the disk and does the steps from the given one on; it tells how
// many were acknowledged.
func live(disk *memfs.Disk, from int) (done int, err error) {
	d, _, err := node.OpenDisk(disk, dir, "a1", small)
	if err != nil {
		return from, err
	}
	for done = from; done < len(steps); done++ {
		if err := d.Keep(steps[done]); err != nil {
			return done, err
		}
	}
	return done, d.Close()
}

// cut takes the power away before the n-th operation from now; of a write, half
// of its sectors are done.
func cut(disk *memfs.Disk, n int) {
	last := disk.Ops() + n
	disk.Inject(func(op memfs.Op) *memfs.Fault {
		if op.N >= last {
			return &memfs.Fault{Err: errPower, Short: op.Size / 2 / wal.SectorBytes * wal.SectorBytes}
		}
		return nil
	})
}

// pickers are ways to choose what survives.
func pickers() map[string]func(int) int {
	list := map[string]func(int) int{"nothing": memfs.Lose, "everything": memfs.Keep}
	for seed := range uint64(4) {
		list[fmt.Sprint("dice ", seed)] = rand.New(rand.NewPCG(seed, 7)).IntN
	}
	return list
}

// judge demands that the disk holds what n steps made, or n+1, and nothing in
// between; it tells which.
func judge(t *testing.T, disk *memfs.Disk, n int, what string) int {
	t.Helper()
	d, found, err := node.OpenDisk(disk, dir, "a1", small)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	must(t, d.Close())
	for steps := n; steps <= n+1; steps++ {
		if reflect.DeepEqual(found, stepsDone[steps]) {
			return steps
		}
	}
	t.Fatalf("%s: after %d steps that were acknowledged the disk holds %+v", what, n, found)
	return 0
}

var stepsDone = func() (list []node.Found) {
	for n := range len(steps) + 1 {
		list = append(list, stateAfter(n))
	}
	return append(list, stateAfter(len(steps)))
}()

func TestACrashAtAnyOperationLeavesTheOldStateOrTheNew(t *testing.T) {
	crashes := 0
	for name, pick := range pickers() {
		for n := 1; ; n++ {
			disk := newDisk(t)
			cut(disk, n)
			done, err := live(disk, 0)
			if err == nil {
				break // the whole life has fewer operations
			}
			disk.Crash(pick)
			crashes++
			what := fmt.Sprintf("crash before operation %d, %s survives", n, name)
			at := judge(t, disk, done, what)
			disk.Crash(memfs.Lose)
			if again := judge(t, disk, at, what+", then another"); again != at {
				t.Fatalf("%s: what was read after it did not last", what)
			}
			// Life goes on from there as if nothing had been.
			if done, err := live(disk, at); err != nil || done != len(steps) {
				t.Fatalf("%s, then life went on: %d steps, %v", what, done, err)
			}
			judge(t, disk, len(steps), what+", then life went on")
		}
	}
	if crashes < 200 {
		t.Fatalf("only %d crashes", crashes)
	}
}

func TestACrashWhileRecoveringFromACrashChangesNothing(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	for n := 1; ; n++ {
		disk := newDisk(t)
		cut(disk, n)
		done, err := live(disk, 0)
		if err == nil {
			break
		}
		disk.Crash(dice.IntN)
		for m := 1; ; m++ {
			again := disk.Clone()
			cut(again, m)
			d, _, err := node.OpenDisk(again, dir, "a1", small)
			if err == nil {
				must(t, d.Close())
				break
			}
			again.Crash(dice.IntN)
			judge(t, again, done, fmt.Sprintf("crash before operation %d, and before operation %d of the recovery", n, m))
		}
	}
}

func TestAFailedWriteAtAnyOperationLeavesTheOldStateOrTheNew(t *testing.T) {
	for n := 1; ; n++ {
		disk := newDisk(t)
		at := disk.Ops() + n
		disk.Inject(func(op memfs.Op) *memfs.Fault {
			if op.N == at && op.Changes() {
				return &memfs.Fault{Err: errDisk}
			}
			return nil
		})
		done, err := live(disk, 0)
		if err == nil && disk.Ops() < at {
			return
		}
		// The process ends; the disk stays as the operating system shows it.
		disk.Kill()
		what := fmt.Sprintf("operation %d failed (%v)", n, err)
		found := judge(t, disk, done, what)
		disk.Crash(memfs.Lose)
		if again := judge(t, disk, found, what+", then a crash"); again != found {
			t.Fatalf("%s: what was read after it did not last", what)
		}
	}
}
