package ctl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"paxos/client"
	"paxos/paxos"
	"paxos/test/ports"
)

// The test's own program stands in for paxosctl where a process is needed:
// for the commands of local, and for the nodes that they start.
func TestMain(m *testing.M) {
	if os.Getenv("BE_PAXOSCTL") == "1" {
		os.Exit(Main(os.Args, Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	}
	os.Exit(m.Run())
}

// result is what a command line did.
type result struct {
	code     int
	out, err string
}

func (r result) String() string {
	return fmt.Sprintf("exit code %d\nstdout: %s\nstderr: %s", r.code, r.out, r.err)
}

func run(ctx context.Context, in io.Reader, args ...string) result {
	var out, err bytes.Buffer
	code := Run(ctx, append([]string{"paxosctl"}, args...), Streams{In: in, Out: &out, Err: &err})
	return result{code, out.String(), err.String()}
}

// made is a made-up client service, and where it is.
func made(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func answers(t *testing.T, status int, body any) string {
	t.Helper()
	return made(t, func(w http.ResponseWriter, _ *http.Request) {
		if _, bad := body.(client.Problem); bad {
			w.Header().Set("Content-Type", "application/problem+json")
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	})
}

var (
	session  = paxos.SessionID(0xab)
	sequence = paxos.Sequence(3)
)

func TestEveryExitCodeMeansWhatItSays(t *testing.T) {
	t.Chdir(t.TempDir()) // where there is no local cluster
	sent := client.Sent{Slot: 7, Position: 1, Session: session, Sequence: sequence, Status: "applied", Client: "client1"}
	unknown := client.Problem{Type: "urn:paxos:unknown", Detail: "it is unknown", Session: &session, Sequence: &sequence}
	for _, x := range []struct {
		about string
		code  int
		at    string // the endpoint
		line  string
		err   string // part of stderr
	}{
		{"a send", ExitOK, answers(t, 200, sent), "send v", ""},
		{"a send that does not wait", ExitOK, answers(t, 202, client.Sent{Status: "pending", Session: session, Sequence: 3}), "send --no-wait v", "paxosctl outcome 00000000000000ab/3"},
		{"an outcome", ExitOK, answers(t, 200, client.Outcome{Status: "applied", Slot: 7}), "outcome k", ""},
		{"a burnt key", ExitOK, answers(t, 200, client.Outcome{Status: "burnt", Slot: 7}), "burn k", ""},
		{"a value that is refused", ExitUsage, answers(t, 413, client.Problem{Detail: "too large"}), "send v", "too large"},
		{"an outcome of what failed", ExitConflict, answers(t, 200, client.Outcome{Status: "failed", Slot: 7, Result: json.RawMessage(`{"detail":"no number there"}`)}), "outcome k", "k changed nothing: no number there"},
		{"an outcome whose condition did not hold", ExitConflict, answers(t, 200, client.Outcome{Status: "applied", Slot: 7, Result: json.RawMessage(`{"succeeded":false}`)}), "outcome k", "the condition of k did not hold"},
		{"an outcome whose condition held", ExitOK, answers(t, 200, client.Outcome{Status: "applied", Slot: 7, Result: json.RawMessage(`{"succeeded":true}`)}), "outcome k", ""},
		{"an outcome that nobody saw", ExitNotFound, answers(t, 200, client.Outcome{Status: "not-seen", Learner: "learner1"}), "outcome k", "not seen at learner1"},
		{"an outcome of a session that is gone", ExitNotFound, answers(t, 200, client.Outcome{Status: "expired", Learner: "learner1"}), "outcome 00000000000000ab/3", "whether it was applied is forgotten"},
		{"a burn of a session that is gone", ExitConflict, answers(t, 200, client.Outcome{Status: "expired", Slot: 7}), "burn 00000000000000ab/3", "from now on it never does"},
		{"no such endpoint", ExitNotFound, answers(t, 404, client.Problem{Detail: "nothing there"}), "read", "nothing there"},
		{"a key with two values", ExitConflict, answers(t, 422, client.Problem{Detail: "used for another", Hint: "draw a new key"}), "send --key k v", "draw a new key"},
		{"an expired command", ExitConflict, answers(t, 409, client.Problem{Type: "urn:paxos:session_expired", Detail: "too old"}), "send v", "too old"},
		{"an applied key is not burnt", ExitConflict, answers(t, 200, client.Outcome{Status: "applied", Slot: 7}), "burn k", "k is not burnt: it is applied"},
		{"no quorum", ExitUnavailable, answers(t, 503, client.Problem{Type: "urn:paxos:not-applied", Detail: "no quorum"}), "send v", "no quorum"},
		{"nobody there", ExitUnavailable, ports.Closed(t), "send v", "connection refused"},
		{"nobody to read from", ExitUnavailable, ports.Closed(t), "read --all", "connection refused"},
		{"no nodes to look at", ExitUnavailable, ports.Closed(t), "status", "connection refused"},
		{"no leader", ExitUnavailable, answers(t, 200, client.Members{}), "leader", "no proposer leads"},
		{"an unknown outcome", ExitUnknown, answers(t, 504, unknown), "send v", "paxosctl outcome 00000000000000ab/3 tells"},
		{"an unknown outcome of a key", ExitUnknown, answers(t, 504, unknown), "send --key k v", "paxosctl burn k makes sure"},
		{"an unknown outcome of a key like a name", ExitUnknown, answers(t, 504, unknown), "send --key ab'/3 v", `paxosctl burn 'ab'\''/3' makes sure`},
		{"an unknown outcome of a burn", ExitUnknown, answers(t, 504, unknown), "burn --key 00000000000000ab/3", "paxosctl outcome --key 00000000000000ab/3 tells"},
		{"a key like a name that nobody saw", ExitNotFound, answers(t, 200, client.Outcome{Status: "not-seen"}), "outcome --key 00000000000000ab/3", "paxosctl burn --key 00000000000000ab/3"},
		{"a settled command", ExitConflict, answers(t, 200, client.Outcome{Status: "confirmed"}), "burn k", "whether it applied was forgotten"},
		{"a value like a flag", ExitUsage, ports.Closed(t), "send -dash", "paxosctl send -- -dash"},
		{"a hint for users of REST", ExitUnavailable, answers(t, 503, client.Problem{Type: "urn:paxos:no-learner", Hint: "nothing was changed; see /gossip/nodes for who is there"}), "read", "paxosctl members shows"},
		{"an unknown outcome without a name", ExitUnknown, answers(t, 502, "no"), "send v", "look for the value with paxosctl read"},
	} {
		got := run(t.Context(), strings.NewReader(""), append(strings.Fields(x.line), "--endpoints", x.at)...)
		if got.code != x.code || !strings.Contains(got.err, x.err) || x.code == ExitOK && x.err == "" && got.err != "" {
			t.Errorf("%s: want exit code %d and %q\n%v", x.about, x.code, x.err, got)
		}
		asked := (strings.HasPrefix(x.line, "outcome") || strings.HasPrefix(x.line, "burn")) && x.code != ExitUnknown // a bad answer is one too
		if (got.out == "") == (x.code == ExitOK || asked) {
			t.Errorf("%s: results go to stdout, and nothing else does\n%v", x.about, got)
		}
	}
	if got := run(t.Context(), iotest.ErrReader(errors.New("no input today")), "send", "-"); got.code != ExitError || !strings.Contains(got.err, "no input today") {
		t.Errorf("an input that cannot be read: %v", got)
	}
}

func TestAnInterruptedCommandSaysWhatItLeft(t *testing.T) {
	for line, want := range map[string]string{"read": "interrupted before it was done\n", "send v": "the outcome is unknown"} {
		ctx, cancel := context.WithCancel(t.Context())
		at := made(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			cancel()
			<-r.Context().Done()
		})
		got := run(ctx, nil, append(strings.Fields(line), "--endpoints", at)...)
		if got.code != ExitInterrupted || !strings.Contains(got.err, want) || got.out != "" {
			t.Errorf("%s: %v", line, got)
		}
		cancel()
	}
}

func TestWrongCommandLinesAreExplainedInASentence(t *testing.T) {
	t.Chdir(t.TempDir())
	for line, want := range map[string]string{
		"nonsense":                     `unknown command "nonsense"`,
		"local nonsense":               `paxosctl local has no command "nonsense"`,
		"node nonsense":                `paxosctl node has no command "nonsense"`,
		"node proposer x":              "a node takes flags only",
		"node proposer --window=x":     "invalid argument",
		"send":                         "VALUE is missing",
		"send a b":                     `"b" is not expected`,
		"send --nonsense a":            "unknown flag: --nonsense",
		"send -o yaml a":               `-o "yaml" is neither table nor json`,
		"send --timeout soon a":        `--timeout "soon" is no duration`,
		"send --timeout -1s a":         "no time to wait",
		"send --endpoints nowhere a":   `address "nowhere" is not host:port`,
		"read --slot x":                `--slot "x" is no whole number`,
		"read --slot 0":                "the first slot is 1",
		"read --slot 1 --all":          "--slot and --all do not go together",
		"read --from 1.x":              `--from "1.x"`,
		"read --from 0":                `--from "0"`,
		"read --limit 0":               "--limit 0 is not between 1 and 10000",
		"outcome":                      "KEY|SESSION/SEQUENCE is missing",
		"logs --kind nonsense":         "--kind",
		"logs --limit 0":               "--limit 0 is not between 1 and 10000",
		"logs --since -1s":             "--since -1s is negative",
		"completion bogus":             `paxosctl completion has no command "bogus"`,
		"help bogus":                   `there is no command "bogus"`,
		"help local bogus":             `there is no command "local bogus"`,
		"local up now":                 `"now" is not expected`,
		"local kill":                   "which nodes?",
		"local start leader":           "name a node by its id",
		"local resume leader":          "name a node by its id",
		"local up -- --id x":           "--id is not for all nodes alike",
		"local up --port-offset 1e9":   `--port-offset "1e9" is no whole number`,
		"local up --port-offset 60000": "port offset 60000",
	} {
		got := run(t.Context(), strings.NewReader(""), strings.Fields(line)...)
		if got.code != ExitUsage || !strings.Contains(got.err, want) || !strings.HasSuffix(got.err, "see --help\n") || got.out != "" {
			t.Errorf("%s: want %q\n%v", line, want, got)
		}
	}
}

func TestWithJSONNothingElseIsOnStdout(t *testing.T) {
	t.Chdir(t.TempDir())
	sent := answers(t, 200, client.Sent{Slot: 1 << 60, Session: session, Sequence: 3, Status: "applied"})
	page := answers(t, 200, client.Page{Values: []client.Value{{Slot: 1, Value: "<a>\n\"b\""}}, Next: client.Cursor{Slot: 2}})
	members := answers(t, 200, client.Members{Node: "client1", Members: []client.Member{}})
	for line, want := range map[string]string{
		"send v --endpoints " + sent:     `"slot":"1152921504606846976"`,
		"read --endpoints " + page:       `"value":"<a>\n\"b\""`,
		"read --all --endpoints " + page: `{"values":[{"slot":"1","position":0,"value":"<a>\n\"b\""}]}`,
		"members --endpoints " + members: `"members":[]`,
	} {
		got := run(t.Context(), nil, append(strings.Fields(line), "-o", "json")...)
		var b bytes.Buffer
		if err := json.Compact(&b, []byte(got.out)); err != nil || !strings.Contains(b.String(), want) || got.code != ExitOK {
			t.Errorf("%s: %v, %v", line, err, got)
		}
	}
}

func TestTablesKeepStrangeValuesOnOneLine(t *testing.T) {
	at := answers(t, 200, client.Page{Values: []client.Value{{Slot: 1, Value: "plain, ação"}, {Slot: 2, Position: 1, Value: "a\nb\x1b[2J"}, {Slot: 3}},
		More: true, Next: client.Cursor{Slot: 3, Position: 1}})
	got := run(t.Context(), nil, "read", "--endpoints", at)
	want := "SLOT  POSITION  VALUE\n1     0         plain, ação\n2     1         \"a\\nb\\x1b[2J\"\n3     0         \"\"\n"
	if got.out != want || !strings.Contains(got.err, "--from 3.1") {
		t.Errorf("%v\nwant %s", got, want)
	}
}

func TestAValueMayComeFromStandardInput(t *testing.T) {
	var body string
	at := made(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body = strings.TrimSpace(string(b))
		_ = json.NewEncoder(w).Encode(client.Sent{Status: "applied"})
	})
	t.Setenv("PAXOS_ENDPOINTS", ports.Closed(t)+", "+at)
	if got := run(t.Context(), strings.NewReader("a\n\"b\"\n"), "send", "-"); got.code != ExitOK || body != `{"value":"a\n\"b\"\n"}` {
		t.Errorf("%s\n%v", body, got)
	}
}

// node answers as a node of a cluster does; address is filled in by nodes.
func nodes(t *testing.T) (endpoint string) {
	t.Helper()
	var members client.Members
	for _, n := range []struct {
		id    paxos.NodeID
		role  paxos.RoleName
		state string
	}{
		{"proposer1", paxos.ProposerRole, `{"leading":true,"ballot":{"number":"5"},"acceptors_answering":3,"acceptors_needed":2,"chosen_watermark":"9"}`},
		{"acceptor1", paxos.AcceptorRole, `{"standing":"member","accepted":8,"highest":"8","chosen_watermark":"9"}`},
	} {
		mux := http.NewServeMux()
		mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"node":%q,"role":%q,"status":"ok","state":%s,"started":"x"}`, n.id, n.role, n.state)
		})
		mux.HandleFunc("/gossip/nodes", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(members) })
		mux.HandleFunc("/view-logs", func(w http.ResponseWriter, r *http.Request) { events(w, r, n.id) })
		mux.HandleFunc("/init", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"progress":"already","current":"0123456789abcdef0123456789abcdef"}`)
		})
		endpoint = made(t, mux.ServeHTTP)
		members.Members = append(members.Members, client.Member{ID: n.id, Role: n.role, REST: endpoint, State: "alive"})
	}
	members.Members = append(members.Members, client.Member{ID: "learner1", Role: paxos.LearnerRole, REST: ports.Closed(t), State: "dead"})
	return endpoint
}

