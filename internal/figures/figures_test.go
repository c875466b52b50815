package figures

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func aLeg(events int64) Leg {
	return Leg{Command: "go run ./cmd/sim -seeds 10", Commit: "abc1234", Date: "2026-01-02", Seconds: 1.5,
		Sums: map[string]int64{"events": events, "simulated seconds": 40_000_000}}
}

func TestLegsAddUpAcrossRuns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "simulation.json")
	if f, err := Read(path); err != nil || len(f.Legs) != 0 || len(f.Sums()) != 0 {
		t.Fatalf("a missing file is %+v, %v", f, err)
	}
	for _, events := range []int64{5, 7} {
		if _, err := Add(path, "simulation", aLeg(events)); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Read(path)
	if err != nil || len(f.Legs) != 2 || f.Test != "simulation" || f.Legs[1].Sums["events"] != 7 {
		t.Fatalf("read %+v, %v", f, err)
	}
	if s := f.Sums(); s["events"] != 12 || s["simulated seconds"] != 80_000_000 || f.Seconds() != 3 {
		t.Fatalf("sums are %v in %v s", s, f.Seconds())
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Fatalf("besides the file there are %v, %v", files, err)
	}
}

func TestALegInTheOldOnesPlaceIsTheOnlyOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	for _, n := range []int64{3, 4} {
		if f, err := Replace(path, "x", aLeg(n)); err != nil || len(f.Legs) != 1 || f.Sums()["events"] != n {
			t.Errorf("%d: %+v, %v", n, f, err)
		}
	}
	if _, err := Replace(path, "y", aLeg(5)); err == nil {
		t.Error("the file of another test was overwritten")
	}
	if f, err := Read(path); err != nil || len(f.Legs) != 1 || f.Sums()["events"] != 4 {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestLegsThatEndAtOnceAreBothKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if _, err := Add(path, "x", aLeg(int64(i))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if f, err := Read(path); err != nil || len(f.Legs) != 20 || f.Sums()["events"] != 190 {
		t.Fatalf("%d legs of 20, %v, %v", len(f.Legs), f.Sums(), err)
	}
}

func TestAFileThatIsNotOneOfSumsIsRefusedAndLeftAlone(t *testing.T) {
	leg := `{"command":"c","commit":"h","date":"d","seconds":1,"sums":{"n":1}}`
	for text, why := range map[string]string{
		``:                                   "EOF",
		`{"test":"x","legs":[` + leg:         "EOF",
		`{"test":"x","legs":[` + leg + `]}{`: "behind its end",
		`{"legs":[` + leg + `]}`:             "of which test",
		`{"test":"x","sums":{},"legs":[]}`:   "unknown field",
		`{"test":"x","legs":[{"command":"c","commit":"h","seconds":1,"sums":{"n":1}}]}`:             "leg 1: a leg needs",
		`{"test":"x","legs":[` + leg + `,{"command":"c","commit":"h","date":"d","sums":{}}]}`:       "leg 2: a leg without a sum",
		`{"test":"x","legs":[{"command":"c","commit":"h","date":"d","seconds":-1,"sums":{"n":1}}]}`: "cannot take -1 s",
		`{"test":"x","legs":[{"command":"c","commit":"h","date":"d","sums":{"n":-1}}]}`:             `"n" is -1`,
		`{"test":"y","legs":[` + leg + `]}`:                                                         `the sums of "y", not of "x"`,
	} {
		path := filepath.Join(t.TempDir(), "x.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Add(path, "x", aLeg(1))
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: the error is %v, and should say %q", text, err, why)
		}
		if now, _ := os.ReadFile(path); string(now) != text {
			t.Errorf("%s: became %s", text, now)
		}
	}
}

func TestALegSaysWhatWasTypedAndNotWhereItLies(t *testing.T) {
	for want, args := range map[string][]string{
		"go run ./cmd/sim -seeds 10":            {"/var/tmp/go-build1/b001/exe/sim", "-seeds", "10"},
		"go run ./cmd/chaos -data run1":         {"chaos", "-data", "/some/where/run1"},
		"go run ./cmd/chaos -data=run1 -for=5m": {"chaos", "-data=/some/where/run1", "-for=5m"},
		"go run ./cmd/sim -only 'a b'":          {"./sim", "-only", "a b"},
		`go run ./cmd/sim 'it'\''s'`:            {"./sim", "it's"},
	} {
		if got := typed(args); got != want {
			t.Errorf("%q is told as %q, not %q", args, got, want)
		}
	}
	leg := NewLeg(time.Now().Add(-2 * time.Second))
	if leg.Seconds < 2 || leg.Seconds > 60 || leg.Sums == nil || len(leg.Date) != 10 || leg.Commit == "" {
		t.Errorf("a new leg is %+v", leg)
	}
}

func TestACommitIsMarkedWhenTheTreeDiffers(t *testing.T) {
	dir := t.TempDir()
	if got := commit(dir); got != "unknown" {
		t.Errorf("outside a repository: %q", got)
	}
	git(t, dir, "init", "-q")
	write(t, dir, "a.go", "package a\n")
	git(t, dir, "add", ".")
	git(t, dir, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "one")
	clean := commit(dir)
	if len(clean) < 7 || strings.HasSuffix(clean, "+") {
		t.Errorf("a clean tree: %q", clean)
	}
	write(t, dir, "docs/figures/simulation.json", "{}")
	write(t, dir, "docs/testing.md", "# Testing\n")
	if got := commit(dir); got != clean {
		t.Errorf("with new figures: %q, not %q", got, clean)
	}
	write(t, dir, "b.go", "package a\n")
	if got := commit(filepath.Join(dir, "docs")); got != clean+"+" {
		t.Errorf("with a new file, seen from a directory below: %q, not %q", got, clean+"+")
	}
}

func TestSumsAreReadAsPeopleReadThem(t *testing.T) {
	for want, got := range map[string]string{
		"999":                     amount("events", 999),
		"1,000":                   amount("events", 1000),
		"2,147,483,648":           amount("events", 1<<31),
		"142,006,176 (4.5 years)": amount("simulated seconds", 142_006_176),
		"59":                      amount("simulated seconds", 59),
		"7,200 (2.0 hours)":       amount("simulated seconds", 7200),
		"1 h 1 min":               duration(3661),
		"1 min 1 s":               duration(61),
		"12 s":                    duration(12.4),
	} {
		if got != want {
			t.Errorf("%q should be %q", got, want)
		}
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, dir, test string, legs ...Leg) {
	t.Helper()
	for _, leg := range legs {
		if _, err := Add(filepath.Join(dir, test+".json"), test, leg); err != nil {
			t.Fatal(fmt.Errorf("%s: %w", test, err))
		}
	}
}
