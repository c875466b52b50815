package docs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a command line that was started, in a process group of its own.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr *buffer
	done           chan struct{}
	exit           int // -1: a signal ended it
}

func (c *cluster) launch(dir, line string) *process {
	p := &process{cmd: exec.Command("bash", "-c", line), stdout: &buffer{}, stderr: &buffer{}, done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = dir, c.env, p.stdout, p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		p.exit = p.cmd.ProcessState.ExitCode()
		close(p.done)
	}()
	return p
}

func (p *process) signal(sig syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, sig) }

// wait waits for its end, and enforces it after limit.
func (p *process) wait(limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	select {
	case <-p.done:
	case <-ctx.Done():
		fmt.Fprintf(p.stderr, "did not end within %v\n", limit)
		p.signal(syscall.SIGKILL)
		<-p.done
	}
}

// end ends it, and gives its exit code.
func (p *process) end(sig syscall.Signal) int {
	p.signal(sig)
	p.wait(outputLimit)
	return p.exit
}

// await waits until it has said something on stderr, or anything on stdout for
// "".
func (p *process) await(t *testing.T, text string, limit time.Duration) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if text == "" && p.stdout.Len()+p.stderr.Len() > 0 || text != "" && strings.Contains(p.stderr.String(), text) {
			return
		}
		select {
		case <-p.done:
			t.Fatalf("it ended (exit code %d) and did not say %q\n%s", p.exit, text, p.output())
		default:
		}
		if time.Since(began) > limit {
			p.end(syscall.SIGKILL)
			t.Fatalf("it did not say %q within %v\n%s", text, limit, p.output())
		}
	}
}

var statusOf = regexp.MustCompile(`(?m)^status ([0-9]{3})$`)

// status is what the last curl of the line was answered with.
func (p *process) status() string {
	all := statusOf.FindAllStringSubmatch(p.stderr.String(), -1)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1][1]
}

func (p *process) output() string {
	return fmt.Sprintf("stdout:\n%s\nstderr:\n%s", p.stdout, p.stderr)
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Len()
}

// sweepLater stops, when the test ends, the first command and the nodes that
// others have started, which outlive those. It is a process of its own that
// does it, when its stdin ends: that happens when this process is killed, too.
func (c *cluster) sweepLater() {
	c.t.Helper()
	const sweep = `read -r _ || kill -INT -- "-$1"
for data in other paxos-data; do
  [ ! -e "$data/local.json" ] || bin/paxosctl local down --data "$data"
done`
	hold, end, err := os.Pipe()
	if err != nil {
		c.t.Fatal(err)
	}
	sweeper := exec.Command("bash", "-c", sweep, "sweep", strconv.Itoa(c.up.cmd.Process.Pid))
	sweeper.Dir, sweeper.Env, sweeper.Stdin = c.dir, c.env, hold
	sweeper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// Not a pipe to this process: who writes to a broken one ends.
	said, err := os.Create(filepath.Join(c.dir, "sweep.log"))
	if err != nil {
		c.t.Fatal(err)
	}
	sweeper.Stdout, sweeper.Stderr = said, said
	err = errors.Join(sweeper.Start(), said.Close())
	_ = hold.Close()
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		select {
		case <-c.up.done:
		default:
			c.up.end(syscall.SIGINT)
		}
		_, _ = end.WriteString("the first command has ended\n")
		_ = end.Close()
		if err := sweeper.Wait(); err != nil {
			text, _ := os.ReadFile(said.Name())
			c.t.Errorf("nodes may be left: %v\n%s", err, text)
		}
	})
}
