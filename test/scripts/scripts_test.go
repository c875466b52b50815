package scripts

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"paxos/internal/local"
	"paxos/internal/service"
	"paxos/paxos"
	"paxos/test/ports"
)

const folder = "../../scripts"

// TestMain is also the nodes' main: local.Options.Program is this program.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "node" {
		role := os.Args[2]
		os.Args = append([]string{role}, os.Args[3:]...)
		service.Main(paxos.RoleName(role))
		return
	}
	code := m.Run()
	running.stop()
	os.Exit(code)
}

// shared is the cluster that all tests use; what a test breaks it repairs.
type shared struct {
	sync.Mutex
	*local.Cluster
	dir string
}

var running shared

// cluster gives the running cluster, which the first caller starts.
func cluster(t *testing.T) *local.Cluster {
	t.Helper()
	needBash(t)
	running.Lock()
	defer running.Unlock()
	if running.Cluster != nil {
		return running.Cluster
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if running.dir, err = os.MkdirTemp("", "paxos-scripts-"); err != nil {
		t.Fatal(err)
	}
	c, err := local.New(local.Options{Dir: running.dir, Program: []string{program, "node"}, Attached: true, PortOffset: offset(t),
		AcceptorArgs: []string{"--allow-unsafe-filesystem"}})
	if err != nil {
		t.Fatal(err)
	}
	running.Cluster = c
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if _, err := c.Initialise(ctx, nil); err != nil {
		t.Fatal(err)
	}
	leads(t, c)
	return c
}

func (s *shared) stop() {
	if s.Cluster != nil {
		if err := s.Kill(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// leads waits for a leader and gives it.
func leads(t *testing.T, c *local.Cluster) paxos.NodeID {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	leader, err := c.WaitReady(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	return leader
}

// offset finds ports that are free, below those that the system takes for
// outgoing connections, and away from those of test/integration.
func offset(t *testing.T) int {
	t.Helper()
	off, err := ports.FreeOffset(12900, 54, 3)
	if err != nil {
		t.Fatal(err)
	}
	return off
}

func needBash(t *testing.T) {
	t.Helper()
	if err := exec.Command("bash", "-c", "((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)) && command -v curl").Run(); err != nil {
		t.Skip("the scripts need bash 4.4 and curl")
	}
}

// addresses is the environment that leads the scripts to a cluster.
func addresses(c *local.Cluster) []string {
	var env []string
	for _, role := range []paxos.RoleName{paxos.ProposerRole, paxos.AcceptorRole, paxos.LearnerRole, paxos.ClientRole} {
		var list []string
		for _, n := range c.Of(role) {
			list = append(list, string(n.ID)+"="+n.Address)
		}
		env = append(env, "PAXOS_"+strings.ToUpper(string(role))+"_ADDRESSES="+strings.Join(list, " "))
	}
	return env
}

// ran is what a script did.
type ran struct {
	code     int
	out, err string
}

// script is a call of one of the scripts.
type script struct {
	name     string
	env      []string
	stdin    string
	patience time.Duration // how long it may take; half a minute if it is zero
}

// command makes the process; it is ended with the test at the latest.
func (s script) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(s.patience, 30*time.Second))
	t.Cleanup(cancel)
	path, err := filepath.Abs(filepath.Join(folder, s.name))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, "bash", append([]string{path}, args...)...)
	cmd.WaitDelay = time.Second
	cmd.Dir = t.TempDir() // nothing that a value might name by a pattern is here
	cmd.Stdin = strings.NewReader(s.stdin)
	if len(s.stdin) > 1<<16 { // bash reads a pipe byte by byte, a file is faster
		name := filepath.Join(t.TempDir(), "stdin")
		if err := os.WriteFile(name, []byte(s.stdin), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		cmd.Stdin = f
	}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PAXOS_") && !strings.HasPrefix(v, "LC_") && !strings.HasPrefix(v, "LANG") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	// No test reaches a cluster on Kubernetes that happens to be there.
	cmd.Env = append(append(cmd.Env, "KUBECONFIG=/nonexistent"), s.env...)
	return cmd
}

func (s script) run(t *testing.T, args ...string) ran {
	t.Helper()
	cmd := s.command(t, args...)
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	failed := cmd.Run()
	var exit *exec.ExitError
	if failed != nil && !errors.As(failed, &exit) {
		t.Fatalf("%s %q: %v", s.name, args, failed)
	}
	return ran{cmd.ProcessState.ExitCode(), out.String(), err.String()}
}

// want checks the exit code and parts of what was printed, to either stream.
func (r ran) want(t *testing.T, code int, parts ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d\nstdout: %s\nstderr: %s", r.code, code, r.out, r.err)
	}
	for _, p := range parts {
		if !strings.Contains(r.out+r.err, p) {
			t.Errorf("%q is not in the output\nstdout: %s\nstderr: %s", p, r.out, r.err)
		}
	}
	if i := strings.IndexFunc(r.out+r.err, func(c rune) bool { return c < ' ' && c != '\n' && c != '\t' || c >= 0x7f && c < 0xa0 }); i >= 0 {
		t.Errorf("a control character reached the terminal at byte %d of %q", i, r.out+r.err)
	}
}

func TestShellcheck(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("shellcheck is not installed")
	}
	var files []string
	for _, pattern := range []string{"*.sh", "lib/*.sh", "test/*.bats", "test/*.bash"} {
		found, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("no %s in %s (%v)", pattern, folder, err)
		}
		for _, f := range found {
			files = append(files, strings.TrimPrefix(f, folder+"/"))
		}
	}
	cmd := exec.Command(tool, append([]string{"-x"}, files...)...)
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestBats(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("bats")
	if err != nil {
		t.Skip("bats is not installed")
	}
	cmd := exec.Command(tool, filepath.Join(folder, "test"))
	cmd.Env = append(os.Environ(), addresses(cluster(t))...)
	// With a cluster there is no reason to skip anything.
	if out, err := cmd.CombinedOutput(); err != nil || bytes.Contains(out, []byte("# skip")) {
		t.Errorf("%v\n%s", err, out)
	}
}
