package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"

	"paxos/client"
	"paxos/test/history"
)

// world is the cluster that all drills share, in the hands of one of them.
type world struct {
	t    *testing.T
	kube *kubernetes.Clientset
	api  *client.Client
	// told is what all drills were told since the data was last wiped: an old
	// value that is lost by a later drill is lost.
	told *history.History
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// within waits until ok and prints how long it took beside its bound; it fails
// at five times the bound.
func (w *world) within(bound time.Duration, what string, ok func() bool) time.Duration {
	w.t.Helper()
	return w.since(time.Now(), bound, what, ok)
}

// since is within, counted from an earlier moment.
func (w *world) since(began time.Time, bound time.Duration, what string, ok func() bool) time.Duration {
	w.t.Helper()
	for ; !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > 5*bound {
			w.t.Fatalf("%s: not within %v, five times the bound", what, 5*bound)
		}
	}
	took := time.Since(began).Round(10 * time.Millisecond)
	if took > 5*bound {
		w.t.Fatalf("%s: %v, more than five times the bound of %v", what, took, bound)
	}
	w.t.Logf("%s: bound %v: %v", what, bound, took)
	return took
}

// process is what a program printed, and its exit code.
type process struct {
	line           string
	stdout, stderr string
	exit           int
	took           time.Duration
}

// String shows all of it.
func (p process) String() string {
	return fmt.Sprintf("%s: exit code %d after %v\nstdout:\n%s\nstderr:\n%s", p.line, p.exit, p.took.Round(time.Millisecond), p.stdout, p.stderr)
}

// all is what it printed, in whichever way.
func (p process) all() string { return p.stdout + p.stderr }

// run runs a program in the module's root; input is its stdin. It is ended with
// all its children after limit, and has exit code -1 then.
func (w *world) run(limit time.Duration, input string, args ...string) process {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	var stdout, stderr bytes.Buffer
	c.Dir, c.Stdin, c.Stdout, c.Stderr = root, strings.NewReader(input), &stdout, &stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }
	c.WaitDelay = 5 * time.Second
	began := time.Now()
	err := c.Run()
	if c.ProcessState == nil {
		w.t.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	return process{strings.Join(args, " "), stdout.String(), stderr.String(), c.ProcessState.ExitCode(), time.Since(began)}
}

// do is run of what must succeed.
func (w *world) do(limit time.Duration, args ...string) process {
	w.t.Helper()
	p := w.run(limit, "", args...)
	if p.exit != 0 {
		w.t.Fatalf("it must succeed: %v", p)
	}
	return p
}

// kubectlLimit is for one call of kubectl.
const kubectlLimit = 60 * time.Second

// tryKubectl is kubectl in this cluster and namespace.
func (w *world) tryKubectl(args ...string) process {
	w.t.Helper()
	return w.run(kubectlLimit, "", append([]string{"kubectl", "--context", kubectx, "--namespace", namespace}, args...)...)
}

func (w *world) kubectl(args ...string) process {
	w.t.Helper()
	p := w.tryKubectl(args...)
	if p.exit != 0 {
		w.t.Fatalf("it must succeed: %v", p)
	}
	return p
}

// paxosctl runs a verb of the tool against the cluster, as a user does, from
// outside.
func (w *world) paxosctl(args ...string) process {
	w.t.Helper()
	return w.run(kubectlLimit, "", append([]string{tool(w.t), args[0], "--kube", "--context", kubectx}, args[1:]...)...)
}
