package rest

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"paxos/paxos"
)

const tooLarge64 = "18446744073709551616" // 2^64

// every is one message of each kind that travels.
var every = []paxos.Message{paxos.Survey{}, paxos.Surveyed{}, paxos.Prepare{}, paxos.Promise{}, paxos.Accept{}, paxos.Accepted{}, paxos.Nack{},
	paxos.Heartbeat{}, paxos.Heard{}, paxos.Highest{}, paxos.HighestIs{}, paxos.Learn{}, paxos.CatchUp{}, paxos.Chosen{},
	paxos.Voted{}, paxos.Finish{}, paxos.Propose{}, paxos.Proposed{}, paxos.Refused{}, paxos.Notify{}, paxos.Handover{},
	paxos.Init{}, paxos.Initialised{}, paxos.Form{}, paxos.Formed{}, paxos.Enroll{},
	paxos.Kept{}, paxos.StateIs{}, paxos.SnapshotAsk{}, paxos.SnapshotPart{}}

func messageOf(kind paxos.Kind) paxos.Message {
	for _, m := range every {
		if m.Kind() == kind {
			return m
		}
	}
	panic("there is no message of this kind")
}

// wrongFields gives, for each field of a message, JSON that is not right there.
func wrongFields(m paxos.Message) map[string][]string {
	wrong := map[string][]string{"to": {"1.5", `"not a node"`}, "from": {"{}", `"a/b"`}, "cluster": {"7", `"zz"`}, "config": {"[]", `{"number":-1}`}, "message": {`"nonsense"`, "1"}}
	for i := range reflect.TypeOf(m).NumField() {
		f := reflect.TypeOf(m).Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		wrong[name] = []string{"1.5", `{"nonsense":1}`, "-1", tooLarge64}
		text := reflect.PointerTo(f.Type).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
		number := reflect.PointerTo(f.Type).Implements(reflect.TypeFor[json.Unmarshaler]())
		if number {
			wrong[name] = append(wrong[name], `"-1"`, `"`+tooLarge64+`"`, `""`, `"x"`, "true", "1e3", `"1.0"`)
		}
		if text && !number {
			wrong[name] = append(wrong[name], `"x"`, "true")
		}
	}
	return wrong
}

// badBodies are JSON that no endpoint of a message takes.
func badBodies(m paxos.Message) map[string]string {
	bad := map[string]string{
		"cut": "{", "no JSON": "value=x", "a list": "[]", "null": "null", "a string": `"x"`, "a number": "1", "an unknown field": `{"nonsense":1}`,
		"twice": "{}{}", "followed by more": "{} x", "no UTF-8": "{\"from\":\"\xff\"}", "deep": strings.Repeat(`{"a":`, 20000), "an empty key": `{"":1}`,
		"another kind": `{"message":"directory"}`,
	}
	if m.Kind() != paxos.KindInit {
		bad["nothing"] = ""
		bad["blanks"] = "  \n"
	}
	for field, values := range wrongFields(m) {
		for _, v := range values {
			bad[fmt.Sprintf("%s is %s", field, v)] = fmt.Sprintf(`{%q:%s}`, field, v)
		}
	}
	return bad
}

func TestBadJSONIsRefusedAtEveryMessageEndpoint(t *testing.T) {
	w := newTown(t)
	before, tried := runtime.NumGoroutine(), 0
	for _, n := range w.all() {
		for _, kind := range taken[roleOf(n.id)] {
			for name, body := range badBodies(messageOf(kind)) {
				r, b := n.call(t, http.MethodPost, "/"+kind.String(), []byte(body))
				wantProblem(t, fmt.Sprintf("POST /%v with %s", kind, name), r, b, http.StatusBadRequest, `"hint"`)
				tried++
			}
		}
		n.lives(t)
	}
	until(t, "as many goroutines as before", func() bool { return runtime.NumGoroutine() < before+10 })
	t.Logf("%d bad bodies", tried)
}

func TestBadBinaryFormsAreRefusedAtEveryMessageEndpoint(t *testing.T) {
	w := newTown(t)
	for _, n := range w.all() {
		for _, kind := range taken[roleOf(n.id)] {
			good := paxos.AppendEnvelope(nil, paxos.Envelope{To: n.id, Message: messageOf(kind)})
			other := paxos.KindSurvey
			if kind == other {
				other = paxos.KindPrepare
			}
			for name, body := range map[string][]byte{
				"nothing": nil, "garbage": []byte("garbage"), "JSON": []byte("{}"), "a cut message": good[:len(good)-1], "a message and more": append(bytes.Clone(good), 0),
				"another version": append([]byte{99}, good[1:]...), "another kind": paxos.AppendEnvelope(nil, paxos.Envelope{To: n.id, Message: messageOf(other)}),
			} {
				r, b := n.call(t, http.MethodPost, "/"+kind.String(), body, "Content-Type", binaryForm)
				wantProblem(t, fmt.Sprintf("POST /%v with %s", kind, name), r, b, http.StatusBadRequest)
			}
		}
		n.lives(t)
	}
}

