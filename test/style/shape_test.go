package style

import (
	"bytes"
	"go/ast"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
)

const (
	screen    = 70  // lines of a function
	afternoon = 400 // lines of a file
	readme    = 150 // lines of the README
)

func TestAFunctionFitsAScreenAndAFileAnAfternoon(t *testing.T) {
	for _, s := range sources(t) {
		if n := s.fset.Position(s.file.FileEnd).Line; n > afternoon {
			t.Errorf("%s has %d lines; %d are an afternoon", s.path, n, afternoon)
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			f, ok := n.(*ast.FuncDecl)
			if !ok {
				return true
			}
			if lines := s.fset.Position(f.End()).Line - s.line(f) + 1; lines > screen {
				t.Errorf("%s:%d: %s has %d lines; %d fit a screen", s.path, s.line(f), f.Name.Name, lines, screen)
			}
			return true
		})
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	said := map[string]bool{}
	for _, s := range sources(t) {
		if s.file.Doc != nil && len(s.file.Doc.Text()) > 40 {
			said[s.pkg] = true
		} else if _, known := said[s.pkg]; !known {
			said[s.pkg] = false
		}
	}
	for pkg, ok := range said {
		if !ok {
			t.Errorf("package %s has no comment that says what it is", pkg)
		}
	}
}

// otherWords are words that other systems use for ours: one word per idea.
var otherWords = map[string]string{
	"instance": "slot", "term": "ballot", "round": "ballot", "rounds": "ballots", "epoch": "ballot", "committed": "chosen", "commit": "chosen",
	"decided": "chosen", "instances": "slots", "terms": "ballots", "epochs": "ballots", "follower": "proposer", "followers": "proposers",
	"majority": "quorum",
}

// wordsAllowed are sentences of a definition, where the other word explains ours.
var wordsAllowed = map[string][]string{"paxos/config.go": {"majority"}}

func TestTheRoomsSpeakTheFieldsWords(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || !slices.Contains(pure, s.pkg) {
			continue
		}
		report := func(n ast.Node, text string) {
			for _, w := range words(text) {
				if ours, bad := otherWords[w]; bad && !slices.Contains(wordsAllowed[s.path], w) {
					t.Errorf("%s:%d: %q: the word here is %q", s.path, s.line(n), w, ours)
				}
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				report(n, id.Name)
			}
			return true
		})
		for _, group := range s.file.Comments {
			report(group, group.Text())
		}
	}
}

// words splits text, and CamelCase identifiers in it, into lower-case words.
func words(text string) []string {
	var list []string
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			list = append(list, strings.ToLower(b.String()))
			b.Reset()
		}
	}
	for _, r := range text {
		if !unicode.IsLetter(r) {
			flush()
			continue
		}
		if unicode.IsUpper(r) {
			flush()
		}
		b.WriteRune(r)
	}
	flush()
	return list
}

// TestNobodySleeps: a sleep may stand between two looks of a loop that waits
// for something, and nowhere else.
func TestNobodySleeps(t *testing.T) {
	for _, s := range sources(t) {
		between := map[ast.Node]bool{}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if loop, ok := n.(*ast.ForStmt); ok && loop.Post != nil && s.test && !slices.Contains(pure, s.pkg) {
				if post, ok := loop.Post.(*ast.ExprStmt); ok {
					between[post.X] = true
				}
			}
			call, ok := n.(*ast.CallExpr)
			if !ok || between[call] {
				return true
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sleep" {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" {
					t.Errorf("%s:%d: time.Sleep: wait for what must happen, with a deadline", s.path, s.line(call))
				}
			}
			return true
		})
	}
}

func TestTheReadmeIsShort(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("\n")); n > readme {
		t.Errorf("README.md has %d lines; %d are the law", n, readme)
	}
}

// unfinished are marks that say that something is not done.
var unfinished = []string{"TO" + "DO", "FIX" + "ME", "X" + "XX", "not " + "implemented"}

func TestNothingIsLeftUnfinished(t *testing.T) {
	for _, s := range sources(t) {
		for _, group := range s.file.Comments {
			for _, mark := range unfinished {
				if strings.Contains(group.Text(), mark) {
					t.Errorf("%s:%d: %s", s.path, s.line(group), mark)
				}
			}
		}
	}
}
