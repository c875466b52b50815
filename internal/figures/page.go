package figures

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	begin = "<!-- figures: "
	end   = "<!-- end -->"
)

// Page is a page's text with every block of figures made anew from the files of
// a directory: what stands between "<!-- figures: TEST -->" and "<!-- end -->"
// comes from TEST.json. A file without a block is refused: it would be a figure
// that nobody sees.
func Page(text, dir string) (string, error) {
	var out strings.Builder
	shown := map[string]bool{}
	for {
		before, rest, found := strings.Cut(text, begin)
		out.WriteString(before)
		if !found {
			break
		}
		test, rest, ok := strings.Cut(rest, " -->\n")
		_, after, closed := strings.Cut(rest, end)
		inside := strings.TrimSuffix(strings.TrimSuffix(rest, after), end)
		if !ok || !closed || strings.Contains(inside, begin) {
			return "", fmt.Errorf("the block %q has no end: a line %q is missing", begin+firstLine(test), end)
		}
		f, err := Read(filepath.Join(dir, test+".json"))
		if err != nil {
			return "", err
		}
		shown[test] = true
		out.WriteString(begin + test + " -->\n" + f.table(test) + end)
		text = after
	}
	return out.String(), allShown(dir, shown)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func allShown(dir string, shown map[string]bool) error {
	files, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, f := range files {
		if test, ok := strings.CutSuffix(f.Name(), ".json"); ok && !shown[test] {
			return fmt.Errorf("%s is shown by no block: the page needs the lines %q and %q", f.Name(), begin+test+" -->", end)
		}
	}
	return nil
}

// Rewrite makes a page's blocks anew, and says whether that changed it. When
// only looking, it writes nothing.
func Rewrite(page, dir string, look bool) (changed bool, err error) {
	old, err := os.ReadFile(page)
	if err != nil {
		return false, err
	}
	text, err := Page(string(old), dir)
	if err != nil || text == string(old) {
		return false, err
	}
	if look {
		return true, nil
	}
	return true, replace(page, []byte(text))
}

func (f File) table(test string) string {
	if len(f.Legs) == 0 {
		return "\nNo leg of this test is kept yet.\n\n"
	}
	var b strings.Builder
	b.WriteString("\n| " + f.Test + " | sum |\n| --- | ---: |\n")
	sums := f.Sums()
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(&b, "| %s | %s |\n", cell(name), amount(name, sums[name]))
	}
	b.WriteString("\n" + f.source(test) + "\n")
	if notes := f.Notes(); len(notes) > 0 {
		fmt.Fprintf(&b, "\n| %d noted | |\n| --- | --- |\n", len(notes))
		for _, name := range slices.SortedFunc(maps.Keys(notes), natural) {
			fmt.Fprintf(&b, "| %s | %s |\n", cell(name), cell(notes[name]))
		}
	}
	return b.String() + "\n"
}

// natural puts numbered names into the order of their numbers.
func natural(a, b string) int {
	number := func(s string) int {
		n, err := strconv.Atoi(s[:len(s)-len(strings.TrimLeft(s, "0123456789"))])
		if err != nil {
			return math.MaxInt
		}
		return n
	}
	return cmp.Or(cmp.Compare(number(a), number(b)), strings.Compare(a, b))
}

func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(s)
}

// source says how the sums were got.
func (f File) source(test string) string {
	commands, commits, dates := map[string]int{}, map[string]bool{}, map[string]bool{}
	for _, leg := range f.Legs {
		commands[leg.Command]++
		commits[leg.Commit], dates[leg.Date] = true, true
	}
	var typed []string
	for _, c := range slices.Sorted(maps.Keys(commands)) {
		times := ""
		if commands[c] > 1 {
			times = fmt.Sprintf(" (%d times)", commands[c])
		}
		typed = append(typed, "`"+c+"`"+times)
	}
	days := slices.Sorted(maps.Keys(dates))
	when := "on " + days[0]
	if len(days) > 1 {
		when = "from " + days[0] + " to " + days[len(days)-1]
	}
	legs := "1 leg"
	if len(f.Legs) > 1 {
		legs = fmt.Sprintf("%d legs", len(f.Legs))
	}
	return fmt.Sprintf("Got %s in %s, %s of wall time, at %s by %s; kept in [%s.json](figures/%s.json).",
		when, legs, duration(f.Seconds()), among("commit", slices.Sorted(maps.Keys(commits))), strings.Join(typed, ", "), test, test)
}

func among(what string, names []string) string {
	if len(names) > 1 {
		what += "s"
	}
	return what + " `" + strings.Join(names, "`, `") + "`"
}

// amount is a count for people; what counts seconds is said in years, days or
// hours too.
func amount(name string, n int64) string {
	s := grouped(n)
	if !strings.HasSuffix(name, "seconds") {
		return s
	}
	for _, u := range []struct {
		name    string
		seconds float64
	}{{"years", 365.25 * 86400}, {"days", 86400}, {"hours", 3600}} {
		if v := float64(n) / u.seconds; v >= 1 {
			return fmt.Sprintf("%s (%.1f %s)", s, v, u.name)
		}
	}
	return s
}

func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	case d >= time.Minute:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%.0f s", seconds)
}
