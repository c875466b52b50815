package rest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/goccy/go-yaml"

	"paxos/client"
	"paxos/paxos"
)

// operation is what the description says of one method of one path.
type operation struct {
	roles    []string
	query    []string // parameters
	headers  []string
	problems []string
}

type object = map[string]any

// described reads the description: operations by "METHOD /path".
func described(t *testing.T) (all object, operations map[string]operation) {
	t.Helper()
	must(t, yaml.Unmarshal(description, &all))
	operations = map[string]operation{}
	for path, methods := range all["paths"].(object) {
		var shared []any
		for method, what := range methods.(object) {
			if method == "parameters" {
				shared = what.([]any)
			}
		}
		for method, what := range methods.(object) {
			if method == "parameters" {
				continue
			}
			said := what.(object)
			o := operation{roles: texts(said["x-roles"]), problems: texts(said["x-problems"])}
			own, _ := said["parameters"].([]any)
			for _, p := range slices.Concat(shared, own) {
				p := resolve(t, all, p)
				switch name := p["name"].(string); p["in"] {
				case "query":
					o.query = append(o.query, name)
				case "header":
					o.headers = append(o.headers, name)
				case "path":
					if !strings.Contains(path, "{"+name+"}") {
						t.Errorf("%s has no %s", path, name)
					}
				}
			}
			slices.Sort(o.query)
			operations[strings.ToUpper(method)+" "+path] = o
		}
	}
	return all, operations
}

func texts(list any) (out []string) {
	items, _ := list.([]any)
	for _, i := range items {
		out = append(out, fmt.Sprint(i))
	}
	return out
}

// resolve follows a reference.
func resolve(t *testing.T, all object, at any) object {
	t.Helper()
	n, ok := at.(object)
	if !ok {
		t.Fatalf("%v is no object", at)
	}
	ref, refers := n["$ref"].(string)
	if !refers {
		return n
	}
	var found any = all
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		if found, ok = found.(object)[part]; !ok {
			t.Fatalf("%s refers to nothing", ref)
		}
	}
	return resolve(t, all, found)
}

var routeParameter = regexp.MustCompile(`[:*]([a-z]+)`)

// TestTheDescriptionIsTheRoutes: whatever a node answers is described, for its
// role, with its parameters; and whatever is described is answered.
func TestTheDescriptionIsTheRoutes(t *testing.T) {
	all, operations := described(t)
	if all["openapi"] != "3.1.0" {
		t.Errorf("it is of version %v", all["openapi"])
	}
	book := newBook()
	answered := map[string][]string{}
	for _, id := range []paxos.NodeID{"acceptor1", "proposer1", "learner1", "client1"} {
		n := start(t, book, id)
		for _, route := range n.server.http.Handler.(*gin.Engine).Routes() {
			name := route.Method + " " + routeParameter.ReplaceAllString(route.Path, "{$1}")
			o, ok := operations[name]
			if !ok || !slices.Contains(o.roles, string(roleOf(id))) {
				t.Errorf("%s of a %s is not described", name, roleOf(id))
			}
			answered[name] = append(answered[name], string(roleOf(id)))
			takes := slices.Clone(n.server.parameters[route.Method+" "+route.Path])
			slices.Sort(takes)
			if !slices.Equal(takes, o.query) {
				t.Errorf("%s takes %q, the description says %q", name, takes, o.query)
			}
		}
		r, b := n.call(t, http.MethodGet, "/openapi.yaml", nil)
		if r.StatusCode != http.StatusOK || string(b) != string(description) || r.Header.Get("Content-Type") != "application/yaml" {
			t.Errorf("%s answers %d, %d bytes of %s", id, r.StatusCode, len(b), r.Header.Get("Content-Type"))
		}
	}
	for name, o := range operations {
		for _, role := range o.roles {
			if !slices.Contains(answered[name], role) {
				t.Errorf("%s of a %s is described, and not answered", name, role)
			}
		}
	}
}

// TestTheDescriptionRefersToWhatIsThere, and everything in it is referred to.
func TestTheDescriptionRefersToWhatIsThere(t *testing.T) {
	all, _ := described(t)
	used := map[string]bool{}
	var walk func(any)
	walk = func(at any) {
		switch at := at.(type) {
		case object:
			if ref, ok := at["$ref"].(string); ok {
				used[ref] = true
				resolve(t, all, at)
			}
			for _, v := range at {
				walk(v)
			}
		case []any:
			for _, v := range at {
				walk(v)
			}
		}
	}
	walk(all)
	spare := []string{"PaxosChosen", "PaxosVoted", "Event", "Health", "PaxosConfiguration"}
	for kind, list := range all["components"].(object) {
		for name := range list.(object) {
			if !used["#/components/"+kind+"/"+name] && !slices.Contains(spare, name) {
				t.Errorf("nothing refers to %s/%s", kind, name)
			}
		}
	}
}

var raised = regexp.MustCompile(`\bproblem\("([a-z_-]+)"`)

// TestTheDescriptionNamesTheProblems: those that the code gives, and no others.
func TestTheDescriptionNamesTheProblems(t *testing.T) {
	_, operations := described(t)
	named, given := map[string]bool{}, map[string]bool{}
	for _, o := range operations {
		for _, p := range o.problems {
			named[p] = true
		}
	}
	files, err := filepath.Glob("*.go")
	must(t, err)
	for _, name := range files {
		text, err := os.ReadFile(name)
		must(t, err)
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, m := range raised.FindAllStringSubmatch(string(text), -1) {
			given[m[1]] = true
		}
	}
	// Of every endpoint, or of none in particular.
	for _, p := range []string{"not-found", "wrong-method", "internal"} {
		delete(given, p)
	}
	for p := range given {
		if !named[p] {
			t.Errorf("no endpoint is said to give %s", p)
		}
	}
	for p := range named {
		if !given[p] {
			t.Errorf("%s is described, and never given", p)
		}
	}
}

// TestTheDescriptionNamesTheHeaders of requests that the store reads.
func TestTheDescriptionNamesTheHeaders(t *testing.T) {
	_, operations := described(t)
	for name, headers := range map[string][]string{
		"GET /kv/{key}": {"Accept", "If-None-Match", client.HeaderToken}, "PUT /kv/{key}": {"Idempotency-Key", "If-Match", "If-None-Match", client.HeaderFence},
		"GET /watch": {"Last-Event-ID", client.HeaderToken}, "POST /txn": {"Idempotency-Key", client.HeaderFence}, "POST /lock/{name}": {"Idempotency-Key"},
	} {
		if got := operations[name].headers; !slices.Equal(got, headers) {
			t.Errorf("%s is said to read %q, not %q", name, got, headers)
		}
	}
}
