package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The README, and the same in Portuguese.
const (
	readme      = "README.md"
	translation = "README.pt-BR.md"
)

const readmeLines = 150

var headingPattern = regexp.MustCompile(`^(#+) +\S`)

// levels gives the levels of a page's headings, in their order.
func (p page) levels() string {
	var list []string
	for _, line := range p.prose() {
		if m := headingPattern.FindStringSubmatch(line); m != nil {
			list = append(list, m[1])
		}
	}
	return strings.Join(list, " ")
}

// shown gives what stands in the sh fences of a page, and after which heading.
func (p page) shown() []string {
	var list []string
	headings := 0
	for i := 0; i < len(p.lines); i++ {
		switch {
		case headingPattern.MatchString(p.lines[i]):
			headings++
		case strings.HasPrefix(p.lines[i], "```"):
			kind := p.lines[i]
			var body []string
			body, i = p.fence(i)
			if kind == "```sh" {
				list = append(list, fmt.Sprintf("below heading %d:\n%s", headings, strings.Join(body, "\n")))
			}
		}
	}
	return list
}

// targets gives where the links of a page's prose lead, in their order.
func (p page) targets() []string {
	var list []string
	for _, l := range links(p) {
		list = append(list, l.target)
	}
	return list
}

// TestTheTranslationIsTheSamePage: same headings in the same order, the same
// commands below them, the same links, and a link to each other at the top.
func TestTheTranslationIsTheSamePage(t *testing.T) {
	english, portuguese := pages(t, readme)[0], pages(t, translation)[0]
	if diff := cmp.Diff(english.levels(), portuguese.levels()); diff != "" {
		t.Errorf("the headings of %s are not those of %s: %s", translation, readme, diff)
	}
	if n := len(english.shown()); n < 10 {
		t.Errorf("only %d blocks of commands found: the test looks for the wrong thing", n)
	}
	if diff := cmp.Diff(english.shown(), portuguese.shown()); diff != "" {
		t.Errorf("the commands of %s are not those of %s: %s", translation, readme, diff)
	}
	for p, other := range map[*page]string{&english: translation, &portuguese: readme} {
		list := p.targets()
		if len(list) == 0 || list[0] != other || !strings.Contains(strings.Join(p.lines[:min(5, len(p.lines))], "\n"), "]("+other+")") {
			t.Errorf("%s does not begin with a link to %s", p.path, other)
		}
		if n := len(p.lines) - 1; n > readmeLines {
			t.Errorf("%s has %d lines, %d are allowed", p.path, n, readmeLines)
		}
	}
	if diff := cmp.Diff(english.targets()[1:], portuguese.targets()[1:]); diff != "" {
		t.Errorf("the links of %s are not those of %s: %s", translation, readme, diff)
	}
}

// TestPagesOfKubernetesArePlayedThere: what is not played here is played by
// test/e2e, or nowhere.
func TestPagesOfKubernetesArePlayedThere(t *testing.T) {
	found, err := filepath.Glob(filepath.Join(root, "test", "e2e", "*_test.go"))
	if err != nil || len(found) == 0 {
		t.Fatalf("test/e2e has no tests (%v)", err)
	}
	var all strings.Builder
	for _, file := range found {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	for _, p := range append([]string{readme}, onKubernetes...) {
		if !strings.Contains(all.String(), `"`+p+`"`) {
			t.Errorf("test/e2e does not play %s", p)
		}
	}
	for _, p := range pages(t, onKubernetes...) {
		for _, b := range p.blocks() {
			for _, line := range b.Commands {
				if strings.Contains(line, "kubectl ") && strings.Count(line, "--context ") < strings.Count(line, "kubectl ")-strings.Count(line, "kubectl kustomize") {
					t.Errorf("%s:%d: it names no context: %s", p.path, b.Line, line)
				}
			}
		}
	}
}
