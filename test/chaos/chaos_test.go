//go:build linux

package chaos

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"paxos/internal/raced"
)

// seed is drawn for every run, and printed; PAXOS_SEED gives one again.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if text := os.Getenv("PAXOS_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("PAXOS_SEED: %v", err)
		}
	}
	t.Logf("PAXOS_SEED=%d", n)
	return n
}

// program is the built program; PAXOS_TEST_PROGRAM names another one.
func program(t *testing.T) string {
	t.Helper()
	if given := os.Getenv("PAXOS_TEST_PROGRAM"); given != "" {
		return given
	}
	built, err := Build(t.TempDir(), raced.On)
	if err != nil {
		t.Fatal(err)
	}
	return built
}

func TestTheStoreIsLinearizableThroughEveryFault(t *testing.T) {
	dir, err := os.MkdirTemp(os.Getenv("PAXOS_TEST_DIR"), "paxos-chaos-")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Program: program(t), Dir: dir, Seed: seed(t), Operations: 60_000, Phase: 6 * time.Second, Tell: t.Logf}
	if raced.On {
		o.Operations = 8_000
	}
	o.Faults, err = Possible(dir)
	if err != nil {
		defer t.Skipf("!!! of %q only %q were done; the others are NOT tested: %v", Faults, o.Faults, err)
	}
	result, err := Run(context.Background(), o)
	if err != nil {
		t.Error(err)
	}
	for _, w := range result.Wrong {
		t.Error(w)
	}
	t.Log(fmt.Sprint(result.Sums))
	if t.Failed() {
		t.Logf("what it left behind is in %s", dir)
		return
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}
