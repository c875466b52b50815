package scenes

import (
	"fmt"
	"strings"
)

// Failure is something wrong in a scene, and the line of the script at which
// it came out.
type Failure struct {
	Line int
	Text string
}

// String gives "line 12: what is wrong".
func (f Failure) String() string { return fmt.Sprintf("line %d: %s", f.Line, f.Text) }

// Play reads a scene, plays its script, and gives the scene back with the
// conversation that came out. Lines that begin with two blanks are
// conversation: they are not read, only written anew.
func Play(scene string) (string, []Failure) {
	stage := NewStage()
	var out strings.Builder
	var failures []Failure
	lines := strings.Split(strings.TrimRight(scene, "\n"), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "  ") {
			continue
		}
		out.WriteString(line + "\n")
		command := strings.TrimSpace(line)
		if command == "" || strings.HasPrefix(command, "#") {
			continue
		}
		err := stage.Direct(command)
		for _, said := range stage.lines {
			out.WriteString(said + "\n")
		}
		stage.lines = nil
		if err != nil {
			failures = append(failures, Failure{i + 1, err.Error()})
		}
		for _, o := range stage.umpire.objections {
			failures = append(failures, Failure{i + 1, "broken invariant: " + o})
		}
		stage.umpire.objections = nil
	}
	return out.String(), failures
}
