package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	linkPattern  = regexp.MustCompile(`\[([^\]]*)\]\(([^)\s]+)\)`)
	scenePattern = regexp.MustCompile(`(?i)^scene (\d\d)$`)
	typePattern  = regexp.MustCompile(`urn:paxos:([a-z_-]+)`)
	raisePattern = regexp.MustCompile(`\bproblem\("([a-z_-]+)"`)
)

// link is a link in a page: text, target, and where it stands.
type link struct {
	page         page
	line         int
	text, target string
}

func links(p page) []link {
	var list []link
	for i, line := range p.prose() {
		for _, m := range linkPattern.FindAllStringSubmatch(line, -1) {
			list = append(list, link{p, i + 1, m[1], m[2]})
		}
	}
	return list
}

// file is where a relative link leads, from the module's root.
func (l link) file() string {
	target, _, _ := strings.Cut(l.target, "#")
	if target == "" {
		return l.page.path
	}
	return path.Join(path.Dir(l.page.path), target)
}

func (l link) relative() bool { return !strings.Contains(l.target, "://") }

func TestLinksLeadSomewhere(t *testing.T) {
	for _, p := range pages(t, "*.md", "docs/*.md", "test/scenes/README.md") {
		for _, l := range links(p) {
			if !l.relative() {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(l.file()))); err != nil {
				t.Errorf("%s:%d: %s leads nowhere", p.path, l.line, l.target)
				continue
			}
			if _, anchor, ok := strings.Cut(l.target, "#"); ok && !anchors(t, l.file())[anchor] {
				t.Errorf("%s:%d: %s has no heading #%s", p.path, l.line, l.file(), anchor)
			}
		}
	}
}

// anchors gives the anchors of a page's headings, as GitHub makes them.
func anchors(t *testing.T, name string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, line := range pages(t, name)[0].prose() {
		title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !ok || !strings.HasPrefix(line, "#") {
			continue
		}
		var b strings.Builder
		for _, r := range strings.ToLower(title) {
			switch {
			case r == ' ':
				b.WriteByte('-')
			case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127:
				b.WriteRune(r)
			}
		}
		found[b.String()] = true
	}
	return found
}

// TestNamedFunctionsExist: where a page names something of a Go file beside a
// link to that file, the file declares it.
func TestNamedFunctionsExist(t *testing.T) {
	declared := map[string]map[string]bool{}
	n := 0
	for _, p := range pages(t, "*.md", "docs/*.md") {
		for _, l := range links(p) {
			name, quoted := strings.CutPrefix(l.text, "`")
			if !quoted || !strings.HasSuffix(l.target, ".go") || !l.relative() {
				continue
			}
			n++
			file := l.file()
			if declared[file] == nil {
				declared[file] = declarations(t, file)
			}
			if name = strings.TrimSuffix(name, "`"); !declared[file][name] {
				t.Errorf("%s:%d: %s does not declare %s", p.path, l.line, file, name)
			}
		}
	}
	if n < 50 {
		t.Errorf("only %d names found: the test looks for the wrong thing", n)
	}
}

// declarations gives what a Go file declares: Function, Type.Method, Type,
// constants and variables.
func declarations(t *testing.T, file string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, filepath.FromSlash(file)), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Error(err)
		return names
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			names[receiver(d)+d.Name.Name] = true
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					names[s.Name.Name] = true
				case *ast.ValueSpec:
					for _, id := range s.Names {
						names[id.Name] = true
					}
				}
			}
		}
	}
	return names
}

func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	e := d.Recv.List[0].Type
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	if id, ok := e.(*ast.Ident); ok {
		return id.Name + "."
	}
	return "?."
}

// TestTheProtocolShowsEveryScene: scene 17 is the file that begins with 17, and
// no scene is without a rule that it plays.
func TestTheProtocolShowsEveryScene(t *testing.T) {
	shown := map[string]bool{}
	for _, l := range links(pages(t, "docs/protocol.md")[0]) {
		m := scenePattern.FindStringSubmatch(l.text)
		if m == nil {
			continue
		}
		shown[l.file()] = true
		if !strings.HasPrefix(path.Base(l.target), m[1]+"-") {
			t.Errorf("docs/protocol.md:%d: %s leads to %s", l.line, l.text, l.target)
		}
	}
	for _, scene := range pages(t, "test/scenes/testdata/*.txt") {
		if !shown[scene.path] {
			t.Errorf("docs/protocol.md does not mention %s", scene.path)
		}
	}
}

// TestEveryProblemIsDocumented: docs/api.md lists the problem types that
// internal/rest gives, and no others.
func TestEveryProblemIsDocumented(t *testing.T) {
	listed, given := map[string]bool{}, map[string]bool{}
	for _, line := range pages(t, "docs/api.md")[0].lines {
		if strings.HasPrefix(line, "| `urn:") {
			listed[typePattern.FindStringSubmatch(line)[1]] = true
		}
	}
	for _, p := range pages(t, "internal/rest/*.go") {
		for _, m := range raisePattern.FindAllStringSubmatch(strings.Join(p.lines, "\n"), -1) {
			if !strings.HasSuffix(p.path, "_test.go") {
				given[m[1]] = true
			}
		}
	}
	for kind := range given {
		if !listed[kind] {
			t.Errorf("docs/api.md does not list urn:paxos:%s", kind)
		}
	}
	for kind := range listed {
		if !given[kind] {
			t.Errorf("docs/api.md lists urn:paxos:%s, which internal/rest never gives", kind)
		}
	}
}
