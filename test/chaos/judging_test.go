//go:build linux

package chaos

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

func quiet() *report { return &report{tell: func(string, ...any) {}} }

// holds fails unless something was found wrong that has these words, or unless
// nothing was for "".
func holds(t *testing.T, r *report, words string) {
	t.Helper()
	all := strings.Join(r.found(), "\n")
	if (words == "") != (all == "") || !strings.Contains(all, words) {
		t.Errorf("found %q, want %q", all, words)
	}
}

func TestAHistoryThatCannotHaveHappenedIsToldAndDrawn(t *testing.T) {
	put := asked{key: "k/1", kind: "put", value: "a"}
	readOf := func(v string) []porcupine.Operation {
		return []porcupine.Operation{op(1, 2, put, yes), op(3, 4, asked{key: "k/1", kind: "read"}, is(v)), op(3, 4, asked{key: "k/2", kind: "read"}, is(""))}
	}
	for value, words := range map[string]string{"a": "", "b": "the history of k/1 is certain not to be linearizable"} {
		r, dir := newRecorder(quiet()), t.TempDir()
		r.ops = readOf(value)
		r.judge("registers", registers, dir)
		holds(t, r.report, words)
		drawn, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || (len(drawn) > 0) != (words != "") {
			t.Errorf("drawn: %q, %v", drawn, err)
		}
		if len(drawn) > 0 {
			page, err := os.ReadFile(filepath.Join(dir, "registers-k-1.html"))
			if err != nil || !bytes.Contains(page, []byte("kind:put")) {
				t.Errorf("a page of %d bytes, %v", len(page), err)
			}
		}
	}
}

func TestALieThatTheCheckerDoesNotSeeIsAFailure(t *testing.T) {
	legal := []porcupine.Operation{op(1, 2, asked{kind: "put", value: "a"}, yes), op(3, 4, asked{kind: "put", value: "b"}, yes), op(5, 6, read, is("b"))}
	blind := model(func(state string, _ asked, _ told) (bool, string) { return true, state })
	for words, m := range map[string]porcupine.Model{"": registers, "a value that nobody wrote goes unnoticed": blind} {
		r := newRecorder(quiet())
		r.forge(m, legal, foreign)
		holds(t, r.report, words)
	}
	r := newRecorder(quiet())
	r.forge(registers, legal, lostAppend)
	holds(t, r.report, "there is no answer in the history to forge a lost append")
}

func TestTooLittleIsAFailure(t *testing.T) {
	r := newRecorder(quiet())
	r.note(1, r.now(), asked{key: "k", kind: "put", value: "a"}, told{})
	r.atLeast(map[string]int{"put acknowledged": 1})
	holds(t, r.report, "")
	r.atLeast(map[string]int{"put acknowledged": 2})
	holds(t, r.report, `too little happened: 1 of "put acknowledged"`)
	r = newRecorder(quiet())
	r.note(1, r.now(), asked{key: "k", kind: "put", value: "a"}, told{fate: unknown})
	r.atLeast(nil)
	holds(t, r.report, "too little is known")
	if r.ops[0].Return != math.MaxInt64 {
		t.Error("a write of unknown fate has an end")
	}

	for _, kind := range Faults {
		n := newNemesis(&cluster{report: quiet()}, nil)
		n.judge([]string{kind})
		holds(t, n.c.report, "too little happened: no")
		for _, how := range ways[kind].how {
			n.counts["fault: "+how]++
		}
		if kind == "power" {
			n.counts["fault: power failure"], n.counts["unsynced changes kept"] = 3, 1
		}
		n.c.report.wrong = nil
		n.judge([]string{kind})
		holds(t, n.c.report, map[bool]string{true: "no unsynced changes lost"}[kind == "power"])
	}
}

func TestSumsThatWereNotAcknowledgedAreAFailure(t *testing.T) {
	one := asked{key: "c", kind: "increment"}
	for sum, words := range map[string]string{"2": "", "1": "c is 1 in the end, and 2 increments were acknowledged", "3": "c is 3 in the end"} {
		c := &cluster{report: quiet()}
		r := newRecorder(c.report)
		r.ops = []porcupine.Operation{op(1, 2, one, is("1")), op(3, 4, one, is("2")), op(5, 6, asked{key: "c", kind: "read"}, is(sum))}
		c.sums(r)
		holds(t, c.report, words)
	}
}

func TestEveryWayOfBreakingComesBeforeAnyComesTwice(t *testing.T) {
	n := newNemesis(&cluster{report: quiet()}, rand.New(rand.NewPCG(1, 2)))
	for range 50 {
		var seen []string
		for _, k := range n.deck(Faults)[:10] {
			if slices.Contains(seen, k.how) {
				t.Errorf("%q comes twice: %q", k.how, seen)
			}
			seen = append(seen, k.how)
		}
	}
	if n := len(n.deck([]string{"disk"})); n != 12 {
		t.Errorf("%d cards of failing disks, of 4 ways to each of 3", n)
	}
}

func TestKeysAreGivenUpForFreshOnes(t *testing.T) {
	r, dice := newRecorder(quiet()), rand.New(rand.NewPCG(1, 2))
	uses := map[string]int{}
	for range 10_000 {
		uses[r.draw(dice, "k", 4, 25)]++
	}
	for key, n := range uses {
		if n > 60 {
			t.Errorf("%s is drawn %d times", key, n)
		}
	}
	if len(uses) < 390 {
		t.Errorf("only %d keys", len(uses))
	}
}

func TestAProcessThatEndsByItselfIsNoticed(t *testing.T) {
	for name, c := range map[string]struct {
		before  func(*node)
		noticed bool
	}{
		"nobody ended it":   {func(*node) {}, true},
		"it was allowed to": {(*node).mayEnd, false},
		"no more":           {func(n *node) { n.mayEnd(); n.mustStay() }, true},
		"it was killed":     {func(n *node) { _ = n.kill() }, false},
	} {
		told := make(chan *node, 1)
		n := &node{id: "x", log: filepath.Join(t.TempDir(), "log"), command: func() *exec.Cmd { return exec.Command("sleep", "0.3") }}
		if err := n.start(func(n *node) { told <- n }); err != nil {
			t.Fatal(err)
		}
		c.before(n)
		if err := n.await(10 * time.Second); err != nil {
			t.Error(name, err)
		}
		noticed := false
		select {
		case <-told:
			noticed = true
		case <-time.After(100 * time.Millisecond):
		}
		if noticed != c.noticed || n.runs() {
			t.Errorf("%s: noticed: %v, runs: %v", name, noticed, n.runs())
		}
	}
}

func TestWrongUsageIsSaid(t *testing.T) {
	for args, words := range map[string]string{
		"-faults flood":         `there is no "flood"; there are kill,pause`,
		"-operations 0":         "-operations 0: at least 1",
		"-for 2h":               "an hour at most",
		"-phase 1s":             "-phase 1s: 2s to 1m",
		"now":                   "there are only flags",
		"-unknown":              "not defined: -unknown",
		"-sums judging_test.go": "is no file of sums",
	} {
		var out, err bytes.Buffer
		if code := Main(strings.Fields(args), &out, &err); code != 2 || !strings.Contains(err.String(), words) || out.Len() > 0 {
			t.Errorf("%s: %d, %s", args, code, &err)
		}
	}
	var out, err bytes.Buffer
	if code := Main([]string{"-h"}, &out, &err); code != 0 || !strings.Contains(out.String(), "-faults") || err.Len() > 0 {
		t.Errorf("-h: %d, %s, %s", code, &out, &err)
	}
}
