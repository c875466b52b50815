package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"paxos/audit"
	"paxos/sim"
	"paxos/test/markdown"
	"paxos/test/mutants"
)

// Where the promises stand, and where the ladder that holds them.
const (
	promisePage = "docs/guarantees.md"
	ladderPage  = "docs/testing.md"
)

// promiseFree are the sections of the page of promises in which sentences need
// no test: what comes before the first heading, and these. All others, new ones
// too, make promises.
var promiseFree = []string{"", "What is not promised", "Not held by a test"}

var (
	// witnessPattern is a parenthesis that names tests: "(`kv` TestThis, TestThat;
	// `sim` checker `lease`)".
	witnessPattern = regexp.MustCompile("\\((`[a-z0-9_/]+` [^()]+)\\)")
	partPattern    = regexp.MustCompile("^`([a-z0-9_/]+)` (.+)$")
	objectPattern  = regexp.MustCompile(`w\.object\("([a-z-]+)"`)
	sentenceEnd    = regexp.MustCompile(`[.!?](\s|$)`)
	quotePattern   = regexp.MustCompile("`[^`]*`")
)

// proof is what there is to name.
type proof struct {
	tests    map[string]map[string]bool // of a package's directory
	checkers map[string][]string        // of audit, and of sim, which has audit's too
	mutants  []string
}

func proofOf(t *testing.T) *proof {
	t.Helper()
	p := &proof{tests: map[string]map[string]bool{}, checkers: map[string][]string{"audit": audit.Checkers, "sim": slices.Concat(audit.Checkers, simCheckers(t))}}
	all, err := mutants.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		p.mutants = append(p.mutants, m.Name)
	}
	return p
}

// simCheckers are the checkers that the simulator has beside audit's.
func simCheckers(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "sim", "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("sim has no files (%v)", err)
	}
	var list []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range objectPattern.FindAllStringSubmatch(string(text), -1) {
			if !strings.HasSuffix(file, "_test.go") && !slices.Contains(audit.Checkers, m[1]) {
				list = append(list, m[1])
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// testsIn are the tests and fuzz targets that a directory declares.
func (p *proof) testsIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	if p.tests[dir] != nil {
		return p.tests[dir]
	}
	p.tests[dir] = map[string]bool{}
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(dir), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for name := range declarations(t, filepath.ToSlash(strings.TrimPrefix(file, root+string(filepath.Separator)))) {
			if strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz") {
				p.tests[dir][name] = true
			}
		}
	}
	return p.tests[dir]
}

// wrong says what a parenthesis names that is not there.
func (p *proof) wrong(t *testing.T, inside string) (list []string) {
	t.Helper()
	for part := range strings.SplitSeq(inside, ";") {
		m := partPattern.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			list = append(list, "what is meant by "+part)
			continue
		}
		kind := ""
		for name := range strings.SplitSeq(m[2], ",") {
			name = strings.TrimSpace(name)
			if word, rest, two := strings.Cut(name, " "); two {
				kind, name = strings.TrimSuffix(word, "s"), rest
			}
			if !p.has(t, m[1], kind, strings.Trim(name, "`")) {
				list = append(list, strings.TrimSpace(m[1]+" "+kind)+" "+name)
			}
		}
	}
	return list
}

func (p *proof) has(t *testing.T, dir, kind, name string) bool {
	t.Helper()
	switch {
	case kind == "checker":
		return slices.Contains(p.checkers[dir], name)
	case kind == "fault":
		return dir == "sim" && slices.Contains(sim.FaultKinds(), sim.FaultKind(name))
	case kind == "scene":
		found, _ := filepath.Glob(filepath.Join(root, "test", "scenes", "testdata", name+"-*.txt"))
		return dir == "test/scenes" && len(found) == 1
	case kind == "" && dir == "test/mutants" && !strings.HasPrefix(name, "Test"):
		return slices.Contains(p.mutants, name)
	}
	return kind == "" && p.testsIn(t, dir)[name]
}

// claim is a bullet, a paragraph, or a row of a table, in one line.
type claim struct {
	section string
	line    int
	text    string
	row     bool
}

// claims gives what a page says. Headings, and the heads of tables, say nothing.
func claims(p page) (list []claim) {
	section, open := "", false
	lines := markdown.Prose(p.lines)
	for i, line := range lines {
		trimmed := strings.TrimSpace(line)
		row := strings.HasPrefix(trimmed, "|")
		head := row && (strings.HasPrefix(trimmed, "| ---") || i+1 < len(lines) && strings.HasPrefix(lines[i+1], "| ---"))
		title, isTitle := strings.CutPrefix(trimmed, "## ")
		switch {
		case isTitle:
			section, open = title, false
		case trimmed == "" || strings.HasPrefix(trimmed, "#") || head:
			open = false
		case !open || row || strings.HasPrefix(trimmed, "- "):
			list, open = append(list, claim{section, i + 1, strings.TrimPrefix(trimmed, "- "), row}), true
		default:
			list[len(list)-1].text += " " + trimmed
		}
	}
	return list
}

