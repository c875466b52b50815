package service

import (
	"io"
	"os"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"paxos/internal/sched"
)

func TestANodeWorksInBatchesForACrowd(t *testing.T) {
	for crowd, want := range map[float64][2]bool{0: {false, false}, 1: {false, false}, crowdedUntil: {false, true}, crowdedFrom - 0.1: {false, true}, crowdedFrom: {true, true}, 77: {true, true}} {
		if got := [2]bool{inBatches(false, crowd), inBatches(true, crowd)}; got != want {
			t.Errorf("a crowd of %v: %v, not %v", crowd, got, want)
		}
	}
}

func asUsual(t *testing.T) {
	t.Helper()
	if err := sched.Batch(os.Getpid(), false); err != nil {
		t.Error(err)
	}
}

// TestTheProcessIsToldWhenTheCrowdComesAndGoes, and when its last node ends.
func TestTheProcessIsToldWhenTheCrowdComesAndGoes(t *testing.T) {
	if err := sched.Batch(os.Getpid(), true); err != nil {
		t.Skip(err) // there is nothing like it here, or nobody may ask for it
	}
	asUsual(t)
	log := logrus.NewEntry(logrus.New())
	log.Logger.SetOutput(io.Discard)
	becomes := func(want float64) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); worksInBatches() != want || sched.Usual(os.Getpid()) != (want == 0); <-time.After(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("it works in batches: %v, not %v; as usual: %v", worksInBatches(), want, sched.Usual(os.Getpid()))
			}
		}
	}
	var one, other sched.Crowd
	stop := tuneScheduling(&one, log)
	stopOther := tuneScheduling(&other, log)
	keep := make(chan struct{})
	go func() {
		for {
			select {
			case <-keep:
				return
			case <-time.After(lookAtCrowd / 5):
				other.Add(100)
			}
		}
	}()
	one.Add(100)
	becomes(1)
	stop()
	becomes(1) // the other one's crowd is there
	close(keep)
	becomes(0)
	other.Add(100)
	becomes(1)
	stopOther()
	becomes(0)
}

// TestAPolicyOfTheOperatorsIsKept: whoever starts a node with one means it.
func TestAPolicyOfTheOperatorsIsKept(t *testing.T) {
	if err := sched.Batch(os.Getpid(), true); err != nil {
		t.Skip(err)
	}
	defer asUsual(t)
	var crowd sched.Crowd
	stop := tuneScheduling(&crowd, nil)
	crowd.Add(100)
	stop()
	if sched.Usual(os.Getpid()) || worksInBatches() != 0 || crowd.Size() != 100 {
		t.Error("it is tuned all the same")
	}
}
