package docs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"paxos/test/markdown"
)

const root = "../.."

// page is a page of the documentation.
type page struct {
	path  string // from the module's root
	lines []string
}

// pages reads every page of these patterns, in their order, each once.
func pages(t *testing.T, patterns ...string) []page {
	t.Helper()
	var list []page
	seen := map[string]bool{}
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil || len(found) == 0 {
			t.Fatalf("no page %s (%v)", pattern, err)
		}
		slices.Sort(found)
		for _, path := range found {
			if seen[path] {
				continue
			}
			seen[path] = true
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, page{filepath.ToSlash(name), strings.Split(string(text), "\n")})
		}
	}
	return list
}

// prose, blocks and fence are of package markdown.
func (p page) prose() []string                      { return markdown.Prose(p.lines) }
func (p page) blocks() []markdown.Block             { return markdown.Blocks(p.lines) }
func (p page) fence(i int) (body []string, end int) { return markdown.Fence(p.lines, i) }
