package crash

import (
	"bytes"
	"context"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"paxos/internal/figures"
	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
)

func run(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = Run(context.Background(), args, &out, &err)
	return code, out.String(), err.String()
}

func TestTheCommandCountsAndGoesOnWhereTheSumsEnd(t *testing.T) {
	sums := filepath.Join(t.TempDir(), "crash.json")
	if _, err := figures.Add(sums, "crash states", figures.Leg{Command: "x", Commit: "x", Date: "2026-01-02", Seconds: 1, Sums: Sums{lives: 7, states: 1}}); err != nil {
		t.Fatal(err)
	}
	code, out, errs := run("-states", "500", "-workers", "1", "-sums", sums)
	f, err := figures.Read(sums)
	if code != 0 || err != nil || len(f.Legs) != 2 || f.Sums()[states] < 501 || f.Sums()[lives] != 8 {
		t.Fatalf("exit %d: %s%s%+v, %v", code, out, errs, f, err)
	}
	// Life 7 is a learner's.
	if leg := f.Legs[1].Sums; leg[states+": snapshot"] == 0 || leg[states+": journal"] != 0 {
		t.Errorf("%+v", leg)
	}
}

func TestTheCommandJudgesOneState(t *testing.T) {
	if code, out, err := run("-at", "acceptor:0/40!0.1/3!0"); code != 0 || !strings.Contains(out, "nothing is wrong") {
		t.Errorf("exit %d: %s%s", code, out, err)
	}
	for _, at := range []string{"acceptor:0/99999!0", "elsewhere", "learner:0/1f!0"} {
		if code, _, err := run("-at", at); code != 2 || !strings.Contains(err, "-at: ") {
			t.Errorf("%s: exit %d: %s", at, code, err)
		}
	}
}

func TestWrongUsageIsExit2(t *testing.T) {
	for _, args := range [][]string{{"-states", "0"}, {"-workers", "0"}, {"-for", "2h"}, {"-for", "-1s"}, {"-seed", "-2"}, {"x"}, {"-what"}, {"-sums", "/"}} {
		if code, _, err := run(args...); code != 2 || err == "" {
			t.Errorf("%v: exit %d: %s", args, code, err)
		}
	}
	if code, _, err := run("-h"); code != 0 || !strings.Contains(err, "usage: crash") {
		t.Errorf("-h: exit %d: %s", code, err)
	}
}

func TestTooLittleIsExit1(t *testing.T) {
	if code, out, err := run("-seed", "1", "-states", "1000000", "-workers", "1", "-for", "1ms"); code != 1 || !strings.Contains(err, "were to be") {
		t.Errorf("exit %d: %s%s", code, out, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, err bytes.Buffer
	if code := Run(ctx, nil, &out, &err); code != 1 || !strings.Contains(err.String(), "0 states were judged") {
		t.Errorf("exit %d: %s", code, err.String())
	}
}

// forgetful is an owner that does not believe its disk from its third start on.
type forgetful struct {
	*acceptorOwner
	starts int
}

func (f *forgetful) fork() owner {
	return &forgetful{f.acceptorOwner.fork().(*acceptorOwner), f.starts}
}

func (f *forgetful) open(fs wal.FS, d *memfs.Disk) error {
	if f.starts++; f.starts > 2 {
		return objection("this is start %d", f.starts)
	}
	return f.acceptorOwner.open(fs, d)
}

func TestAFailureIsExit1AndNamesItsPlace(t *testing.T) {
	right := kinds["acceptor"]
	defer func() { kinds["acceptor"] = right }()
	kinds["acceptor"] = func(seed uint64, dice *rand.Rand) life {
		l := right(seed, dice)
		l.owner = &forgetful{l.owner.(*acceptorOwner), 0}
		return l
	}
	sums := filepath.Join(t.TempDir(), "crash.json")
	code, _, err := run("-states", "10", "-workers", "1", "-seed", "1", "-sums", sums)
	if code != 1 || !strings.Contains(err, "this is start 3\n  go run ./cmd/crash -at 'acceptor:1/") {
		t.Fatalf("exit %d: %s", code, err)
	}
	_, at, _ := strings.Cut(err, "-at '")
	at, _, _ = strings.Cut(at, "'")
	if code, out, err := run("-at", at); code != 1 || !strings.Contains(out, "this is start 3") {
		t.Errorf("%s: exit %d: %s%s", at, code, out, err)
	}
	if f, err := figures.Read(sums); err != nil || len(f.Legs) != 0 {
		t.Errorf("a leg that failed was added: %+v, %v", f, err)
	}
}
