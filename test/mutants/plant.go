package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Plant applies the mutant to copies of the files of the repository at root. It
// gives the overlay, for go build -overlay, that has them in place of the files.
func (m Mutant) Plant(ctx context.Context, root, dir string) (overlay string, err error) {
	replace := map[string]string{}
	for _, path := range m.Files {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			return "", fmt.Errorf("%s: %w", m.Name, err)
		}
		copied := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(copied), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(copied, text, 0o644); err != nil {
			return "", err
		}
		replace[filepath.Join(root, path)] = copied
	}
	apply := exec.CommandContext(ctx, "git", "apply", "--whitespace=nowarn", "-")
	apply.Dir = dir
	apply.Stdin = strings.NewReader(m.patch)
	// Inside of a repository, git would look for the files at its top.
	apply.Env = append(os.Environ(), "GIT_DIR="+filepath.Join(dir, "none"), "GIT_WORK_TREE="+dir)
	if out, err := apply.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s does not apply: %w\n%s", m.Name, err, bytes.TrimSpace(out))
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, text, 0o644)
}

// Build builds a program of the repository at root; overlay "" changes nothing.
func Build(ctx context.Context, root, overlay, program, to string) error {
	args := []string{"build", "-o", to}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	build := exec.CommandContext(ctx, "go", append(args, program)...)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%s does not build: %w\n%s", program, err, bytes.TrimSpace(out))
	}
	return nil
}

// Root finds the top of the repository from a directory within.
func Root(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			if _, err := os.Stat(filepath.Join(dir, "test", "mutants")); err == nil {
				return dir, nil
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no repository of this program here or above: run it within")
		}
		dir = parent
	}
}