// events gives three events of a node, each with the same time on both, and
// when they are followed goes on for a moment.
func events(w http.ResponseWriter, r *http.Request, id paxos.NodeID) {
	var list []client.Event
	for i := range 3 {
		list = append(list, client.Event{Number: paxos.Number(i + 1), Time: fmt.Sprintf("2026-01-01T00:00:0%d.000000Z", i), Node: id, Kind: "chosen", Slot: paxos.Slot(i + 1)})
	}
	since, _ := paxos.ParseUint(r.URL.Query().Get("since"))
	list = list[min(int(since), len(list)):]
	if r.URL.Query().Get("follow") != "1" {
		_ = json.NewEncoder(w).Encode(client.Log{Node: id, Events: list})
		return
	}
	for _, e := range list {
		_ = json.NewEncoder(w).Encode(e)
	}
}

func TestStatusShowsEveryNodeAlsoTheSilent(t *testing.T) {
	at := nodes(t)
	got := run(t.Context(), nil, "status", "--endpoints", at)
	for _, want := range []string{"leads with ballot 5; 3 acceptors answer, 2 are needed", "member, 8 slots accepted", "connection refused", "dead"} {
		if got.code != ExitUnavailable || !strings.Contains(got.out, want) {
			t.Errorf("%q is missing: %v", want, got)
		}
	}
	var st clusterStatus
	got = run(t.Context(), nil, "status", "--endpoints", at, "-o", "json")
	if err := json.Unmarshal([]byte(got.out), &st); err != nil || !strings.Contains(got.err, "no learner is ready: nothing can be read") || st.Leader != "proposer1" || len(st.Nodes) != 3 || st.Nodes[2].Health != nil || st.Nodes[2].Problem == "" {
		t.Errorf("%v: %v", err, got)
	}
	if got := run(t.Context(), nil, "init", "--endpoints", at); got.code != ExitOK || !strings.Contains(got.out, "before") {
		t.Errorf("init: %v", got)
	}
}

