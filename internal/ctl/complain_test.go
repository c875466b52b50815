package ctl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"paxos/client"
	"paxos/paxos"
	"paxos/test/ports"
)

func TestProblemsAreJSONWhereJSONIsWanted(t *testing.T) {
	t.Chdir(t.TempDir())
	kv := client.KV{Key: "a", Value: text("7"), Mod: 5}
	changed := client.Problem{Type: "urn:paxos:condition-failed", Title: "Precondition Failed", Detail: "it is not so", Current: &kv}
	for _, x := range []struct {
		line, at string
		want     problem // its texts are parts
	}{
		{"put --if-missing a 8 -o json", answers(t, 412, changed), problem{client.Problem{Type: "urn:paxos:condition-failed", Detail: "it is not so", Hint: "it is 7, at revision 5", Current: &kv}, "Precondition Failed", 412, ExitConflict}},
		{"get --prefix a --timeout 300ms -o ndjson", refuses(t, 503, "no-quorum", "no quorum"), problem{client.Problem{Type: "urn:paxos:no-quorum", Detail: "no quorum"}, "", 503, ExitUnavailable}},
		{"get a --timeout 300ms --output=json", ports.Closed(t), problem{client.Problem{Type: "urn:paxosctl:unavailable", Detail: "connection refused", Hint: "--endpoints"}, "", 0, ExitUnavailable}},
		{"get a b -o json", ports.Closed(t), problem{client.Problem{Type: "urn:paxosctl:usage", Detail: `"b" is not expected`, Hint: "--help"}, "", 0, ExitUsage}},
		{"get a --nonsense --output json", ports.Closed(t), problem{client.Problem{Type: "urn:paxosctl:usage", Detail: "--nonsense"}, "", 0, ExitUsage}},
		{"get a -ojson --nonsense", ports.Closed(t), problem{client.Problem{Type: "urn:paxosctl:usage", Detail: "--nonsense"}, "", 0, ExitUsage}},
		{"send -o json v", answers(t, 504, client.Problem{Type: "urn:paxos:unknown", Detail: "nobody knows", Session: &session, Sequence: &sequence}), problem{client.Problem{Type: "urn:paxos:unknown", Detail: "nobody knows", Hint: "paxosctl burn 00000000000000ab/3"}, "", 504, ExitUnknown}},
	} {
		got := run(t.Context(), nil, append(strings.Fields(x.line), "--endpoints", x.at)...)
		var said map[string]problem
		err := json.Unmarshal([]byte(got.err), &said)
		p := said["error"]
		if err != nil || p.Type != x.want.Type || p.Status != x.want.Status || p.Exit != x.want.Exit || got.code != x.want.Exit || p.Title != x.want.Title ||
			!strings.Contains(p.Detail, x.want.Detail) || !strings.Contains(p.Hint, x.want.Hint) || (p.Current == nil) != (x.want.Current == nil) {
			t.Errorf("%s: %v, want %+v: %v", x.line, err, x.want, got)
		}
	}
	if got := run(t.Context(), nil, "lock", "x", "--nonsense", "--", "curl", "-o", "json"); strings.Contains(got.err, "{") {
		t.Errorf("what follows -- is another program's: %v", got)
	}
}

func TestHintsCanBeFollowed(t *testing.T) {
	t.Chdir(t.TempDir())
	hint := "ask again, wait longer with ?timeout=, or take an older answer with ?consistency=stale"
	at := answers(t, 503, client.Problem{Type: "urn:paxos:no-quorum", Detail: "no quorum", Hint: hint})
	alone := answers(t, 503, client.Problem{Type: "urn:paxos:no-quorum", Detail: "no quorum", Hint: "start acceptors, or take an older answer with ?consistency=stale"})
	for _, x := range []struct{ line, at, want string }{
		{"get a", at, "no quorum\nask again, wait longer with --timeout, or take an older answer with --consistency stale\n"},
		{"compact --keep 3", at, "no quorum\nask again, wait longer with --timeout\n"},
		{"lock --show l", alone, "no quorum\nstart acceptors\n"},
		{"lease list", alone, "no quorum\nstart acceptors\n"},
	} {
		words := append(strings.Fields(x.line), "--timeout", "300ms", "--endpoints", x.at)
		if got := run(t.Context(), nil, words...); got.err != x.want {
			t.Errorf("%s: %v\nwant %s", x.line, got, x.want)
		}
	}
	if got := run(t.Context(), nil, "put", "", "x", "--endpoints", at); got.code != ExitUsage || !strings.HasSuffix(got.err, "see --help\n") {
		t.Errorf("no key: %v", got)
	}
}

