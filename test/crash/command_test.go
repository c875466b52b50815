package crash

import (
	"bytes"
	"context"
	"math/rand/v2"
	"path/filepath"
	"regexp"
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

// lastLine is where the verdict is.
func lastLine(out string) string {
	return out[strings.LastIndex(strings.TrimSuffix(out, "\n"), "\n")+1:]
}

func TestTheCommandCountsAndGoesOnWhereTheSumsEnd(t *testing.T) {
	sums := filepath.Join(t.TempDir(), "crash.json")
	if _, err := figures.Add(sums, "crash states", figures.Leg{Command: "x", Commit: "x", Date: "2026-01-02", Seconds: 1, Sums: Sums{lives: 7, states: 1}}); err != nil {
		t.Fatal(err)
	}
	code, out, errs := run("-states", "500", "-workers", "1", "-sums", sums)
	f, err := figures.Read(sums)
	if code != 0 || err != nil || !strings.HasPrefix(lastLine(out), "nothing was wrong in ") || len(f.Legs) != 2 || f.Sums()[states] < 501 || f.Sums()[lives] != 8 {
		t.Fatalf("exit %d: %s%s%+v, %v", code, out, errs, f, err)
	}
	// Life 7 is a learner's.
	if leg := f.Legs[1].Sums; leg[states+": snapshot"] == 0 || leg[states+": journal"] != 0 {
		t.Errorf("%+v", leg)
	}
}

func TestTheCommandJudgesOneState(t *testing.T) {
	for _, at := range []string{"acceptor:0/99999!0", "elsewhere", "learner:0/1f!0", "acceptor:0/105+4!0.1.0.1.1", "acceptor:0/105+4!2"} {
		if code, _, err := run("-at", at); code != 2 || !strings.Contains(err, "-at: ") {
			t.Errorf("%s: exit %d: %s", at, code, err)
		}
	}
}

// TestTheExamplesOfTheHelpArePlaces: what -h shows can be typed, and is all of the notation.
func TestTheExamplesOfTheHelpArePlaces(t *testing.T) {
	examples := regexp.MustCompile(`-at ([a-z]+:\S+)`).FindAllStringSubmatch(usage, -1)
	if len(examples) < 2 {
		t.Fatalf("the examples are %q", examples)
	}
	for _, e := range examples {
		code, out, err := run("-at", e[1])
		if code != 0 || err != "" || !strings.HasSuffix(out, "nothing is wrong at "+e[1]+"\n") {
			t.Errorf("%s: exit %d: %s%s", e[1], code, out, err)
		}
	}
	all := examples[len(examples)-1][1]
	for line := range strings.Lines(usage[strings.Index(usage, "A PLACE is"):]) {
		if part, found := strings.CutPrefix(line, "  "); found && part[0] != ' ' && !strings.Contains(all, strings.Fields(part)[0]) {
			t.Errorf("%q is explained, and not in %s", part, all)
		}
	}
}

func TestAPlaceIsToldInWords(t *testing.T) {
	for at, want := range map[string][]string{
		"acceptor:0/105+4!0.1.0.1/4fk/9!0": {
			"start 1: 105 changes of the disk are done, and 4 sectors of the next: to write 3584 bytes into /data/0000000000000005.wal from byte 512 on\n  the power goes; of what was not durable:\n",
			"\n    /data/0000000000000005.wal, sector 3: as it was before\n    /data/0000000000000005.wal, sector 4: survived\n",
			"\nstart 2: 4 changes of the disk are done; to sync /data/identity.tmp was tried and has failed\n  the process dies, and the power stays",
			"\nstart 3: 9 changes of the disk are done; the next is to sync the data of /data/0000000000000004.wal\n  the power goes; everything was durable\n",
		},
		"acceptor:0/84+2!1.0.1": {".wal.tmp created: survived\n", ".wal.tmp, growth to 1536 bytes: lost\n", ".wal.tmp, sector 0: survived, as far as the file reaches\n"},
		"learner:0/5!1.1":       {"the next is to sync directory /data\n", "/data/identity.tmp created: survived\n", "/data/identity.tmp renamed to /data/identity: survived\n"},
	} {
		_, out, err := run("-at", at)
		for _, text := range want {
			if !strings.Contains(out, text) {
				t.Errorf("%s: %q is not in\n%s%s", at, text, out, err)
			}
		}
	}
}

func TestWrongUsageIsExit2(t *testing.T) {
	for _, args := range [][]string{{"-states", "0"}, {"-workers", "0"}, {"-for", "2h"}, {"-for", "-1s"}, {"-seed", "-2"}, {"x"}, {"-what"}, {"-sums", "/"}, {"-seed", "1", "-sums", "x"}, {"-at", "learner:7", "-sums", "x"}} {
		if code, _, err := run(args...); code != 2 || err == "" {
			t.Errorf("%v: exit %d: %s", args, code, err)
		}
	}
	if code, out, err := run("-h"); code != 0 || err != "" || !strings.Contains(out, "usage: crash") || !strings.Contains(out, "-states int") {
		t.Errorf("-h: exit %d: %s%s", code, out, err)
	}
}

func TestTooLittleIsExit1(t *testing.T) {
	if code, out, err := run("-seed", "1", "-states", "1000000", "-workers", "1", "-for", "1ms"); code != 1 || !strings.Contains(lastLine(out), "too little happened") {
		t.Errorf("exit %d: %s%s", code, out, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, err bytes.Buffer
	if code := Run(ctx, nil, &out, &err); code != 1 || !strings.Contains(lastLine(out.String()), "0 states were judged") {
		t.Errorf("exit %d: %s%s", code, out.String(), err.String())
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
	if _, err := figures.Add(sums, "crash states", figures.Leg{Command: "x", Commit: "x", Date: "2026-01-02", Seconds: 1, Sums: Sums{lives: 2, states: 1}}); err != nil {
		t.Fatal(err)
	}
	code, out, err := run("-states", "10", "-workers", "1", "-sums", sums)
	_, at, _ := strings.Cut(out, "  go run ./cmd/crash -at '")
	at, _, _ = strings.Cut(at, "'")
	want := "something is wrong at " + at + " ("
	if code != 1 || !strings.HasPrefix(at, "acceptor:1/") || !strings.HasPrefix(lastLine(out), want) || !strings.HasSuffix(out, "this is start 3\n") {
		t.Fatalf("exit %d: %s%s", code, out, err)
	}
	code, again, err := run("-at", at)
	if code != 1 || !strings.HasPrefix(lastLine(again), want) || !strings.HasSuffix(again, "this is start 3\n") || !strings.Contains(again, "start 1: ") || !strings.Contains(again, "the next is to ") || !strings.Contains(again, "start 2: ") {
		t.Errorf("%s: exit %d: %s%s", at, code, again, err)
	}
	// What goes wrong after the place that was asked for is told as well.
	if code, out, _ := run("-at", "acceptor:1/2!0"); code != 1 || !strings.Contains(out, "\nstart 2: ") || !strings.Contains(out, "something is wrong at acceptor:1/2!0/") {
		t.Errorf("exit %d: %s", code, out)
	}
	if f, err := figures.Read(sums); err != nil || len(f.Legs) != 1 {
		t.Errorf("a leg that failed was added: %+v, %v", f, err)
	}
}
