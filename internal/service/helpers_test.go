package service_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"go.uber.org/goleak"

	"paxos/client"
	"paxos/internal/config"
	"paxos/internal/service"
	"paxos/paxos"
	"paxos/test/ports"
)

const patience = 20 * time.Second

// roleVariable makes a child process of this test a node of its role.
const roleVariable = "PAXOS_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		service.Main(paxos.RoleName(role))
	}
	// A probe of memberlist ends by itself, some time after its node has left.
	probe := goleak.IgnoreAnyFunction("github.com/hashicorp/memberlist.(*Memberlist).probeNode")
	goleak.VerifyTestMain(m, probe, goleak.Cleanup(func(code int) {
		http.DefaultClient.CloseIdleConnections()
		os.Exit(code)
	}))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

// plain are flags of a node that finds nobody unless it is told.
func plain(address string, more ...string) []string {
	return append([]string{"--listen", address, "--gossip-listen", "127.0.0.1:0", "--local", "--acceptors", "acceptor1", "--learners", "learner1"}, more...)
}

// output collects what a process says.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// process is a node in a process of its own.
type process struct {
	cmd     *exec.Cmd
	address string
	said    output
}

// launch starts a program as a node of the role; before is what to start it under.
func launch(t testing.TB, role paxos.RoleName, address string, before []string, flags ...string) *process {
	t.Helper()
	args := append(append(before, os.Args[0]), plain(address, flags...)...)
	p := &process{cmd: exec.Command(args[0], args[1:]...), address: address}
	p.cmd.Env = append(os.Environ(), roleVariable+"="+string(role))
	p.cmd.Stderr, p.cmd.Stdout = &p.said, &p.said
	// A group of its own, so that the end of the test ends the whole of it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, p.cmd.Start())
	t.Cleanup(func() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL); _ = p.cmd.Wait() })
	return p
}

func (p *process) exitCode(t testing.TB) int {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- p.cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatalf("the process does not end; it said:\n%s", p.said.String())
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) stop(t testing.TB) {
	t.Helper()
	must(t, p.cmd.Process.Signal(syscall.SIGTERM))
	if code := p.exitCode(t); code != 0 {
		t.Fatalf("after SIGTERM it exits with %d and says:\n%s", code, p.said.String())
	}
}

func get(address, path string) (int, []byte, error) {
	return answerOf(http.Get("http://" + address + path))
}

func post(address, path, body string) (int, []byte, error) {
	return answerOf(http.Post("http://"+address+path, "application/json", strings.NewReader(body)))
}

func answerOf(r *http.Response, err error) (int, []byte, error) {
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	return r.StatusCode, b, err
}

func alive(t testing.TB, address string) {
	t.Helper()
	until(t, address+" answers", func() bool { code, _, err := get(address, "/livez"); return err == nil && code == http.StatusOK })
}

func healthOf(t testing.TB, address string) (h client.Health) {
	t.Helper()
	code, b, err := get(address, "/health")
	must(t, err)
	if code != http.StatusOK {
		t.Fatalf("/health says %d: %s", code, b)
	}
	must(t, json.Unmarshal(b, &h))
	return h
}

// initialise makes a cluster of the acceptor.
func initialise(t testing.TB, address string) {
	t.Helper()
	alive(t, address)
	code, b, err := post(address, "/init", "")
	must(t, err)
	if code != http.StatusOK {
		t.Fatalf("/init says %d: %s", code, b)
	}
}

// inside is a node in a goroutine of this process.
type inside struct {
	address string
	log     output
	stop    context.CancelFunc
	ended   chan error
}

func settingsOf(t testing.TB, role paxos.RoleName, flags ...string) *config.Settings {
	t.Helper()
	set := pflag.NewFlagSet(string(role), pflag.ContinueOnError)
	s := config.Flags(set, role)
	must(t, set.Parse(flags))
	must(t, s.Check())
	return s
}

func runInside(t testing.TB, role paxos.RoleName, flags ...string) *inside {
	t.Helper()
	address := ports.Free(t)
	return runAt(t, role, address, plain(address, flags...)...)
}

// runAt runs a node with just these flags; one of them says that it listens at
// the address.
func runAt(t testing.TB, role paxos.RoleName, address string, flags ...string) *inside {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	n := &inside{address: address, stop: stop, ended: make(chan error, 1)}
	s := settingsOf(t, role, flags...)
	go func() { n.ended <- service.Run(ctx, s, &n.log) }()
	t.Cleanup(func() {
		if err := n.end(); err != nil && !errors.Is(err, errEnded) {
			t.Errorf("%s: %v", s.ID, err)
		}
	})
	alive(t, address)
	return n
}

var errEnded = errors.New("it has ended before")

// end stops the node and gives what Run returned.
func (n *inside) end() error {
	n.stop()
	select {
	case err, ok := <-n.ended:
		if !ok {
			return errEnded
		}
		close(n.ended)
		return err
	case <-time.After(patience):
		return fmt.Errorf("the node does not end; its log:\n%s", n.log.String())
	}
}