func TestLogsMergeAllNodesAndShowEachEventOnce(t *testing.T) {
	at := nodes(t)
	got := run(t.Context(), nil, "logs", "--endpoints", at)
	var order []string
	for line := range strings.Lines(got.out) {
		f := strings.Fields(line)
		order = append(order, f[1]+" "+f[3])
	}
	want := "acceptor1 slot=1,proposer1 slot=1,acceptor1 slot=2,proposer1 slot=2,acceptor1 slot=3,proposer1 slot=3"
	if got.code != ExitOK || strings.Join(order, ",") != want || !strings.Contains(got.err, "learner1 does not answer") {
		t.Errorf("%v", got)
	}
	// Followed, the streams break at once and are taken up again and again.
	got = run(t.Context(), nil, "logs", "--follow", "--timeout", (3 * againEvery).String(), "--endpoints", at, "-o", "json", "proposer1", "acceptor1")
	seen := map[string]int{}
	for line := range strings.Lines(got.out) {
		var e client.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		seen[fmt.Sprint(e.Node, e.Number)]++
	}
	for name, n := range seen {
		if n != 1 {
			t.Errorf("%s is shown %d times", name, n)
		}
	}
	if got.code != ExitOK || len(seen) != 6 {
		t.Errorf("%v", got)
	}
	if got := run(t.Context(), nil, "logs", "--endpoints", at, "nobody"); got.code != ExitNotFound {
		t.Errorf("%v", got)
	}
	if got := run(t.Context(), nil, "logs", "--endpoints", at, "--since", time.Second.String(), "proposer1"); got.code != ExitOK || got.out != "" {
		t.Errorf("events of a past year: %v", got)
	}
}