func TestMessagesForOthersAreRefused(t *testing.T) {
	w := newTown(t)
	for _, n := range w.all() {
		for _, kind := range taken[roleOf(n.id)] {
			for _, c := range []struct {
				header string
				status int
				words  []string
			}{
				{`"to":"acceptor9"`, http.StatusMisdirectedRequest, []string{"wrong-node", "this is " + string(n.id) + ", not acceptor9"}},
				{`"cluster":"000102030405060708090a0b0c0d0e0f"`, http.StatusConflict, []string{"wrong-cluster", "000102030405060708090a0b0c0d0e0f"}},
				{`"config":{"number":"1","acceptors":"0000000000000001"}`, http.StatusConflict, []string{"wrong-configuration", "--acceptors"}},
			} {
				switch {
				case kind == paxos.KindPropose: // needs a command before anything else
					c.header += `,"commands":[{"session":"0000000000000001","sequence":"1","body":"AQE="}]`
				case kind == paxos.KindAccept:
					c.header += `,"ballot":{"number":"0"},"proposals":[{"slot":"1"}]`
				}
				switch kind {
				case paxos.KindInit, paxos.KindInitialised, paxos.KindForm, paxos.KindFormed, paxos.KindEnroll:
					if c.words[0] == "wrong-cluster" {
						continue // they are what makes a cluster
					}
				}
				r, b := n.call(t, http.MethodPost, "/"+kind.String(), []byte("{"+c.header+"}"))
				wantProblem(t, fmt.Sprintf("POST /%v with %s", kind, c.header), r, b, c.status, c.words...)
			}
		}
	}
}

func TestEveryEndpointRefusesWhatItDoesNotKnow(t *testing.T) {
	w := newTown(t)
	for _, n := range w.all() {
		paths := map[string]bool{}
		for _, route := range n.server.http.Handler.(*gin.Engine).Routes() {
			path := concrete(route.Path)
			paths[path] = true
			if path == "/metrics" || route.Method == http.MethodHead {
				continue
			}
			r, b := n.call(t, route.Method, path+"?nonsense=1", nil)
			wantProblem(t, route.Method+" "+path+"?nonsense=1", r, b, http.StatusBadRequest, `unknown parameter \"nonsense\"`)
		}
		for path := range paths {
			r, b := n.call(t, http.MethodPatch, path, nil)
			wantProblem(t, "PATCH "+path, r, b, http.StatusMethodNotAllowed, "takes no PATCH", "it takes ")
			if r.Header.Get("Allow") == "" {
				t.Errorf("PATCH %s: no Allow header", path)
			}
			if path == "/outcome/0000000000000001" || strings.HasPrefix(path, "/kv") || slices.Contains([]string{"/lease", "/election", "/lock"}, path) {
				continue // with a slash it is another path
			}
			r, b = n.call(t, http.MethodGet, path+"/", nil)
			wantProblem(t, "GET "+path+"/", r, b, http.StatusNotFound, string(n.id)+" has no "+path+"/", "it has ", "/health")
		}
		for _, path := range []string{"/", "/nonsense", "/../etc/passwd", "/%00", "/" + strings.Repeat("x", 8000), "/HEALTH", "//health"} {
			r, b := n.call(t, http.MethodGet, path, nil)
			wantProblem(t, "GET "+path[:min(len(path), 20)], r, b, http.StatusNotFound)
		}
		n.lives(t)
	}
}

func TestBodiesOverTheLimitAreRefused(t *testing.T) {
	w := newTown(t)
	for _, c := range []struct {
		n     *made
		path  string
		size  int
		words string
	}{
		{w.acceptor, "/prepare", maxMessageBytes + 1, "the body is larger than 8388608 bytes"},
		{w.proposer, "/propose", maxMessageBytes + 1, "the body is larger than"},
		{w.learner, "/learn", maxMessageBytes + 1, "the body is larger than"},
		{w.client, "/notify", maxMessageBytes + 1, "the body is larger than"},
		{w.client, "/send", 6<<20 + headerLimit + 1, "the body is larger than"},
		{w.client, "/kv", 6<<20 + maxMessageBytes + 1, "the body is larger than"},
		{w.client, "/gossip", headerLimit + 1, "the body is larger than 65536 bytes"},
		{w.acceptor, "/gossip", headerLimit + 1, "the body is larger than 65536 bytes"},
	} {
		r, b := c.n.call(t, http.MethodPost, c.path, bytes.Repeat([]byte(" "), c.size))
		wantProblem(t, c.path, r, b, http.StatusRequestEntityTooLarge, c.words)
	}
	r, b := w.client.call(t, http.MethodPost, "/send", []byte(`{"value":"`+strings.Repeat("x", 1<<20+1)+`"}`))
	wantProblem(t, "a value over the limit", r, b, http.StatusRequestEntityTooLarge, "1048577 bytes, at most 1048576")
	long, err := http.NewRequest(http.MethodGet, "http://"+w.client.address+"/health", nil)
	must(t, err)
	long.Header.Set("X-Long", strings.Repeat("x", 2*headerLimit))
	// The connection may be gone before all of the header is.
	if r, err := web.Do(long); err == nil {
		must(t, r.Body.Close())
		if r.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a header over the limit: %d", r.StatusCode)
		}
	}
	for _, n := range w.all() {
		n.lives(t)
	}
}
