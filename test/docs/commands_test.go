package docs

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"paxos/client"
	"paxos/internal/wal"
	"paxos/test/markdown"
	"paxos/test/ports"
)

// Bounds of a command, and of waiting for what must come.
const (
	commandLimit = 60 * time.Second
	outputLimit  = 30 * time.Second
	staleLimit   = 5 * time.Second // a read may be behind by so much
	bootLimit    = 5 * time.Minute // five times the bound of the first command, build included
)

// TestEveryCommandDoesWhatItSays plays the pages on one cluster.
func TestEveryCommandDoesWhatItSays(t *testing.T) {
	c := newCluster(t)
	c.start()
	used := map[int]bool{}
	var offered string
	for _, p := range pages(t, tour...) {
		if slices.Contains(onKubernetes, p.path) || p.path == ladderPage {
			continue
		}
		if p.path == manual {
			offered = c.paths()
			c.stop()
			c.must("PAXOS_TRACE_DIR=$PWD/traces paxosctl local up --detach")
			c.provide()
		}
		for _, b := range p.blocks() {
			for i, line := range b.Commands {
				var examples []markdown.Example
				if i == len(b.Commands)-1 {
					examples = b.Examples
				}
				used[c.play(p, b.Line+i, line, examples)] = true
			}
			if p.path == manual && slices.ContainsFunc(b.Commands, stopsNodes) {
				c.must("paxosctl local up --detach")
			}
		}
	}
	allUsed(t, used, func(page string) bool { return page != ladderPage })
	api := strings.Join(pages(t, "docs/api.md")[0].lines, "\n")
	for _, path := range strings.Fields(offered) {
		path, _, _ = strings.Cut(path, "/:")
		if !strings.Contains(api, "`"+path+"`") && !strings.Contains(api, " "+path+"`") && !strings.Contains(api, path+"/") {
			t.Errorf("docs/api.md does not show %s", path)
		}
	}
}

// TestTheCommandsOfTheLadderDoWhatTheySay plays the page about testing, which
// needs no cluster.
func TestTheCommandsOfTheLadderDoWhatTheySay(t *testing.T) {
	c := newCluster(t)
	used := map[int]bool{}
	p := pages(t, ladderPage)[0]
	for _, b := range p.blocks() {
		for i, line := range b.Commands {
			used[c.play(p, b.Line+i, line, nil)] = true
		}
	}
	allUsed(t, used, func(page string) bool { return page == ladderPage })
}

// allUsed demands that the plan expects nothing of what these pages do not show.
func allUsed(t *testing.T, used map[int]bool, these func(page string) bool) {
	t.Helper()
	for i, e := range plan {
		if !used[i] && these(e.page) {
			t.Errorf("the plan expects something of %q, which %s does not show", e.line, e.page)
		}
	}
}

// provide makes what the manual's examples take for granted: programs, files,
// and a lease of that id. Traces are what the cluster of the manual writes.
func (c *cluster) provide() {
	c.t.Helper()
	for name, text := range map[string]string{
		"backup.sh": "#!/bin/sh\n", "scheduler": "#!/bin/sh\n", "logo.png": "\x89PNG\r\n",
		"transfer.json": `{"then":[{"put":{"key":"transferred","value":"1"}}]}`,
	} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o755); err != nil {
			c.t.Fatal(err)
		}
	}
	c.must(`curl -s -f -X POST 127.0.0.1:6001/lease -d '{"lease":"00000000000000ab","ttl":"1h"}'`)
}

func stopsNodes(line string) bool { return stopping.MatchString(line) }

var stopping = regexp.MustCompile(`^paxosctl local (down|stop|kill)`)

// cluster is where the commands are run.
type cluster struct {
	t      *testing.T
	dir    string // the working directory
	module string // the module's root
	offset int    // of the ports
	other  int    // of a second cluster's ports
	unsafe string // a flag for file systems that forget
	env    []string
	up     *process
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the documentation's commands need %s, which is not there", tool)
		}
	}
	c := &cluster{t: t, dir: t.TempDir()}
	// Below the range from which the system takes ports for outgoing
	// connections, and none that test/integration takes.
	var err error
	if c.offset, err = ports.FreeOffset(13010, 60, 3); err != nil {
		t.Fatal(err)
	}
	if c.other, err = ports.FreeOffset(14210, 60, 3); err != nil {
		t.Fatal(err)
	}
	if wal.CheckFileSystem(c.dir) != nil {
		c.unsafe = " --allow-unsafe-filesystem"
	}
	bin := filepath.Join(c.dir, "bin")
	for _, dir := range []string{bin, filepath.Join(c.dir, "other")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c.module, err = filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(c.module, "scripts"), filepath.Join(c.dir, "scripts")); err != nil {
		t.Fatal(err)
	}
	// curl says the status on stderr, whatever the line is.
	curlrc := `write-out = "%{stderr}status %{http_code}\n"` + "\n"
	if err := os.WriteFile(filepath.Join(c.dir, ".curlrc"), []byte(curlrc), 0o600); err != nil {
		t.Fatal(err)
	}
	c.env = c.environment(bin)
	return c
}

// environment is this process's, without settings of Paxos, and with what
// sends scripts to the moved ports.
func (c *cluster) environment(bin string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PAXOS_") })
	env = append(env, "PATH="+bin+":"+os.Getenv("PATH"), "CURL_HOME="+c.dir, "LC_ALL=C.UTF-8")
	for i, role := range []string{"PROPOSER", "ACCEPTOR", "LEARNER", "CLIENT"} {
		var list []string
		for n := 1; n <= 3-i/2; n++ {
			list = append(list, fmt.Sprintf("127.0.0.1:%d", 3000+1000*i+n+c.offset))
		}
		env = append(env, "PAXOS_"+role+"_ADDRESSES="+strings.Join(list, " "))
	}
	return env
}

