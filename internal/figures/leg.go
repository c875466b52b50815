package figures

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// NewLeg is the leg of this process: what was typed, on which commit, when and
// for how long.
func NewLeg(started time.Time) Leg {
	return Leg{Command: typed(os.Args), Commit: Commit(), Date: today(),
		Seconds: float64(time.Since(started).Milliseconds()) / 1000, Sums: map[string]int64{}}
}

func today() string { return time.Now().UTC().Format(time.DateOnly) }

// Commit is the short hash of HEAD, with "+" if what is tested differs from it,
// and "unknown" outside a repository. It is asked once: a run of an hour calls
// it first, since HEAD may have moved when it ends.
var Commit = sync.OnceValue(func() string { return commit(".") })

// Sums and their page are what a run leaves behind: they do not make the next
// run one of another tree.
var results = []string{":(top,exclude)docs/figures", ":(top,exclude)docs/testing.md", ":(top,exclude)docs/performance.md"}

func commit(dir string) string {
	git := func(args ...string) (string, error) {
		out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).Output()
		return strings.TrimSpace(string(out)), err
	}
	hash, err := git("rev-parse", "--short", "HEAD")
	if err != nil {
		return "unknown"
	}
	changed, err := git(append([]string{"status", "--porcelain", "--", ":(top)"}, results...)...)
	if err != nil || changed != "" {
		return hash + "+"
	}
	return hash
}

// typed is a command line as one would type it at the top of the repository,
// whatever place go run has built the program in. Where files of one machine
// lie is nobody's business: of an absolute path only the last part stays.
func typed(args []string) string {
	words := []string{"go run ./cmd/" + filepath.Base(args[0])}
	for _, a := range args[1:] {
		flag, value, assigned := strings.Cut(a, "=")
		switch {
		case filepath.IsAbs(a):
			a = filepath.Base(a)
		case assigned && filepath.IsAbs(value):
			a = flag + "=" + filepath.Base(value)
		}
		if a == "" || strings.ContainsAny(a, " \t\n'\"\\$&|;<>()*?[]#~`") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}
