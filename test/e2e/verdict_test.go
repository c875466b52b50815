package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// verdict: the drills of fault-test.sh pass, and its judgement says no when an
// acknowledged write is missing in what it compares.
func verdict(w *world) {
	dir := filepath.Join(w.t.TempDir(), "kept")
	p := w.run(8*time.Minute, "", "scripts/fault-test.sh", "--context", kubectx, "--lang", "en", "--seconds", "2", "--keep", dir)
	w.t.Logf("fault-test.sh, %v:\n%s", p.took.Round(100*time.Millisecond), p.stdout)
	if p.exit != 0 || !strings.Contains(p.stdout, "VERDICT: PASS") {
		w.t.Fatalf("it must pass: %v", p)
	}
	check := func() process { return w.run(time.Minute, "", "scripts/fault-test.sh", "--lang", "en", "--check", dir) }
	if p := check(); p.exit != 0 || !strings.Contains(p.stdout, "VERDICT: PASS") {
		w.t.Errorf("the same history, asked again: %v", p)
	}
	value := w.removeOne(dir)
	if p := check(); p.exit != 1 || !strings.Contains(p.stdout, "VERDICT: FAIL") || !strings.Contains(p.stdout, value) {
		w.t.Errorf("%s was acknowledged and is missing: %v", value, p)
	} else {
		w.t.Logf("with %s removed by hand:\n%s", value, lastLines(strings.TrimSpace(p.stdout), 5))
	}
}

// removeOne takes a write that was acknowledged out of all learners' logs, and
// gives its value.
func (w *world) removeOne(dir string) string {
	w.t.Helper()
	history, err := os.ReadFile(filepath.Join(dir, "history"))
	w.must(err)
	var value string
	for line := range strings.Lines(string(history)) {
		// writer, value, key, start, end, outcome, slot, position
		if fields := strings.Split(strings.TrimSpace(line), "\t"); len(fields) == 8 && fields[5] == "applied" {
			value = fields[1]
			break
		}
	}
	logs, err := filepath.Glob(filepath.Join(dir, "log.*"))
	w.must(err)
	if value == "" || len(logs) != 2 {
		w.t.Fatalf("an acknowledged write %q and two logs are expected, there are %v", value, logs)
	}
	for _, log := range logs {
		text, err := os.ReadFile(log)
		w.must(err)
		var kept strings.Builder
		removed := 0
		for line := range strings.Lines(string(text)) {
			if strings.HasSuffix(strings.TrimSpace(line), "\t"+value) {
				removed++
				continue
			}
			kept.WriteString(line)
		}
		if removed != 1 {
			w.t.Errorf("%s is in %s %d times", value, log, removed)
		}
		w.must(os.WriteFile(log, []byte(kept.String()), 0o600))
	}
	return value
}