// start runs the README's first command as it stands, in the module's root.
func (c *cluster) start() {
	c.t.Helper()
	data := filepath.Join(c.dir, "paxos-data")
	c.up = c.launch(root, fmt.Sprintf("%s --data %s --port-offset %d%s", firstCommand, data, c.offset, c.unsafe))
	c.sweepLater()
	c.up.await(c.t, "Ctrl-C stops all nodes", bootLimit)
	// The nodes run a copy of the program that go run has built; so do we.
	built, _ := filepath.Glob(filepath.Join(data, "bin", "paxosctl-*"))
	if len(built) != 1 {
		c.t.Fatalf("there are %d programs in %s, 1 is expected", len(built), data)
	}
	if err := os.Link(built[0], filepath.Join(c.dir, "bin", "paxosctl")); err != nil {
		c.t.Fatal(err)
	}
}

// stop ends it as a person would, with Ctrl-C. What go run says of that, its
// exit code, is not paxosctl's.
func (c *cluster) stop() {
	c.t.Helper()
	c.up.end(syscall.SIGINT)
	if !strings.Contains(c.up.stderr.String(), "stopping 10 nodes") {
		c.t.Errorf("%s was not stopped by Ctrl-C\n%s", firstCommand, c.up.output())
	}
	if p := c.run("paxosctl local status"); p.exit != 0 || strings.Contains(p.stdout.String(), "running") {
		c.t.Errorf("after Ctrl-C there are nodes left\n%s", p.output())
	}
}

// play runs a line of a page and compares; it gives the expectation it used.
func (c *cluster) play(p page, number int, line string, examples []markdown.Example) int {
	e, index := expected(p.path, line)
	if _, err := exec.LookPath("jq"); err != nil && strings.Contains(line, "jq ") {
		e.elsewhere = "jq is not there"
	}
	if e.elsewhere != "" {
		c.t.Logf("%s:%d: %s: not run here: %s", p.path, number, line, e.elsewhere)
		return index
	}
	began := time.Now()
	err := c.try(e, examples)
	// What a learner has applied may be a moment behind.
	for ; err != nil && reads(line) && time.Since(began) < staleLimit; time.Sleep(50 * time.Millisecond) {
		err = c.try(e, examples)
	}
	if err != nil {
		c.t.Errorf("%s:%d: %s\n%v", p.path, number, line, err)
	}
	c.t.Logf("%5.2fs  %s", time.Since(began).Seconds(), line)
	if e.after != "" {
		c.must(e.after)
	}
	return index
}

func reads(line string) bool {
	return strings.HasPrefix(line, "curl -s 127") || strings.HasPrefix(line, "curl -s '127") || strings.HasSuffix(line, "paxosctl read")
}

// try runs a line once, and says how it is not as expected.
func (c *cluster) try(e expectation, examples []markdown.Example) error {
	var p *process
	if e.endless {
		p = c.launch(c.dir, c.change(e.line))
		p.await(c.t, "", outputLimit)
		p.end(syscall.SIGTERM)
	} else {
		p = c.run(e.line)
	}
	if p.exit != e.exit && !(e.endless && p.exit == -1) {
		return fmt.Errorf("exit code %d, %d is expected\n%s", p.exit, e.exit, p.output())
	}
	out := p.stdout.String()
	for _, text := range e.contains {
		if n := strings.Count(out, text); n != 1 {
			return fmt.Errorf("%q is there %d times\n%s", text, n, p.output())
		}
	}
	if e.endless || !strings.HasPrefix(e.line, "curl ") {
		return nil
	}
	return checkAnswer(e, examples, p.status(), out)
}

// checkAnswer compares an answer with the example of its status.
func checkAnswer(e expectation, examples []markdown.Example, status, out string) error {
	pattern := e.status
	if pattern == "" {
		pattern = "2.."
	}
	if len(examples) == 0 {
		if !regexp.MustCompile("^(" + pattern + ")$").MatchString(status) {
			return fmt.Errorf("status %q, %s is expected\n%s", status, pattern, out)
		}
		return nil
	}
	for _, x := range examples {
		switch {
		case x.Status != status:
		case x.JSON:
			return sameShape(x.Text, out)
		case strings.Count(out, "\n") < strings.Count(x.Text, "\n"):
			return fmt.Errorf("there are fewer lines than in the example\n%s", out)
		default:
			return nil
		}
	}
	return fmt.Errorf("status %q, of which there is no example\n%s", status, out)
}

// must runs a line that is no page's.
func (c *cluster) must(line string) {
	c.t.Helper()
	began := time.Now()
	if p := c.run(line); p.exit != 0 {
		c.t.Fatalf("%s: exit code %d\n%s", line, p.exit, p.output())
	}
	c.t.Logf("%5.2fs  (%s)", time.Since(began).Seconds(), line)
}

// paths asks a node of each role which paths it has.
func (c *cluster) paths() string {
	var list strings.Builder
	for _, port := range []int{3001, 4001, 5001, 6001} {
		p := c.run(fmt.Sprintf("curl -s 127.0.0.1:%d/nothing", port))
		var refusal client.Problem
		err := json.Unmarshal([]byte(p.stdout.String()), &refusal)
		fields := strings.Fields(refusal.Hint)
		if err != nil || len(fields) < 8 || fields[0] != "it" || fields[1] != "has" {
			c.t.Errorf("port %d does not say which paths it has:\n%s", port, p.output())
			continue
		}
		list.WriteString(strings.Join(fields[2:], " ") + " ")
	}
	return list.String()
}

// run runs a line to its end.
func (c *cluster) run(line string) *process {
	p := c.launch(c.dir, c.change(line))
	p.wait(commandLimit)
	return p
}