func TestAWatchThatIsNeverOpenedSaysSo(t *testing.T) {
	t.Chdir(t.TempDir())
	dead := ports.Closed(t)
	hangs := made(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	for at, want := range map[string]string{
		dead:                                    "connection refused",
		refuses(t, 503, "no-learner", "no one"): "no one",
		hangs:                                   "gave no answer",
	} {
		got := run(t.Context(), nil, "watch", "a", "--timeout", "1500ms", "--endpoints", at)
		if got.code != ExitUnavailable || strings.Count(got.err, "waiting for "+at+" to answer") != 1 || !strings.Contains(got.err, "nothing was watched: ") || !strings.Contains(got.err, want) {
			t.Errorf("%s: %v", want, got)
		}
	}
}

func TestStatusSaysWhatFollows(t *testing.T) {
	ok, waits := &client.Health{Status: "ok"}, &client.Health{Status: "waiting"}
	learner := func(id paxos.NodeID, h *client.Health) nodeStatus {
		return nodeStatus{target: target{ID: id, Role: paxos.LearnerRole}, Health: h}
	}
	for _, x := range []struct {
		st         clusterStatus
		want, hint string // parts
	}{
		{clusterStatus{"proposer1", []nodeStatus{learner("learner1", nil), learner("learner2", ok)}}, "", ""},
		{clusterStatus{"proposer1", []nodeStatus{learner("learner1", nil), learner("learner2", nil)}}, "no learner is ready: nothing can be read", "start a learner"},
		{clusterStatus{"proposer1", []nodeStatus{learner("learner1", waits)}}, "no learner is ready", "what they wait for"},
		{clusterStatus{"", []nodeStatus{learner("learner1", ok)}}, "no proposer leads: nothing can be sent", "a quorum of acceptors"},
		{clusterStatus{"", []nodeStatus{learner("learner1", nil)}}, "no proposer leads: nothing can be sent; no learner is ready", "start a learner"},
	} {
		err := (&app{}).useless(x.st)
		if x.want == "" && err == nil {
			continue
		}
		if err == nil || exitCode(err) != ExitUnavailable {
			t.Errorf("%+v: %v", x.st, err)
			continue
		}
		if sentence, hint := explain(err); !strings.Contains(sentence, x.want) || !strings.Contains(hint, x.hint) {
			t.Errorf("%+v: %s\n%s", x.st, sentence, hint)
		}
	}
}

func TestSmallWords(t *testing.T) {
	t.Chdir(t.TempDir())
	kv := client.KV{Key: "a", Value: text("7"), Mod: 5, Version: 3}
	var asked string
	lease := made(t, func(w http.ResponseWriter, r *http.Request) {
		var words struct {
			TTL int64 `json:"ttl_ms"`
		}
		_ = json.NewDecoder(r.Body).Decode(&words)
		asked = strconv.FormatInt(words.TTL, 10)
		_ = json.NewEncoder(w).Encode(client.Leased{Lease: client.Lease{ID: 0xab, TTL: words.TTL}})
	})
	for _, x := range []struct {
		line, at string
		code     int
		want     string // on either stream
	}{
		{"del nokey -o json", answers(t, 200, client.Written{Revision: 5}), ExitOK, `"deleted": "0"`},
		{"put a 8 --prev", answers(t, 200, client.Written{Key: &kv, Prev: []client.KV{kv}}), ExitOK, "\n\nBEFORE  VALUE  REVISION  VERSION  LEASE\na       7      5         3        -\n"},
		{"del a --prev", answers(t, 200, client.Written{Deleted: 1, Prev: []client.KV{kv}}), ExitOK, "\n\nBEFORE  VALUE"},
		{"get a --timeout 0s", ports.Closed(t), ExitUsage, "--timeout 0s is no time to wait"},
		{"local up --timeout -1s", "", ExitUsage, "--timeout -1s is no time to wait"},
		{"lease grant 5", lease, ExitOK, "5s"},
		{"lease grant x", lease, ExitUsage, "a number of seconds"},
		{"lock l --ttl x -- true", lease, ExitUsage, "duration"},
		{"watch a -- /nonexistent", ports.Closed(t), ExitNoProgram, "/nonexistent cannot be run: no such file or directory\n"},
		{"lock a -- no-such-program", ports.Closed(t), ExitNoProgram, "no-such-program cannot be run: executable file not found"},
		{"version", "", ExitOK, "paxosctl version "},
		{"version -o json", "", ExitOK, `"version": `},
	} {
		words := strings.Fields(x.line)
		if x.at != "" {
			words = append([]string{words[0]}, words...)
			words[1] = "--endpoints=" + x.at
			if words[0] == "lease" {
				words[1], words[2] = words[2], words[1]
			}
		}
		if got := run(t.Context(), nil, words...); got.code != x.code || !strings.Contains(got.out+got.err, x.want) {
			t.Errorf("%s: want %d and %q: %v", x.line, x.code, x.want, got)
		}
	}
	if asked != "5000" {
		t.Errorf("5 means %s ms", asked)
	}
	if a, b := run(t.Context(), nil, "version"), run(t.Context(), nil, "--version"); a.out != b.out {
		t.Errorf("%q is not %q", a.out, b.out)
	}
}

func TestTheDirectoryMayBeInTheEnvironment(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("PAXOS_DATA", "elsewhere")
	if got := run(t.Context(), nil, "local", "status"); got.code != ExitNotFound || !strings.Contains(got.err, "elsewhere") {
		t.Error(got)
	}
	if got := run(t.Context(), nil, "local", "status", "--data", "here"); !strings.Contains(got.err, "in here") {
		t.Error(got)
	}
}

// On Linux a command does not outlive the paxosctl that holds its lock.
func TestACommandDiesWithItsLock(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("only Linux ties a process to its parent")
	}
	var gone atomic.Bool
	at, _ := locks(t, &gone)
	m := &machine{t, t.TempDir(), "0"}
	cmd, _, _ := m.command("lock", "l", "--endpoints", at, "--", "sh", "-c", "echo $$; exec sleep 300")
	cmd.Stdout = nil
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	for end := time.Now().Add(20 * time.Second); running(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("the command goes on")
		}
	}
	_ = cmd.Wait()
}

// running reports whether a process is there, and not only its remains.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := bytes.Cut(stat, []byte(") "))
	return !bytes.HasPrefix(state, []byte("Z"))
}
