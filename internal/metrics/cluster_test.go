package metrics_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"paxos/internal/config"
	"paxos/internal/service"
	"paxos/paxos"
	"paxos/test/ports"
)

const patience = 20 * time.Second

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

// node is one that runs in this process.
type node struct {
	role    paxos.RoleName
	address string
	stop    func()
}

// output is what a node logs.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func start(t testing.TB, role paxos.RoleName, gossip string, flags ...string) *node {
	t.Helper()
	n := &node{role: role, address: ports.Free(t)}
	flags = append([]string{"--listen", n.address, "--gossip-listen", gossip, "--local", "--acceptors", "acceptor1", "--learners", "learner1"}, flags...)
	set := pflag.NewFlagSet(string(role), pflag.ContinueOnError)
	s := config.Flags(set, role)
	must(t, set.Parse(flags))
	must(t, s.Check())
	ctx, cancel := context.WithCancel(context.Background())
	log, ended := &output{}, make(chan error, 1)
	go func() { ended <- service.Run(ctx, s, log) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", role, err)
		}
	})
	t.Cleanup(n.stop)
	until(t, string(role)+" answers", func() bool { code, _ := n.get("/livez"); return code == http.StatusOK })
	return n
}

func (n *node) do(method, path, body string) (int, string) {
	r, err := http.NewRequest(method, "http://"+n.address+path, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(b)
}

func (n *node) get(path string) (int, string) { return n.do(http.MethodGet, path, "") }

// town is one node of each role.
type town struct{ acceptor, proposer, learner, client *node }

func (w *town) all() []*node { return []*node{w.proposer, w.acceptor, w.learner, w.client} }

// newTown starts one node of each role, not initialised yet.
func newTown(t testing.TB) *town {
	t.Helper()
	gossip := ports.Free(t)
	disk := func() []string {
		return []string{"--data", t.TempDir(), "--allow-unsafe-filesystem", "--join", gossip}
	}
	w := &town{acceptor: start(t, paxos.AcceptorRole, gossip, append(disk(), "--segment-bytes", "65536")...)}
	w.proposer = start(t, paxos.ProposerRole, "127.0.0.1:0", "--join", gossip)
	w.learner = start(t, paxos.LearnerRole, "127.0.0.1:0", disk()...)
	w.client = start(t, paxos.ClientRole, "127.0.0.1:0", "--join", gossip)
	return w
}

func (w *town) initialise(t testing.TB) {
	t.Helper()
	if code, b := w.acceptor.do(http.MethodPost, "/init", ""); code != http.StatusOK {
		t.Fatalf("/init says %d: %s", code, b)
	}
	until(t, "a write goes through", func() bool {
		code, _ := w.client.do(http.MethodPut, "/kv/first", "1")
		return code == http.StatusOK
	})
}

// family is one metric as a scrape shows it.
type family struct {
	name, kind, help string
	samples          map[string]float64 // by what stands before the number
	labels           map[string]bool
}

var sample = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$`)
var label = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="(?:[^"\\]|\\.)*"`)

// scrape gives the node's own metrics, by name.
func (n *node) scrape(t testing.TB) map[string]*family {
	t.Helper()
	code, text := n.get("/metrics")
	if code != http.StatusOK {
		t.Fatalf("/metrics of %s says %d %s", n.role, code, text)
	}
	return parse(t, text)
}

func parse(t testing.TB, text string) map[string]*family {
	t.Helper()
	list := map[string]*family{}
	of := func(name string) *family {
		if list[name] == nil {
			list[name] = &family{name: name, samples: map[string]float64{}, labels: map[string]bool{}}
		}
		return list[name]
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		words := strings.SplitN(line, " ", 4)
		switch {
		case strings.HasPrefix(line, "# HELP paxos_"):
			of(words[2]).help = words[3]
		case strings.HasPrefix(line, "# TYPE paxos_"):
			of(words[2]).kind = words[3]
		case strings.HasPrefix(line, "paxos_"):
			m := sample.FindStringSubmatch(line)
			if m == nil {
				t.Fatalf("%q is no sample", line)
			}
			value, err := strconv.ParseFloat(m[3], 64)
			must(t, err)
			f := of(m[1])
			for _, suffix := range suffixes {
				if base := strings.TrimSuffix(m[1], suffix); base != m[1] && list[base] != nil && list[base].kind == "histogram" {
					if len(f.samples) == 0 {
						delete(list, m[1])
					}
					f = list[base]
				}
			}
			for _, l := range label.FindAllStringSubmatch(m[2], -1) {
				f.labels[l[1]] = true
			}
			f.samples[strings.TrimSuffix(line, " "+m[3])] = value
		}
	}
	return list
}

// suffixes are what a histogram's samples are called.
var suffixes = []string{"_bucket", "_sum", "_count"}

// number adds up the samples whose head holds all of the parts.
func number(t testing.TB, list map[string]*family, name string, parts ...string) (sum float64) {
	t.Helper()
	base := name
	for _, suffix := range suffixes {
		if cut := strings.TrimSuffix(name, suffix); list[cut] != nil && cut != name {
			base = cut
		}
	}
	f, found := list[base], false
	if f == nil {
		t.Fatalf("there is no %s", name)
	}
next:
	for head, value := range f.samples {
		if !strings.HasPrefix(head, name+"{") {
			continue
		}
		for _, part := range parts {
			if !strings.Contains(head, part) {
				continue next
			}
		}
		sum, found = sum+value, true
	}
	if !found {
		t.Fatalf("%s has no sample with %q: %v", name, parts, f.samples)
	}
	return sum
}

func TestMain(m *testing.M) {
	code := m.Run()
	http.DefaultClient.CloseIdleConnections()
	os.Exit(code)
}
