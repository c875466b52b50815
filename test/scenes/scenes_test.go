package scenes

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the scenes anew, with the conversation that comes out now")

// TestScenes plays every scene of testdata and compares the conversation with
// the one that is written down.
func TestScenes(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenes: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			written, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, failures := Play(string(written))
			for _, f := range failures {
				t.Errorf("%s:%d: %s", file, f.Line, f.Text)
			}
			if again, _ := Play(string(written)); again != got {
				t.Errorf("%s: played twice, it came out differently:\n%s", file, difference(got, again))
			}
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(written) {
				t.Errorf("%s: the conversation is another one (go test ./test/scenes -rewrite writes it anew):\n%s",
					file, difference(string(written), got))
			}
		})
	}
}

// difference shows the first line in which two texts differ, with the lines
// before it.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	line := func(lines []string) string {
		if i < len(lines) {
			return lines[i]
		}
		return "(the end)"
	}
	before := strings.Join(a[max(0, i-4):i], "\n")
	return before + "\n- " + line(a) + "\n+ " + line(b)
}
