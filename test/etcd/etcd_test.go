package etcd

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// How often, in sequences, watches of the past are compared, and our machine
// goes on from a snapshot.
const (
	watchEvery  = 50
	reopenEvery = 35
)

func setting(t *testing.T, name string, usual uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func bothReal(t *testing.T) (theirs, ours side) {
	t.Helper()
	m, err := newMachine()
	if err != nil {
		t.Fatal(err)
	}
	return startServer(t), m
}

func TestTheMachineAnswersAsEtcdDoes(t *testing.T) {
	seed := setting(t, "PAXOS_ETCD_SEED", uint64(time.Now().UnixNano()))
	sequences := setting(t, "PAXOS_ETCD_SEQUENCES", 4_000)
	t.Logf("PAXOS_ETCD_SEED=%d PAXOS_ETCD_SEQUENCES=%d", seed, sequences)
	l := newLife(bothReal(t))
	if steps, err := l.live(seed, sequences); err != nil {
		t.Fatal(l.explain(t, bothReal, steps, err))
	}
	if sequences < 2_000 {
		t.Logf("%d sequences are too few to assert what they saw", sequences)
	} else {
		l.seen.enough(t, int(sequences))
	}
	t.Logf("%d sequences of %d steps up to revision %d: %v", sequences, l.seen["steps"], l.now, l.seen)
}
