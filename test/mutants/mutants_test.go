package mutants

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func every(t *testing.T) []Mutant {
	t.Helper()
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestThereAreMutantsOfEachKind(t *testing.T) {
	// What the plan of the proof names, one for one.
	kinds := []string{"promise-not-durable", "reply-before-sync", "ballot-reused", "promise-lowered", "stale-promises-counted", "stale-accepteds-counted",
		"acceptor-counted-twice", "lower-ballot-value", "upper-slots-forgotten", "gap-never-filled", "quorum-of-those-heard", "empty-disk-votes",
		"learner-counts-across-ballots", "slot-skipped", "session-table-not-in-snapshot", "truncated-above-snapshot", "snapshot-regresses",
		"read-without-quorum", "read-index-reused", "torn-tail-kept", "segment-name-not-synced", "sync-error-ignored", "leader-keeps-leading",
		"lease-expired-unchecked", "window-ignored", "accept-keeps-promise"}
	all := every(t)
	if len(all) < 30 {
		t.Errorf("there are %d mutants, 30 are wanted", len(all))
	}
	for _, name := range kinds {
		if !slices.ContainsFunc(all, func(m Mutant) bool { return m.Name == name }) {
			t.Errorf("there is no mutant %q", name)
		}
	}
}

// TestEveryMutantAppliesToTheProductAsItIs: who changes a line that a mutant
// changes must say what the mutant is now.
func TestEveryMutantAppliesToTheProductAsItIs(t *testing.T) {
	for _, m := range every(t) {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			root := repository(t)
			overlay, err := m.Plant(context.Background(), root, dir)
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(overlay)
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range m.Files {
				before, err := os.ReadFile(filepath.Join(root, path))
				if err != nil {
					t.Fatal(err)
				}
				after, err := os.ReadFile(filepath.Join(dir, path))
				if err != nil {
					t.Fatal(err)
				}
				if bytes.Equal(before, after) || !strings.Contains(string(text), filepath.Join(root, path)) {
					t.Errorf("%s is not changed, or not in the overlay %s", path, text)
				}
				if strings.HasSuffix(path, "_test.go") {
					t.Errorf("%s is a test: a bug is planted in the product", path)
				}
			}
		})
	}
}

func TestAPatchThatFitsNothingIsRefused(t *testing.T) {
	root := repository(t)
	m, err := parse("x", "# Bug: b\n# Shipped: s\n# Notice: n\n--- a/go.mod\n+++ b/go.mod\n@@ -1,2 +1,2 @@\n-module other\n+module another\n \n")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Plant(context.Background(), root, t.TempDir()); err == nil || !strings.Contains(err.Error(), "x does not apply") {
		t.Errorf("the error is %v", err)
	}
}

func TestAHeadSaysAllOfIt(t *testing.T) {
	tail := "--- a/go.mod\n+++ b/go.mod\n"
	m, err := parse("x", "# Bug: first\n#   and on\n# Shipped: somebody: twice\n# Notice: n\n"+tail)
	if err != nil || m.Bug != "first and on" || m.Shipped != "somebody: twice" || m.Notice != "n" || !slices.Equal(m.Files, []string{"go.mod"}) {
		t.Errorf("%+v, %v", m, err)
	}
	for text, why := range map[string]string{
		"# Bug: b\n# Notice: n\n" + tail: `does not say "# Shipped:"`,
		"# words\n" + tail:               "begins with",
		tail:                             "does not say",
		"# Bug: b\n# Shipped: s\n# Notice: n\n@@\n": "changes nothing",
	} {
		if _, err := list(fstest.MapFS{"bad.diff": {Data: []byte(text)}}); err == nil || !strings.HasPrefix(err.Error(), "test/mutants/bad.diff: ") {
			t.Errorf("%q: the error %v does not name the file", text, err)
		}
		if _, err := parse("x", text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: the error is %v and should say %s", text, err, why)
		}
	}
}