// sentences gives what of a claim needs a witness each.
func (c claim) sentences() (list []string) {
	if c.row {
		return []string{c.text}
	}
	text := c.text
	// What is quoted, or in parentheses, ends no sentence.
	hidden := quotePattern.ReplaceAllStringFunc(witnessPattern.ReplaceAllStringFunc(text, veil), veil)
	from := 0
	for _, at := range sentenceEnd.FindAllStringIndex(hidden, -1) {
		list, from = append(list, strings.TrimSpace(text[from:at[1]])), at[1]
	}
	if rest := strings.TrimSpace(text[from:]); rest != "" {
		list = append(list, rest)
	}
	return list
}

func veil(s string) string { return strings.Repeat("x", len(s)) }

// judge says what is wrong with a page: a witness that is not there, and, unless
// the section is free of promises, a sentence without one.
func (p *proof) judge(t *testing.T, page page, free func(section string) bool) (wrong []string, witnesses int) {
	t.Helper()
	for _, c := range claims(page) {
		for _, s := range c.sentences() {
			named := witnessPattern.FindAllStringSubmatch(s, -1)
			if len(named) == 0 && !free(c.section) {
				wrong = append(wrong, "no test is named: "+s)
			}
			for _, m := range named {
				witnesses++
				for _, w := range p.wrong(t, m[1]) {
					wrong = append(wrong, "there is no "+w)
				}
			}
		}
	}
	return wrong, witnesses
}

// TestEveryPromiseNamesTheTestThatHoldsIt: and those tests, checkers, faults,
// scenes and mutants exist.
func TestEveryPromiseNamesTheTestThatHoldsIt(t *testing.T) {
	p := proofOf(t)
	wrong, witnesses := p.judge(t, pages(t, promisePage)[0], func(section string) bool { return slices.Contains(promiseFree, section) })
	for _, w := range wrong {
		t.Errorf("%s: %s", promisePage, w)
	}
	if witnesses < 50 {
		t.Errorf("%s names tests in %d places only: the test looks for the wrong thing", promisePage, witnesses)
	}
	wrong, _ = p.judge(t, pages(t, ladderPage)[0], func(string) bool { return true })
	for _, w := range wrong {
		t.Errorf("%s: %s", ladderPage, w)
	}
}

// TestTheLadderListsEveryCheckerAndFault: its tables have a line for each, and
// none for what is not there.
func TestTheLadderListsEveryCheckerAndFault(t *testing.T) {
	p := proofOf(t)
	var kinds []string
	for _, k := range sim.FaultKinds() {
		kinds = append(kinds, string(k))
	}
	listed := map[string][]string{}
	for _, c := range claims(pages(t, ladderPage)[0]) {
		if name := strings.Split(c.text, "|"); c.row && len(name) > 2 {
			listed[c.section] = append(listed[c.section], strings.Trim(name[1], " `"))
		}
	}
	for section, want := range map[string][]string{"The checkers": p.checkers["sim"], "The faults": kinds} {
		have := slices.Clone(listed[section])
		want = slices.Clone(want)
		slices.Sort(have)
		slices.Sort(want)
		if !slices.Equal(have, want) {
			t.Errorf("%s, %q: %v are listed, there are %v", ladderPage, section, have, want)
		}
	}
}

func TestAPromiseWithoutAWitnessIsSeen(t *testing.T) {
	p := proofOf(t)
	free := func(section string) bool { return section == "" }
	for text, wrong := range map[string]int{
		"Nothing is promised here.":                                                                                          0,
		"## A\n\nIt holds (`test/docs` TestShapesDiffer).":                                                                   0,
		"## A\n\n- It holds\n  (`test/docs` TestShapesDiffer, TestShapesDiffer)":                                             0,
		"## A\n\nIt holds (`audit` checker `highest`; `sim` checkers `lease`, `highest`; `sim` fault `twin`).":               0,
		"## A\n\n| what | why |\n| --- | --- |\n| it. Holds | (`test/mutants` ballot-reused; `test/scenes` scenes 01, 17) |": 0,
		"## A\n\nIt holds.": 1,
		"## A\n\nIt holds (`test/docs` TestShapesDiffer). It does.":                    1,
		"## A\n\n- It holds (`test/docs` TestShapesDiffer).\n- It does.":               1,
		"## A\n\n| what | why |\n| --- | --- |\n| it | is |":                           1,
		"## A\n\nIt holds (`test/docs` TestThatIsNot).":                                1,
		"## A\n\nIt holds (`nowhere` TestShapesDiffer).":                               1,
		"## A\n\nIt holds (`audit` checker `lease`).":                                  1,
		"## A\n\nIt holds (`sim` fault `rain`; `test/mutants` none; `kv` checker `x`)": 3,
		"## A\n\nIt holds (`test/scenes` scene 99).":                                   1,
		"It holds (`test/docs` TestThatIsNot).":                                        1,
	} {
		if got, _ := p.judge(t, page{"x.md", strings.Split(text, "\n")}, free); len(got) != wrong {
			t.Errorf("%q: %v", text, got)
		}
	}
}
