package scripts

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFaultTestUnheard: a terminal that is closed, and a reader that ends, are no
// reason to leave acceptors at zero.
func TestFaultTestUnheard(t *testing.T) {
	c := cluster(t)
	leads(t, c)
	for _, end := range []struct {
		name    string
		codes   []int
		signals []os.Signal
	}{
		{"the reader ends", []int{141}, nil},
		// Whichever bash notices first: the signal, or that nobody reads any more.
		{"the terminal is closed", []int{129, 141}, []os.Signal{syscall.SIGHUP, syscall.SIGHUP}},
		{"another Ctrl-C while it is put back", []int{130}, []os.Signal{syscall.SIGINT, syscall.SIGINT}},
	} {
		t.Run(end.name, func(t *testing.T) {
			k := onKubernetes(t, c)
			k.expose(nil)
			cmd := script{name: "fault-test.sh", env: k.env(), patience: time.Minute}.command(t, "--seconds", "25", "quorum")
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stdout, cmd.Stderr = w, w
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			_ = w.Close()
			k.await(t, " scale --replicas=0")
			for i, s := range end.signals {
				if i > 0 {
					k.await(t, " scale --replicas=1")
				}
				if err := cmd.Process.Signal(s); err != nil {
					t.Error(err)
				}
				if s == syscall.SIGHUP {
					_ = r.Close()
				}
			}
			if len(end.signals) == 0 {
				_ = r.Close()
			}
			_ = cmd.Wait()
			_ = r.Close()
			if !slices.Contains(end.codes, cmd.ProcessState.ExitCode()) {
				t.Errorf("%v, want an exit code of %d", cmd.ProcessState, end.codes)
			}
			for name, zero := range k.zero {
				if zero {
					t.Errorf("%s was left at zero", name)
				}
			}
			k.ended(t)
			_ = c.Start("acceptor1", "acceptor2") // the next one needs them, whatever came of this one
			leads(t, c)
		})
	}
}

// await waits for a call of kubectl.
func (k *kubernetes) await(t *testing.T, pattern string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for ; !k.called(t, pattern); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no kubectl %s", pattern)
		}
	}
}

// TestFaultTestTriesAgain: a node that could not be scaled back is tried again to
// the end; and what the drills found is kept, and judged again.
func TestFaultTestTriesAgain(t *testing.T) {
	c := cluster(t)
	leads(t, c)
	k := onKubernetes(t, c)
	k.expose(nil)
	k.refuse["acceptor1"] = 3
	dir := filepath.Join(t.TempDir(), "kept")
	s := script{name: "fault-test.sh", env: k.env(), patience: time.Minute}
	s.run(t, "--seconds", "1", "--keep", dir, "acceptor").want(t, 1, "acceptor1 could not be scaled back", "acceptor: FAILED in ", "VERDICT: FAIL: 0 things are wrong with the history, 2 with the drills")
	if k.zero["acceptor1"] || k.refuse["acceptor1"] != 0 {
		t.Error("acceptor1 was left at zero")
	}
	leads(t, c)
	check := s.run(t, "--check", dir)
	check.want(t, 1, "  acceptor: FAILED: kubectl refused", "  -: FAILED: not everything could be scaled back", "VERDICT: FAIL: 0 things are wrong with the history, 2 with the drills")
	k.ended(t)
}

// TestFaultTestAsks: what may be somebody else's cluster is not broken without a
// word to that effect.
func TestFaultTestAsks(t *testing.T) {
	c := cluster(t)
	leads(t, c)
	k := onKubernetes(t, c)
	k.expose(nil)
	k.name = "prod"
	s := script{name: "fault-test.sh", env: k.env("PAXOS_CONTEXT=prod"), patience: time.Minute}
	s.run(t, "leader").want(t, 2, "prod is not a local kind or minikube one", "--yes")
	if _, err := exec.LookPath("script"); err == nil {
		path, err := filepath.Abs(filepath.Join(folder, s.name))
		if err != nil {
			t.Fatal(err)
		}
		for answer, code := range map[string]int{"n\n": 5, "\n": 5, "sim\n": 5, "\x04": 5, "y\n": 0} {
			cmd := s.command(t)
			asked := exec.CommandContext(t.Context(), "script", "-qec", path+" leader", "/dev/null")
			asked.Env, asked.Dir, asked.Stdin = cmd.Env, cmd.Dir, strings.NewReader(answer)
			out, _ := asked.CombinedOutput()
			if got := asked.ProcessState.ExitCode(); got != code || !strings.Contains(string(out), "namespace paxos of the context prod") || strings.Contains(string(out), "Nothing was broken.") == (code == 0) {
				t.Errorf("%q: exit code %d, want %d: %s", answer, got, code, out)
			}
			if code != 0 && k.called(t, "delete pod") {
				t.Fatalf("%q: something was broken", answer)
			}
			k.calls = nil
		}
	}
	if k.called(t, " scale ") {
		t.Error("something was scaled")
	}
	s.run(t, "--yes", "leader").want(t, 0, "VERDICT: PASS")
	k.ended(t)
	leads(t, c)
}
