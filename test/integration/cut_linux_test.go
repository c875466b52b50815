package integration

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"paxos/internal/local"
	"paxos/paxos"
)

// A process is cut off from others by the kernel: each node runs under a user
// id of its own, in a network namespace of the test's, and rules for its routes
// say where the packets of that user id do not go. No packet filter is needed,
// and nothing outside of the namespace changes.

// insideVariable marks the test's second process, the one in the namespace.
const insideVariable = "PAXOS_TEST_NETWORK"

// alone runs a test again in a network namespace; it reports whether this
// already is that run.
func alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideVariable) != "" {
		return true
	}
	if os.Getuid() != 0 {
		t.Skip("!!! only root can cut networks: a leader that is cut off is NOT tested")
	}
	for _, tool := range []string{"ip", "setpriv"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("!!! there is no %s (iproute2, util-linux): a leader that is cut off is NOT tested", tool)
		}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), insideVariable+"=1", programVariable+"="+program)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("in a network of its own: %v", err)
	}
	if strings.Contains(string(out), "no tests to run") {
		t.Fatal("in a network of its own nothing ran")
	}
	return false
}

// system runs a command that must succeed.
func system(t *testing.T, words string) {
	t.Helper()
	argv := strings.Fields(words)
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", words, err, out)
	}
}

// Each kind of node has its user id; root's is that of the test itself.
const (
	firstProposer = 60001
	anAcceptor    = 60010
)

// underUsers is a program that runs nodes under the user ids, with the rights of
// root to files: ids are there for the network alone.
const underUsers = `#!/bin/sh
case "$*" in
  "node proposer --id proposer"[1-9]*) uid=$((60000 + $(echo "$4" | tr -dc 0-9)));;
  "node acceptor "*) uid=60010;;
  *) uid=0;;
esac
exec setpriv --reuid "$uid" --inh-caps +dac_override,+dac_read_search --ambient-caps +dac_override,+dac_read_search "$PAXOS_TEST_PROGRAM" "$@"
`

// network starts a cluster in the namespace.
func network(t *testing.T) *cluster {
	t.Helper()
	system(t, "ip link set lo up")
	// What is sent to this machine itself is asked about after our rules.
	system(t, "ip rule add pref 1000 lookup local")
	system(t, "ip rule del pref 0")
	script := filepath.Join(t.TempDir(), "node")
	if err := os.WriteFile(script, []byte(underUsers), 0o755); err != nil {
		t.Fatal(err)
	}
	return bootAs(t, local.Options{Program: []string{script, "node"}})
}

// port is where a node listens.
func (c *cluster) port(id paxos.NodeID) int {
	n, _ := c.Node(id)
	_, text, err := net.SplitHostPort(n.Address)
	c.must(err)
	port, err := strconv.Atoi(text)
	c.must(err)
	return port
}

const gossipBeyond = 10000

// cut parts a proposer from all acceptors, both ways; it gives the way back.
// Nobody else notices anything.
func (c *cluster) cut(id paxos.NodeID) (heal func()) {
	c.t.Helper()
	uid := firstProposer + slices.Index(c.ids(paxos.ProposerRole), id)
	var rules []string
	rule := func(form string, values ...any) { rules = append(rules, fmt.Sprintf(form, values...)) }
	acceptors := c.ids(paxos.AcceptorRole)
	first, last := c.port(acceptors[0]), c.port(acceptors[len(acceptors)-1])
	rule("uidrange %d-%d ipproto tcp dport %d-%d", uid, uid, first, last)
	rule("uidrange %d-%d ipproto tcp dport %d", anAcceptor, anAcceptor, c.port(id))
	for _, proto := range []string{"tcp", "udp"} {
		rule("uidrange %d-%d ipproto %s dport %d-%d", uid, uid, proto, first+gossipBeyond, last+gossipBeyond)
		rule("uidrange %d-%d ipproto %s dport %d", anAcceptor, anAcceptor, proto, c.port(id)+gossipBeyond)
	}
	// Streams that are open: what acceptors still say on them is not to arrive.
	for _, port := range c.openPorts(uid, first, last) {
		rule("uidrange %d-%d ipproto tcp sport %d-%d dport %d", anAcceptor, anAcceptor, first, last, port)
	}
	for _, port := range c.openPorts(anAcceptor, c.port(id), c.port(id)) {
		rule("uidrange %d-%d ipproto tcp sport %d dport %d", uid, uid, c.port(id), port)
	}
	for _, r := range rules {
		system(c.t, "ip rule add pref 10 "+r+" blackhole")
	}
	c.t.Logf("%s is cut off by %d rules", id, len(rules))
	return func() {
		for _, r := range rules {
			system(c.t, "ip rule del pref 10 "+r+" blackhole")
		}
	}
}

// openPorts lists the local ports of a user id's connections to some ports.
func (c *cluster) openPorts(uid, first, last int) (list []int) {
	c.t.Helper()
	text, err := os.ReadFile("/proc/net/tcp")
	c.must(err)
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 8 || fields[7] != strconv.Itoa(uid) {
			continue
		}
		var ports [2]int
		for i, field := range fields[1:3] {
			_, hex, _ := strings.Cut(field, ":")
			n, err := strconv.ParseUint(hex, 16, 16)
			c.must(err)
			ports[i] = int(n)
		}
		if ports[1] >= first && ports[1] <= last {
			list = append(list, ports[0])
		}
	}
	return list
}

// A leader that is cut off from the acceptors goes on to talk with clients and
// learners, and believes for a while that it leads.
func TestReadsWithTheLeaderCutOff(t *testing.T) {
	if !alone(t) {
		return
	}
	needProc(t)
	c := network(t)
	var heal func()
	c.readsThrough("leader cut off", func(id paxos.NodeID) {
		heal = c.cut(id)
		c.within(2*time.Second, "the one that is cut off knows it", func() bool {
			var l struct {
				Leading   bool `json:"leading"`
				Answering int  `json:"answering"`
			}
			return c.get(id, "/leader", &l) && !l.Leading && l.Answering == 0
		})
		c.within(2*time.Second, "another one leads", func() bool { return c.leader() != id })
	}, func(paxos.NodeID) { heal() })
}
