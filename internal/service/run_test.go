package service_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"paxos/client"
	"paxos/internal/service"
	"paxos/internal/wal"
	"paxos/paxos"
	"paxos/test/ports"
)

func dataFlags(dir string) []string {
	return []string{"--data", dir, "--allow-unsafe-filesystem", "--segment-bytes", "65536"}
}

func TestANodeOfEachRoleStartsAndStopsWhenItsContextEnds(t *testing.T) {
	for _, role := range []paxos.RoleName{paxos.ProposerRole, paxos.AcceptorRole, paxos.LearnerRole, paxos.ClientRole} {
		t.Run(string(role), func(t *testing.T) {
			t.Parallel()
			var flags []string
			switch role {
			case paxos.AcceptorRole:
				flags = dataFlags(t.TempDir())
			case paxos.LearnerRole:
				flags = learnerFlags(t.TempDir())
			}
			n := runInside(t, role, flags...)
			h := healthOf(t, n.address)
			if h.Role != role || h.Status != "waiting" || h.Why == "" {
				t.Errorf("/health says %+v", h)
			}
			until(t, "a node that waits to be initialised is ready", func() bool {
				code, _, err := get(n.address, "/readyz")
				return err == nil && code == http.StatusOK
			})
			if code, b, err := get(n.address, "/metrics"); err != nil || code != http.StatusOK || !strings.Contains(string(b), `node="`+string(role)+`1"`) {
				t.Errorf("/metrics says %d %.200s %v", code, b, err)
			}
			must(t, n.end())
			for _, want := range []string{"listens on " + n.address, "stopping"} {
				if !strings.Contains(n.log.String(), want) {
					t.Errorf("the log does not say %q:\n%s", want, n.log.String())
				}
			}
		})
	}
}

func leaderAt(t testing.TB, address string) (l client.Leader) {
	t.Helper()
	if code, b, err := get(address, "/leader"); err == nil && code == http.StatusOK {
		must(t, json.Unmarshal(b, &l))
	}
	return l
}

func TestALeaderThatStopsHandsOver(t *testing.T) {
	t.Parallel()
	a := runInside(t, paxos.AcceptorRole, dataFlags(t.TempDir())...)
	initialise(t, a.address)
	// With patience enough that no proposer would stand by itself in time.
	flags := func(id string) []string {
		return []string{"--id", id, "--peers", "acceptor1=" + a.address, "--election-timeout", "3s", "--heartbeat", "50ms"}
	}
	first := runInside(t, paxos.ProposerRole, flags("proposer1")...)
	until(t, "proposer1 leads", func() bool { return leaderAt(t, first.address).Leading })
	var nodes struct {
		Members []struct{ Gossip string }
	}
	code, b, err := get(first.address, "/gossip/nodes")
	must(t, err)
	if must(t, json.Unmarshal(b, &nodes)); code != http.StatusOK || len(nodes.Members) == 0 {
		t.Fatalf("/gossip/nodes says %d %s", code, b)
	}
	second := runInside(t, paxos.ProposerRole, append(flags("proposer2"), "--join", nodes.Members[0].Gossip)...)
	until(t, "proposer1 knows proposer2", func() bool {
		_, b, err := get(first.address, "/gossip/nodes")
		return err == nil && strings.Contains(string(b), "proposer2")
	})
	until(t, "proposer2 knows its cluster", func() bool { return healthOf(t, second.address).Status == "ok" })
	if leaderAt(t, second.address).Leading {
		t.Fatal("two proposers lead")
	}
	began := time.Now()
	must(t, first.end())
	until(t, "proposer2 leads", func() bool { return leaderAt(t, second.address).Leading })
	took := time.Since(began)
	t.Logf("handed over in %v", took)
	if took > 2500*time.Millisecond {
		t.Errorf("it took %v: it was not handed over", took)
	}
	if _, b, err := get(second.address, "/view-logs?kind=handover"); err != nil || !strings.Contains(string(b), `"kind":"handover"`) {
		t.Errorf("no handover is to be seen: %s %v", b, err)
	}
}

func TestASecondProcessOnADataDirectoryEndsAndSaysWhoHoldsIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := launch(t, paxos.AcceptorRole, ports.Free(t), nil, dataFlags(dir)...)
	alive(t, first.address)
	for name, address := range map[string]string{"at another address": ports.Free(t), "at the same address": first.address} {
		second := launch(t, paxos.AcceptorRole, address, nil, dataFlags(dir)...)
		if code := second.exitCode(t); code != 1 {
			t.Errorf("%s: it exits with %d", name, code)
		}
		for _, want := range []string{dir + " is held by acceptor1", "process "} {
			if !strings.Contains(second.said.String(), want) {
				t.Errorf("%s: it does not say %q:\n%s", name, want, second.said.String())
			}
		}
	}
	if h := healthOf(t, first.address); h.Status != "waiting" {
		t.Errorf("the first says %+v", h)
	}
	first.stop(t)
	third := launch(t, paxos.AcceptorRole, first.address, nil, dataFlags(dir)...)
	alive(t, third.address)
	third.stop(t)
}

