// Package markdown reads what the tests of the documentation need of a page: its
// prose, its fences, and its blocks of command lines with what they are said to
// answer.
//
// It knows the house's own pages and no more of the language than they use. It
// runs nothing: test/docs plays the pages on ten processes, test/e2e those that
// are about Kubernetes.
package markdown

import (
	"regexp"
	"strings"
)

// Prose gives the lines outside fences; the others are empty.
func Prose(lines []string) []string {
	list := make([]string, len(lines))
	fenced := false
	for i, line := range lines {
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

// Block is a fenced block of command lines, and what its last one is said to
// answer.
type Block struct {
	Line     int // of its first command, from 1
	Commands []string
	Examples []Example
}

// Example is a status and an answer: JSON if the fence says so.
type Example struct {
	Status string
	JSON   bool
	Text   string
}

var statusLine = regexp.MustCompile("^`([1-5][0-9][0-9])`$")

// Blocks gives the ```sh blocks of a page. A block is followed by examples: a
// line with nothing but a status, then a fence with the answer.
func Blocks(lines []string) []Block {
	var list []Block
	for i := 0; i < len(lines); i++ {
		if lines[i] != "```sh" {
			if strings.HasPrefix(lines[i], "```") {
				_, i = Fence(lines, i)
			}
			continue
		}
		b := Block{Line: i + 2}
		var body []string
		body, i = Fence(lines, i)
		b.Commands = commands(body)
		for i+2 < len(lines) {
			status := statusLine.FindStringSubmatch(lines[i+1])
			if status == nil {
				break
			}
			kind := lines[i+2]
			body, i = Fence(lines, i+2)
			b.Examples = append(b.Examples, Example{status[1], kind == "```json", strings.Join(body, "\n")})
		}
		list = append(list, b)
	}
	return list
}

// Fence gives the lines of the fence that begins at line i, and its last line.
func Fence(lines []string, i int) (body []string, end int) {
	for i++; i < len(lines) && lines[i] != "```"; i++ {
		body = append(body, lines[i])
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
