package snapshot_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"paxos/internal/snapshot"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

const patience = 10 * time.Second

// ears collect answers.
type ears struct {
	mu   sync.Mutex
	list []paxos.Message
}

func (e *ears) hear(_ context.Context, m paxos.Message) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, m)
	return nil
}

func (e *ears) heard() []paxos.Message {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]paxos.Message(nil), e.list...)
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

// run lets the keeper work until the test ends; the channel gets what Run gave.
func run(t testing.TB, k *snapshot.Keeper, hear func(context.Context, paxos.Message) error) (stop func(), ended chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended = make(chan error, 1)
	go func() { ended <- k.Run(ctx, hear) }()
	t.Cleanup(cancel)
	return cancel, ended
}

func wait(t testing.TB, ended chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		t.Fatal("the keeper does not end")
		return nil
	}
}

func TestTasksOfManyAreDoneInOrderAndNoneButReadsIsLost(t *testing.T) {
	k, _ := open(t, newDisk(t))
	var e ears
	stop, ended := run(t, k, e.hear)
	const savers, each = 4, 25
	var wg sync.WaitGroup
	var mu sync.Mutex
	slot := paxos.Slot(0)
	for range savers {
		wg.Go(func() {
			for range each {
				mu.Lock()
				slot++
				k.Take(paxos.SaveSnapshot{Cluster: cluster, Config: stamp, State: stateAt(slot, 10)})
				mu.Unlock()
				k.Take(paxos.ReadPart{To: "l2"})
				_ = k.Stats()
			}
		})
	}
	wg.Wait()
	saved := func() (n paxos.Slot) {
		for _, m := range e.heard() {
			if s, ok := m.(paxos.SnapshotSaved); ok {
				if n++; s.Slot != n {
					t.Fatalf("slot %d is saved as number %d", s.Slot, n)
				}
			}
		}
		return n
	}
	until(t, "all are saved", func() bool { return saved() == savers*each })
	until(t, "every read was done or dropped", func() bool { s := k.Stats(); return s.PartsRead+s.PartsDropped == savers*each })
	if s := k.Stats(); s.Saved != savers*each || s.Last != savers*each {
		t.Fatalf("%+v", s)
	}
	stop()
	if err := wait(t, ended); err != nil {
		t.Fatal(err)
	}
}

func TestTakeNeverWaitsAndOnlyReadsAreDropped(t *testing.T) {
	disk := newDisk(t)
	k, _ := open(t, disk)
	mustSave(t, k, stateAt(1, 10))
	for range 100 { // nobody works
		k.Take(paxos.ReadPart{To: "l2"})
	}
	for slot := paxos.Slot(2); slot <= 40; slot++ {
		k.Take(paxos.SaveSnapshot{Cluster: cluster, Config: stamp, State: stateAt(slot, 10)})
	}
	if s := k.Stats(); s.PartsDropped != 92 {
		t.Fatalf("%d reads were dropped", s.PartsDropped)
	}
	var e ears
	run(t, k, e.hear)
	until(t, "what waited is done", func() bool { return len(e.heard()) == 8+39 })
}

func TestPartsAreReadWhileASnapshotIsWritten(t *testing.T) {
	k, _ := open(t, newDisk(t))
	mustSave(t, k, stateAt(1, 10))
	var e ears
	slow := slowState{toy: stateAt(9, 0), begun: make(chan struct{}), seen: func() bool { return len(e.heard()) > 0 }}
	run(t, k, e.hear)
	k.Take(paxos.SaveSnapshot{Cluster: cluster, Config: stamp, State: &slow})
	<-slow.begun
	k.Take(paxos.ReadPart{To: "l2", Ask: paxos.SnapshotAsk{Slot: 1}})
	until(t, "both are answered", func() bool { return len(e.heard()) == 2 })
	if read, ok := e.heard()[0].(paxos.PartRead); !ok || read.Part.Slot != 1 {
		t.Fatalf("first came %+v", e.heard()[0])
	}
}

// slowState writes chunks until something was seen.
type slowState struct {
	toy
	begun chan struct{}
	seen  func() bool
}

func (s *slowState) WriteTo(w io.Writer) (n int64, err error) {
	close(s.begun)
	chunk := make([]byte, snapshot.ChunkBytes)
	for end := time.Now().Add(patience); !s.seen(); {
		if time.Now().After(end) {
			return n, errors.New("nothing was seen")
		}
		if _, err := w.Write(chunk); err != nil {
			return n, err
		}
		n += int64(len(chunk))
	}
	return n, nil
}

func TestAFailureEndsTheKeeperAndNothingIsAnsweredOverIt(t *testing.T) {
	disk := newDisk(t)
	k, _ := open(t, disk)
	disk.Inject(func(op memfs.Op) *memfs.Fault {
		if op.Kind == memfs.SyncOp {
			return &memfs.Fault{Err: errPower}
		}
		return nil
	})
	var e ears
	_, ended := run(t, k, e.hear)
	k.Take(paxos.SaveSnapshot{Cluster: cluster, Config: stamp, State: stateAt(1, 10)})
	if err := wait(t, ended); !errors.Is(err, errPower) || len(e.heard()) != 0 {
		t.Fatalf("%v, answers %v", err, e.heard())
	}
}

func TestAKeeperIsStoppedInTheMiddleOfASave(t *testing.T) {
	disk := newDisk(t)
	k, _ := open(t, disk)
	slow := slowState{toy: stateAt(9, 0), begun: make(chan struct{}), seen: func() bool { return false }}
	stop, ended := run(t, k, func(context.Context, paxos.Message) error { return fmt.Errorf("answered") })
	k.Take(paxos.SaveSnapshot{Cluster: cluster, Config: stamp, State: &slow})
	<-slow.begun
	stop()
	if err := wait(t, ended); err != nil {
		t.Fatal(err)
	}
	if _, found := open(t, disk); found.State != nil || len(disk.Files()) != 0 {
		t.Fatalf("found %+v, files %q", found, disk.Files())
	}
}

func TestAnUnknownTaskEndsTheKeeper(t *testing.T) {
	k, _ := open(t, newDisk(t))
	if _, err := k.Do(paxos.Survey{}); err == nil {
		t.Fatal("it does what it does not know")
	}
}
