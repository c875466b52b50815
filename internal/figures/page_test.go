package figures

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	if out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// TestThePageShowsTheFiguresOfTheFiles holds docs/testing.md: its figures are
// made, and not typed.
func TestThePageShowsTheFiguresOfTheFiles(t *testing.T) {
	changed, err := Rewrite("../../docs/testing.md", "../../docs/figures", true)
	if err != nil {
		t.Fatal(err)
	}
	if changed {
		t.Error("docs/testing.md differs from docs/figures/*.json; go run ./cmd/figures writes it anew")
	}
}

const blank = "# Testing\n\nBefore.\n\n<!-- figures: simulation -->\nold\n<!-- end -->\n\nBetween.\n\n<!-- figures: model -->\n<!-- end -->\n\nAfter.\n"

func TestABlockIsWrittenFromItsFile(t *testing.T) {
	dir := t.TempDir()
	second := aLeg(999_995)
	second.Commit, second.Date = "def5678+", "2026-01-05"
	second.Notes = map[string]string{"10 b": "second", "9 a|b": "first", "plain": "last"}
	put(t, dir, "simulation", aLeg(5), second)
	got, err := Page(blank, dir)
	if err != nil {
		t.Fatal(err)
	}
	want := "# Testing\n\nBefore.\n\n<!-- figures: simulation -->\n" + `
| simulation | sum |
| --- | ---: |
| events | 1,000,000 |
| simulated seconds | 80,000,000 (2.5 years) |

Got from 2026-01-02 to 2026-01-05 in 2 legs, 3 s of wall time, at commits ` + "`abc1234`, `def5678+` by `go run ./cmd/sim -seeds 10` (2 times); kept in [simulation.json](figures/simulation.json)." + `

| 3 noted | |
| --- | --- |
| 9 a\|b | first |
| 10 b | second |
| plain | last |

<!-- end -->

Between.

<!-- figures: model -->

No leg of this test is kept yet.

<!-- end -->

After.
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if again, err := Page(got, dir); err != nil || again != got {
		t.Errorf("written anew it is another page (%v):\n%s", err, again)
	}
}

func TestAPageThatCannotBeWrittenIsRefused(t *testing.T) {
	for text, why := range map[string]string{
		"no block at all":                 "simulation.json is shown by no block",
		"<!-- figures: simulation -->\nx": "has no end",
		"<!-- figures: simulation":        "has no end",
		"<!-- figures: simulation -->\n<!-- figures: model -->\n<!-- end -->": "has no end",
		blank + "<!-- figures: broken -->\n<!-- end -->":                      "broken.json is no file of sums",
	} {
		dir := t.TempDir()
		put(t, dir, "simulation", aLeg(5))
		if strings.Contains(text, "broken") {
			write(t, dir, "broken.json", "{")
		}
		if page, err := Page(text, dir); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q gave %q and the error %v, which should say %q", text, page, err, why)
		}
	}
}

func TestTheCommandChecksAndWritesThePage(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "testing.md")
	write(t, dir, "testing.md", blank)
	sums := filepath.Join(dir, "figures")
	put(t, sums, "simulation", aLeg(5))
	run := func(want int, says string, args ...string) {
		t.Helper()
		var out, errs bytes.Buffer
		if got := Run(args, &out, &errs); got != want || !strings.Contains(out.String()+errs.String(), says) {
			t.Errorf("%v: exit code %d, not %d; it said %q and %q, and should say %q", args, got, want, out.String(), errs.String(), says)
		}
	}
	run(1, "differs from the files", "-check", "-page", page, "-dir", sums)
	if text, _ := os.ReadFile(page); string(text) != blank {
		t.Errorf("-check wrote %s", text)
	}
	run(0, "written", "-page", page, "-dir", sums)
	run(0, "", "-check", "-page", page, "-dir", sums)
	run(0, "", "-page", page, "-dir", sums)
	run(1, "no such file", "-page", page+"x", "-dir", sums)
	file := filepath.Join(sums, "simulation.json")
	run(0, "1,005 events", "add", "-test", "simulation", "-sums", file, "-command", "x.sh", "-seconds", "2", "events=1000")
	run(1, "differs from the files", "-check", "-page", page, "-dir", sums)
	for why, args := range map[string][]string{
		"neither a flag":             {"ad"},
		"the words add and commit":   {"commit", "x"},
		"flag provided but":          {"-chek"},
		"needs its command":          {"add", "-test", "a", "-sums", file, "n=1"},
		"counts nothing":             {"add", "-test", "a", "-sums", file, "-command", "c"},
		`"n" is not COUNT=NUMBER`:    {"add", "-test", "a", "-sums", file, "-command", "c", "n"},
		`"n=x" is not COUNT=NUMBER`:  {"add", "-test", "a", "-sums", file, "-command", "c", "n=x"},
		`"n=2" is not COUNT=NUMBER`:  {"add", "-test", "a", "-sums", file, "-command", "c", "n=1", "n=2"},
		"-test and -sums are needed": {"add", "-sums", file, "-command", "c", "n=1"},
	} {
		run(2, why, args...)
	}
	run(0, "1,006 events", "add", "-test", "simulation", "-sums", file, "-command", "y.sh", "-commit", "abc9999", "-seconds", "2", "events=1")
	if f, err := Read(file); err != nil || f.Legs[2].Commit != "abc9999" || f.Legs[1].Commit != Commit() {
		t.Errorf("%+v, %v", f.Legs, err)
	}
	run(0, Commit()+"\n", "commit")
	run(1, `not of "a"`, "add", "-test", "a", "-sums", file, "-command", "c", "n=1")
	for _, args := range [][]string{{"-check", "-page", page, "-dir", sums + "x"}, {"-page", page, "-dir", file}} {
		run(2, "-dir: open "+args[len(args)-1], args...)
	}
	for _, args := range [][]string{{"-h"}, {"add", "-h"}} {
		var out, errs bytes.Buffer
		if code := Run(args, &out, &errs); code != 0 || errs.Len() > 0 || !strings.Contains(out.String(), "usage: figures") {
			t.Errorf("%v: exit code %d, %q, %q", args, code, out.String(), errs.String())
		}
	}
}
