package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
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

// prose gives the lines outside fences; the others are empty.
func (p page) prose() []string {
	list := make([]string, len(p.lines))
	fenced := false
	for i, line := range p.lines {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
			continue
		}
		if !fenced {
			list[i] = line
		}
	}
	return list
}

// block is a fenced block of command lines, and what its last one is said to
// answer.
type block struct {
	line     int // of its first command, from 1
	commands []string
	examples []example
}

// example is a status and an answer: JSON if the fence says so.
type example struct {
	status string
	json   bool
	text   string
}

var statusLine = regexp.MustCompile("^`([1-5][0-9][0-9])`$")

// blocks gives the ```sh blocks of a page. A block is followed by examples: a
// line with nothing but a status, then a fence with the answer.
func (p page) blocks() []block {
	var list []block
	for i := 0; i < len(p.lines); i++ {
		if p.lines[i] != "```sh" {
			if strings.HasPrefix(p.lines[i], "```") {
				_, i = p.fence(i)
			}
			continue
		}
		b := block{line: i + 2}
		var body []string
		body, i = p.fence(i)
		b.commands = commands(body)
		for i+2 < len(p.lines) {
			status := statusLine.FindStringSubmatch(p.lines[i+1])
			if status == nil {
				break
			}
			kind := p.lines[i+2]
			body, i = p.fence(i + 2)
			b.examples = append(b.examples, example{status[1], kind == "```json", strings.Join(body, "\n")})
		}
		list = append(list, b)
	}
	return list
}

// fence gives the lines of the fence that begins at line i, and its last line.
func (p page) fence(i int) (body []string, end int) {
	for i++; i < len(p.lines) && p.lines[i] != "```"; i++ {
		body = append(body, p.lines[i])
	}
	return body, i
}

// commands joins lines that end in a backslash, and leaves out comments.
func commands(lines []string) []string {
	var list []string
	before := ""
	for _, line := range lines {
		if rest, more := strings.CutSuffix(line, "\\"); more {
			before += rest
			continue
		}
		line, before = strings.TrimSpace(before+line), ""
		if line != "" && !strings.HasPrefix(line, "#") {
			list = append(list, line)
		}
	}
	return list
}