func repository(t *testing.T) string {
	t.Helper()
	root, err := Root(".")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// fake makes a program that says what a simulator says.
func fake(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sim")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheSimulatorsWordIsTaken(t *testing.T) {
	sums := `echo '{"sums":{"seeds":7,"events":70},"seconds":1}'` + "\n"
	for name, c := range map[string]struct{ script, checker, wrong string }{
		"nothing was wrong":                 {sums, "", ""},
		"the lowest seed counts":            {`echo '{"seed":5,"checker":"late"}'; echo '{"seed":3,"checker":"agreement","text":"two"}'` + "\n" + sums + "exit 1", "agreement", ""},
		"a crash names no seed":             {"echo 'panic: index out of range' >&2; echo 'goroutine 1' >&2; exit 2", "", `named no seed; it said "panic: index out of range"`},
		"a failure without a seed is none":  {`echo '{"checker":"late"}'` + "\n" + sums + "exit 1", "", "named no seed"},
		"wrong usage is no verdict":         {sums + "echo 'see -h' >&2; exit 2", "", "see -h"},
		"too little happened is no verdict": {sums + "echo 'too little happened' >&2; exit 1", "", "too little happened"},
		"failing in success is none":        {`echo '{"seed":5,"checker":"late"}'` + "\n" + sums, "", `found "late"`},
		"no sums, no verdict":               {"echo '{}'", "", "how many seeds"},
		"words are no verdict":              {"echo fine", "", "not JSON"},
	} {
		v, err := Swarm{First: 1, For: 60e9, Workers: 1}.Judge(context.Background(), fake(t, c.script))
		if c.wrong == "" && (err != nil || v.Checker != c.checker) || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
		if c.checker == "agreement" && (v.Seed != 3 || v.Text != "two" || v.Seeds != 7 || v.Events != 70) {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if _, err := (Swarm{First: 1, For: 1e9, Workers: 1}).Judge(context.Background(), "/nonexistent"); err == nil {
		t.Error("a program that is not there was judged")
	}
}

func TestWhatIsFoundTooLateIsNotCaught(t *testing.T) {
	program := fake(t, `echo '{"seed":5,"checker":"late"}'`+"\n"+`echo '{"sums":{"seeds":7},"seconds":1}'`+"\nexit 1")
	for length, caught := range map[time.Duration]bool{time.Minute: true, time.Nanosecond: false} {
		v, err := Swarm{First: 1, For: length, Workers: 1}.Judge(context.Background(), program)
		if err != nil || v.Caught() != caught || !caught && !strings.Contains(verdict(v, err), "too late: found by late at seed 5") {
			t.Errorf("within %v: %+v, %v: %s", length, v, err, verdict(v, err))
		}
	}
}

func TestTheSwarmIsTheSameForAll(t *testing.T) {
	dir := t.TempDir()
	said := filepath.Join(dir, "args")
	program := fake(t, `echo "$@" >>`+said+"\n"+`echo '{"sums":{"seeds":7},"seconds":1}'`)
	for _, s := range []Swarm{{First: 1, For: 60e9, Workers: 2}, {First: 1, Seeds: 7, For: 60e9, Workers: 2}} {
		if _, err := s.Judge(context.Background(), program); err != nil {
			t.Fatal(err)
		}
	}
	want := "-seed 1 -for 1m0s -workers 2 -fail-fast -o json\n-seed 1 -for 1m0s -workers 2 -fail-fast -o json -seeds 7\n"
	if got, err := os.ReadFile(said); err != nil || string(got) != want {
		t.Errorf("the programs were called with\n%swant\n%s%v", got, want, err)
	}
}

func TestTheCommandRefusesWhatItCannotDo(t *testing.T) {
	for why, args := range map[string][]string{
		`there is no mutant "x"`:        {"-only", "ballot-reused,x"},
		"only flags":                    {"ballot-reused"},
		"at most an hour":               {"-for", "2h"},
		"-workers and -seed":            {"-workers", "0"},
		"flag provided but not defined": {"-fro", "1s"},
		"mutants: see -h":               {"-fro=1s"},
		"-shrink is for one mutant":     {"-shrink"},
	} {
		var out, errs bytes.Buffer
		if code := Run(context.Background(), args, &out, &errs); code != 2 || !strings.Contains(errs.String(), why) {
			t.Errorf("%v: exit code %d, %q, which should say %q", args, code, errs.String(), why)
		}
	}
	var help, nothing bytes.Buffer
	if code := Run(context.Background(), []string{"-h"}, &help, &nothing); code != 0 || nothing.Len() > 0 || !strings.Contains(help.String(), "-only") {
		t.Errorf("-h: exit code %d, %q, %q", code, help.String(), nothing.String())
	}
	var out, errs bytes.Buffer
	if code := Run(context.Background(), []string{"-list", "-only", "ballot-reused"}, &out, &errs); code != 0 || !strings.Contains(out.String(), "start id is a constant") {
		t.Errorf("-list: exit code %d, %q, %q", code, out.String(), errs.String())
	}
}

// TestAHuntTellsTheCaughtFromTheSurvivors plants bugs in a small program, which
// stands in for the simulator.
func TestAHuntTellsTheCaughtFromTheSurvivors(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go to build with")
	}
	root := fakeRepository(t)
	caught, survivor, broken := planted(t, "caught", "return true"), planted(t, "survivor", "return 1 > 2"), planted(t, "broken", "return")
	t.Chdir(root)
	sums := filepath.Join(root, "sums.json")
	o := options{program: "./cmd/sim", sums: sums, swarm: Swarm{First: 1, For: 20e9, Workers: 1}}
	var out, errs bytes.Buffer
	survived, err := o.hunt(context.Background(), []Mutant{caught, survivor, broken}, &out, &errs)
	if err != nil || survived != 2 {
		t.Fatalf("%d survived, %v:\n%s%s", survived, err, out.String(), errs.String())
	}
	for _, want := range []string{"without a bug: 9 seeds, 90 events", "caught                         agreement                 4", "survivor                       SURVIVED", "it passed 9 seeds",
		"broken                         could not be judged", "1 of 3 caught", "git apply test/mutants/MUTANT.diff && go run ./cmd/sim -seed SEED -v", "3 mutants judged", "1 mutants caught"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.String())
		}
	}
	// The program without a bug ran 9 seeds; no other gets more.
	args, err := os.ReadFile(filepath.Join(root, "args"))
	if lines := strings.Split(strings.TrimSpace(string(args)), "\n"); err != nil || len(lines) != 3 || strings.Contains(lines[0], "-seeds") || !strings.Contains(lines[1], "-seeds 9") || !strings.Contains(lines[2], "-seeds 9") {
		t.Errorf("the programs were called with\n%s%v", args, err)
	}
	if !strings.Contains(errs.String(), "not enough return values") {
		t.Errorf("it is not told why one could not be judged: %s", errs.String())
	}
	ctx, interrupt := context.WithCancel(context.Background())
	if _, err := o.hunt(ctx, []Mutant{caught, survivor}, interrupter{&out, "caught  ", interrupt}, &errs); err == nil || !strings.Contains(err.Error(), "interrupted after 1 of 2 mutants: nothing is said of the others") {
		t.Errorf("an interrupted hunt: %v", err)
	}
	if _, err := o.hunt(ctx, []Mutant{caught}, &out, &errs); err == nil || !strings.Contains(err.Error(), "nothing is said of any mutant") {
		t.Errorf("a hunt that is interrupted at once: %v", err)
	}
	o.swarm = Swarm{First: 8, For: 20e9, Workers: 1}
	if _, err := o.hunt(context.Background(), []Mutant{caught}, &out, &errs); err == nil || !strings.Contains(err.Error(), "proves nothing") {
		t.Errorf("a program that fails without a bug: %v", err)
	}
}

