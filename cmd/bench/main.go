// Command bench measures our cluster and its peers side by side; see -h. The
// bench is a module of its own, so that what the peers need does not enter this
// one: this builds it into bin/bench and becomes it.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

func main() {
	root, err := top()
	if err == nil {
		err = become(root, os.Args[1:])
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// top is the top of the repository that this directory is in.
func top() (string, error) {
	begin, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := begin; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "bench", "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not in the repository: there is no bench/go.mod in it or above", begin)
		}
	}
}

// become builds the bench and replaces this process by it; signals, the terminal
// and the exit code are then its own. It returns only an error.
func become(root string, args []string) error {
	bin := filepath.Join(root, "bin", "bench")
	// The slash at the end makes go build make the directory.
	build := exec.Command("go", "build", "-C", filepath.Join(root, "bench"), "-o", bin+string(filepath.Separator), ".")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("building bench: %w", err)
	}
	program := filepath.Join(bin, "bench")
	return syscall.Exec(program, append([]string{program}, args...), append(os.Environ(), "PAXOS_BENCH_ROOT="+root))
}
