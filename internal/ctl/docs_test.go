package ctl

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "write docs/cli.md from the commands")

func TestTheManualIsWhatTheCommandsSay(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "cli.md")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(Markdown()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != Markdown() {
		t.Error("docs/cli.md is not what the commands say; go test ./internal/ctl -run TestTheManual -update writes it")
	}
}

// every calls f with each command that people see.
func every(cmd *cobra.Command, f func(*cobra.Command)) {
	for _, v := range cmd.Commands() {
		if !v.Hidden {
			f(v)
			every(v, f)
		}
	}
}

func TestEveryCommandHasHelpExamplesAndExitCodes(t *testing.T) {
	every(Command(), func(cmd *cobra.Command) {
		if cmd.Short == "" || cmd.Example == "" || !strings.Contains(cmd.Long, "Exit codes:") {
			t.Errorf("%s lacks a text, an example or the exit codes", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Long + "\n" + cmd.Example) {
			if len([]rune(line)) > 130 {
				t.Errorf("%s: a line of its help has %d characters", cmd.CommandPath(), len([]rune(line)))
			}
		}
		for line := range strings.Lines(cmd.Example) {
			if strings.Contains(line, "paxosctl "+cmd.Name()) || strings.Contains(line, cmd.CommandPath()) {
				return
			}
		}
		t.Errorf("%s: no example uses it:\n%s", cmd.CommandPath(), cmd.Example)
	})
}

func TestCommandsThatPrintTakeAnOutputFormat(t *testing.T) {
	every(Command(), func(cmd *cobra.Command) {
		silent := []string{"paxosctl local", "paxosctl local down", "paxosctl lease"}
		if has := cmd.Flags().Lookup("output") != nil; has == slices.Contains(silent, cmd.CommandPath()) {
			t.Errorf("%s: has -o: %v", cmd.CommandPath(), has)
		}
	})
}
