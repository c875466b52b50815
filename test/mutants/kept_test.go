package mutants

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// kept says of each scenario that is kept which mutant is the bug that it showed.
var kept = map[string]string{
	"chosen-where-no-learner-hears": "own-slots-not-finished",
	"late-page-of-an-election":      "finish-believes-late-pages",
	"learner-that-is-passed-over":   "wish-dropped",
}

// TestAKeptScenarioShowsItsBugAndNoOther: where nodes or users throw their dice
// otherwise, a scenario means another world, and passes for that reason; then it
// is to be found anew: go run ./cmd/mutants -only MUTANT -shrink.
func TestAKeptScenarioShowsItsBugAndNoOther(t *testing.T) {
	root := repository(t)
	files, err := filepath.Glob(filepath.Join(root, "sim", "testdata", "*.json"))
	if err != nil || len(files) != len(kept) {
		t.Fatalf("%d scenarios are kept, and %d have a mutant here: %v", len(files), len(kept), err)
	}
	clean := filepath.Join(t.TempDir(), "clean")
	if err := Build(t.Context(), root, "", "./cmd/sim", clean); err != nil {
		t.Fatal(err)
	}
	for name, bug := range kept {
		t.Run(name, func(t *testing.T) {
			scenario := filepath.Join(root, "sim", "testdata", name+".json")
			if found := objections(t, clean, scenario); len(found) > 0 {
				t.Errorf("without a bug it shows %v", found)
			}
			all, err := Select([]string{bug})
			if err != nil {
				t.Fatal(err)
			}
			o := options{program: "./cmd/sim"}
			program, end, err := o.planted(t.Context(), all[0])
			if err != nil {
				t.Fatal(err)
			}
			defer end()
			if len(objections(t, program, scenario)) == 0 {
				t.Errorf("it does not show %s any more: worlds are others than they were. Find it anew:\n  go run ./cmd/mutants -only %s -shrink > sim/testdata/%s.json", bug, bug, name)
			}
		})
	}
}

// objections are the checkers that object to a scenario.
func objections(t *testing.T, program, scenario string) (list []string) {
	t.Helper()
	if _, err := os.Stat(scenario); err != nil {
		t.Fatal(err)
	}
	// Its exit code says the same as its lines.
	out, _ := exec.CommandContext(t.Context(), program, "-scenario", scenario, "-o", "json").Output()
	sums := false
	for _, text := range bytes.Split(bytes.TrimSpace(out), []byte("\n")) {
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			t.Fatalf("it said %q: %v", text, err)
		}
		if l.Checker != "" {
			list = append(list, l.Checker)
		}
		sums = sums || l.Sums != nil
	}
	if !sums {
		t.Fatalf("it did not say that it ended: %s", out)
	}
	return slices.Compact(list)
}

func TestAScenarioIsShrunkFromAMutant(t *testing.T) {
	root := fakeRepository(t)
	t.Chdir(root)
	caught, survivor := planted(t, "caught", "return true"), planted(t, "survivor", "return 1 > 2")
	o := options{program: "./cmd/sim", swarm: Swarm{First: 1, For: 20e9, Workers: 1}}
	var out, errs bytes.Buffer
	if err := o.shrink(t.Context(), caught, &out, &errs); err != nil || out.String() != "smaller\n" || !bytes.Contains(errs.Bytes(), []byte("seed 4: agreement")) {
		t.Errorf("%v: %q, %q", err, &out, &errs)
	}
	if err := o.shrink(t.Context(), survivor, &out, &errs); err == nil || !bytes.Contains([]byte(err.Error()), []byte("9 seeds, and none shows survivor")) {
		t.Errorf("a mutant that nothing shows: %v", err)
	}
}
