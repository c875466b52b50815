package scripts

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"paxos/paxos"
)

// TestFaultTest runs the drills against the stand-in, and judges what they kept
// once more with an acknowledged write taken away. It is not parallel: nothing
// else could use the nodes meanwhile.
func TestFaultTest(t *testing.T) {
	c := cluster(t)
	leads(t, c)
	k := onKubernetes(t, c)
	k.expose(nil)
	t.Cleanup(func() { leads(t, c) })
	dir := filepath.Join(t.TempDir(), "kept")
	s := script{name: "fault-test.sh", env: k.env(), patience: 3 * time.Minute}
	got := s.run(t, "--seconds", "1", "--keep", dir)
	t.Log(got.out)
	got.want(t, 0, "acceptor: ok in ", "quorum: ok in ", "acceptors: ok in ", "all: ok in ", "leader: ok in ", "longest pause without a successful write",
		"recovered: a write succeeds", "VERDICT: PASS: ")
	// A machine that is busy is slow: over a bound is said, and is no failure.
	for _, bound := range []string{`takes part again, .* 10 s`, `is answered with HTTP status 50[34] \(.+\): .* 2 s`, `a new leader, proposer\d: .* 3 s`, `after the pods were ready: .* 10 s`} {
		if !regexp.MustCompile(bound).MatchString(got.out) {
			t.Errorf("no bound like %s", bound)
		}
	}
	k.ended(t)
	if len(k.zero) == 0 {
		t.Error("nothing was scaled")
	}
	for name, zero := range k.zero {
		if zero {
			t.Errorf("%s was left at zero", name)
		}
	}
	again := s.run(t, "--check", dir)
	again.want(t, 0, "VERDICT: PASS: ")
	s.run(t, "--check", dir, "--lang", "pt").want(t, 0, "VERDICT: PASS: ", "escritas confirmadas")
	s.run(t, "--keep", dir).want(t, 2, "holds an earlier run")
	// By hand, as a user would: one line of what one learner has.
	history := lines(t, filepath.Join(dir, "history"))
	acknowledged := regexp.MustCompile(`^1\t(fault-[0-9a-f]+-1-[0-9]+)\t.*\tapplied\t`)
	var value string
	for _, line := range history {
		if m := acknowledged.FindStringSubmatch(line); m != nil {
			value = m[1]
		}
	}
	log := filepath.Join(dir, "log.learner2")
	var kept []string
	for _, line := range lines(t, log) {
		if !strings.HasSuffix(line, "\t"+value) {
			kept = append(kept, line)
		}
	}
	if err := os.WriteFile(log, []byte(strings.Join(kept, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.run(t, "--check", dir).want(t, 1, "LOST: "+value, "LEARNERS DIFFER", "VERDICT: FAIL: ")
}

func lines(t *testing.T, name string) []string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// TestFaultTestByProxy: the same where there are no NodePorts.
func TestFaultTestByProxy(t *testing.T) {
	c := cluster(t)
	leads(t, c)
	k := onKubernetes(t, c)
	t.Cleanup(func() { leads(t, c) })
	s := script{name: "fault-test.sh", env: k.env(), patience: time.Minute}
	s.run(t, "--seconds=1", "--writers=2", "all").want(t, 0, "by the API server", "VERDICT: PASS: ")
	k.ended(t)
}

// TestFaultTestSeesFaults: what must not happen in a drill is found when it does.
func TestFaultTestSeesFaults(t *testing.T) {
	c := cluster(t)
	leads(t, c)
	k := onKubernetes(t, c)
	k.expose(nil)
	t.Cleanup(func() { leads(t, c) })
	s := script{name: "fault-test.sh", env: k.env(), patience: time.Minute}
	k.also = map[paxos.NodeID]paxos.NodeID{"acceptor1": "acceptor2"}
	got := s.run(t, "--seconds", "2", "acceptor")
	got.want(t, 1, " writes had no success", "acceptor: FAILED in ", "VERDICT: FAIL: 0 things are wrong with the history, 1 with the drills")
	// A majority that does not go away acknowledges writes; and pods restart.
	k.also, k.restless = nil, true
	k.stay = true
	s.run(t, "--seconds", "1", "quorum").want(t, 1, "acknowledged without a quorum", "was restarted", "quorum: FAILED in ", "VERDICT: FAIL: 0 things")
	k.ended(t)
}

// TestFaultTestRefuses: a cluster that is not whole is not broken further, and
// one that a drill has broken is put back, whatever ends the script.
func TestFaultTestRefuses(t *testing.T) {
	c := cluster(t)
	leads(t, c)
	k := onKubernetes(t, c)
	k.expose(nil)
	s := script{name: "fault-test.sh", env: k.env()}
	s.run(t, "--help").want(t, 0, "VERDICT: FAIL")
	for _, bad := range [][]string{{"nonsense"}, {"--seconds", "x"}, {"--writers", "0"}, {"--keep", ""}, {"--check", "/nonexistent"}, {"--what"}} {
		s.run(t, bad...).want(t, 2)
	}
	s.run(t, "--context", "nowhere").want(t, 5, "nowhere")
	s.run(t, "--check", t.TempDir()).want(t, 1, "cannot be judged", "VERDICT: FAIL")
	k.zero["learner1"] = true
	s.run(t).want(t, 5, "Nothing was broken", "learner1: its Deployment has 0 replicas")
	k.zero["learner1"] = false
	if k.called(t, "scale") {
		t.Error("something was scaled")
	}
	leads(t, c)
	cmd := s.command(t, "--seconds", "25", "acceptor")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for ; !k.called(t, "scale --replicas=0"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(out.String())
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 143 {
		t.Errorf("%v: %s", err, out.String())
	}
	if !k.called(t, "scale --replicas=1 deployment/acceptor1") || k.zero["acceptor1"] {
		t.Errorf("acceptor1 was not put back: %s", out.String())
	}
	k.ended(t)
	leads(t, c)
}