func TestAnAddressThatIsTakenEndsTheNode(t *testing.T) {
	t.Parallel()
	first := runInside(t, paxos.ProposerRole)
	second := launch(t, paxos.ProposerRole, first.address, nil)
	if code := second.exitCode(t); code != 1 || !strings.Contains(second.said.String(), "--listen: listen tcp "+first.address) {
		t.Errorf("it exits with %d and says:\n%s", code, second.said.String())
	}
}

func TestADataDirectoryInMemoryIsRefusedUnlessAllowed(t *testing.T) {
	const memory = "/dev/shm"
	if wal.CheckFileSystem(memory) == nil {
		t.Skipf("%s is no file system in memory here", memory)
	}
	dir, err := os.MkdirTemp(memory, "paxos-test-")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := settingsOf(t, paxos.AcceptorRole, plain(ports.Free(t), "--data", dir)...)
	err = service.Run(context.Background(), s, &output{})
	if err == nil || !strings.Contains(err.Error(), "is on tmpfs, which forgets") || !strings.Contains(err.Error(), "--allow-unsafe-filesystem") {
		t.Fatalf("a data directory on tmpfs: %v", err)
	}
	n := runInside(t, paxos.AcceptorRole, dataFlags(dir)...)
	initialise(t, n.address)
	if h := healthOf(t, n.address); h.Status != "ok" {
		t.Fatalf("/health says %+v", h)
	}
}

func TestADamagedDiskIsAliveAndDoesNotVote(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := runInside(t, paxos.AcceptorRole, dataFlags(dir)...)
	initialise(t, n.address)
	must(t, n.end())
	segment := filepath.Join(dir, "0000000000000001.wal")
	b, err := os.ReadFile(segment)
	must(t, err)
	b[20] ^= 0xff
	must(t, os.WriteFile(segment, b, 0o600))
	n = runInside(t, paxos.AcceptorRole, dataFlags(dir)...)
	h := healthOf(t, n.address)
	if h.Status != "mute" || !strings.Contains(h.Why, segment+" is damaged at byte 0") || h.Starts != 2 {
		t.Errorf("/health says %+v", h)
	}
	if code, b, err := get(n.address, "/readyz"); err != nil || code != http.StatusServiceUnavailable {
		t.Errorf("/readyz says %d %s %v", code, b, err)
	}
	path, body := question(3)
	if code, b, err := post(n.address, path, body); err != nil || code != http.StatusConflict || !strings.Contains(string(b), `"reason":"not-member"`) {
		t.Errorf("a Prepare is answered with %d %s %v", code, b, err)
	}
}

// TestTheRealProgram builds one of the four, which are the same but for a word.
func TestTheRealProgram(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "acceptor")
	build := exec.Command("go", "build", "-o", program, "paxos/cmd/acceptor")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, c := range map[string]struct {
		args []string
		env  string
		code int
		want string
	}{
		"an unknown flag":       {[]string{"--nonsense"}, "", 2, "unknown flag: --nonsense"},
		"an argument":           {[]string{"now"}, "", 2, `"now" is not expected: a node takes flags only`},
		"no data directory":     {nil, "", 2, "--data is required"},
		"a wrong value":         {[]string{"--data", "x", "--tick", "2s"}, "", 2, "--tick: 2s is not between 1ms and 1s"},
		"no duration":           {[]string{"--data", "x", "--tick", "2"}, "", 2, "--tick"},
		"a wrong environment":   {[]string{"--data", "x"}, "PAXOS_TICK=soon", 2, `PAXOS_TICK="soon"`},
		"help":                  {[]string{"--help"}, "", 0, "(default 10ms)"},
		"a version":             {[]string{"--version"}, "", 0, "acceptor version"},
		"a directory in a file": {[]string{"--data", "/dev/null/x"}, "", 1, "data directory /dev/null/x"},
	} {
		cmd := exec.Command(program, c.args...)
		cmd.Env = append(os.Environ(), c.env)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: it exits with %d and says:\n%s", name, code, out)
		}
		if c.code == 2 && strings.Count(string(out), "\n") != 2 {
			t.Errorf("%s: not one sentence and a hint:\n%s", name, out)
		}
	}
}

func TestCommandsThatNoLearnerCouldReadAreNotAdmitted(t *testing.T) {
	t.Parallel()
	a := runInside(t, paxos.AcceptorRole, dataFlags(t.TempDir())...)
	initialise(t, a.address)
	p := runInside(t, paxos.ProposerRole, "--peers", "acceptor1="+a.address)
	until(t, "it leads", func() bool { return leaderAt(t, p.address).Leading })
	code, b, err := post(p.address, "/propose", `{"commands":[{"session":"0000000000000001","sequence":"1","body":"CQE="}]}`)
	if err != nil || code != http.StatusBadRequest || !strings.Contains(string(b), "unknown command") {
		t.Errorf("an unknown command: %d %s %v", code, b, err)
	}
	if l := leaderAt(t, p.address); l.Chosen != 1 {
		t.Errorf("the chosen watermark is %d", l.Chosen)
	}
	if code, b, err = post(p.address, "/propose", `{"value":"x"}`); err != nil || code != http.StatusOK {
		t.Errorf("a good one: %d %s %v", code, b, err)
	}
}