// fakeRepository is one of a small program that stands in for the simulator.
func fakeRepository(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module small\n\ngo 1.26\n", "test/mutants/x": "", "cmd/sim/main.go": small,
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// planted is a mutant of the small program.
func planted(t *testing.T, name, body string) Mutant {
	t.Helper()
	m, err := parse(name, "# Bug: b\n# Shipped: s\n# Notice: n\n--- a/cmd/sim/main.go\n+++ b/cmd/sim/main.go\n@@ -7,3 +7,3 @@\n \n"+
		"-func wrong() bool { return false }\n+func wrong() bool { "+body+" }\n \n")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// interrupter interrupts when it is to write some words.
type interrupter struct {
	io.Writer
	words     string
	interrupt func()
}

func (i interrupter) Write(b []byte) (int, error) {
	if strings.HasPrefix(string(b), i.words) {
		i.interrupt()
	}
	return i.Writer.Write(b)
}

const small = `package main

import (
	"fmt"
	"os"
)

func wrong() bool { return false }

func main() {
	f, err := os.OpenFile("args", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(f, os.Args[1:])
	failed := wrong() || os.Args[2] == "8"
	if os.Args[len(os.Args)-1] == "-shrink" {
		fmt.Println("smaller")
		fmt.Fprintln(os.Stderr, "agreement")
		os.Exit(1)
	}
	if failed {
		fmt.Println("{\"seed\":4,\"checker\":\"agreement\",\"text\":\"two\"}")
	}
	fmt.Println("{\"sums\":{\"seeds\":9,\"events\":90},\"seconds\":1}")
	if failed {
		os.Exit(1)
	}
}
`