func TestCompletionKnowsTheNodes(t *testing.T) {
	t.Chdir(t.TempDir())
	got := run(t.Context(), nil, "__complete", "local", "kill", "")
	if got.code != ExitOK || !strings.Contains(got.out, "acceptor3\tacceptor at 127.0.0.1:4003") || !strings.Contains(got.out, "leader\t") {
		t.Errorf("%v", got)
	}
	if got := run(t.Context(), nil, "__complete", "local", "start", ""); got.code != ExitOK || strings.Contains(got.out, "leader\t") {
		t.Errorf("nobody who leads is started: %v", got)
	}
}

func TestCobrasOwnCommandsStillWork(t *testing.T) {
	for line, want := range map[string]string{"help": "Usage:", "help local up": "paxosctl local up", "completion bash": "bash completion", "completion": "Usage:", "send --help": "VALUE"} {
		if got := run(t.Context(), nil, strings.Fields(line)...); got.code != ExitOK || !strings.Contains(got.out, want) {
			t.Errorf("%s: %v", line, got)
		}
	}
}

func TestAKeyThatLooksLikeANameIsAskedAsAKey(t *testing.T) {
	var asked []string
	at := made(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.EscapedPath())
		_ = json.NewEncoder(w).Encode(client.Outcome{Status: "applied", Slot: 1})
	})
	run(t.Context(), nil, "outcome", "--endpoints", at, "00000000000000ab/3")
	run(t.Context(), nil, "outcome", "--endpoints", at, "--key", "00000000000000ab/3")
	if strings.Join(asked, " ") != "/outcome/00000000000000ab/3 /outcome/00000000000000ab%2F3" {
		t.Error(asked)
	}
}

func TestWithProposersButNoLeaderTheHintIsToLookAtAcceptors(t *testing.T) {
	t.Chdir(t.TempDir())
	proposer := answers(t, 200, client.Leader{Node: "proposer1", Answering: 1, Needed: 2})
	at := answers(t, 200, client.Members{Members: []client.Member{{ID: "proposer1", Role: paxos.ProposerRole, REST: proposer, State: "alive"}}})
	got := run(t.Context(), nil, "leader", "--endpoints", at)
	if got.code != ExitUnavailable || !strings.Contains(got.err, "hears 1 acceptor of 2 needed") || !strings.Contains(got.err, "start acceptors; paxosctl status") || strings.Contains(got.err, "is the cluster there") {
		t.Errorf("%v", got)
	}
}
