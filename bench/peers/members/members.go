package members

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	// Ready bounds how long a cluster may take until it has answered a write.
	Ready = 30 * time.Second
	// Grace is how long a member may take to end after SIGTERM.
	Grace = 10 * time.Second
	// last is how much of a member's log an error quotes.
	last = 1 << 10
)

// Program is a member before it is started.
type Program struct {
	Name        string // of its log, and in errors
	Path        string
	Args        []string
	Environment []string // besides the bench's own
}

// Group is the processes of one cluster.
type Group struct {
	// Ready and Grace are used instead of the constants if they are not 0.
	Ready, Grace time.Duration

	mu      sync.Mutex
	running []*member
}

type member struct {
	name    string
	log     string
	process *exec.Cmd
	ended   chan struct{} // closed when it was waited for
}

// Start starts them all. Each logs to dir/NAME.log.
func (g *Group) Start(dir string, programs ...Program) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range programs {
		m, err := start(dir, p)
		if err != nil {
			return fmt.Errorf("starting %s: %w", p.Name, err)
		}
		g.running = append(g.running, m)
	}
	return nil
}

func start(dir string, p Program) (*member, error) {
	path := filepath.Join(dir, p.Name+".log")
	log, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own
	c := exec.Command(p.Path, p.Args...)
	c.Stdout, c.Stderr, c.Dir = log, log, dir
	c.Env = append(os.Environ(), p.Environment...)
	c.SysProcAttr = tied()
	m := &member{p.Name, path, c, make(chan struct{})}
	started := make(chan error)
	go func() {
		defer close(m.ended)
		// The kernel ties it to the thread that starts it: that one must stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.Start()
		started <- err
		if err == nil {
			_ = c.Wait() // how it ended is in its log
		}
	}()
	return m, <-started
}

func (m *member) over() bool {
	select {
	case <-m.ended:
		return true
	default:
		return false
	}
}

// Processes are those that were started and have not ended, in their order.
func (g *Group) Processes() []int {
	g.mu.Lock()
	defer g.mu.Unlock()
	var ids []int
	for _, m := range g.running {
		if !m.over() {
			ids = append(ids, m.process.Process.Pid)
		}
	}
	return ids
}

// Lose ends the named member at once, and waits for its end; or silently stops it,
// until Stop.
func (g *Group) Lose(name string, silently bool) (int, error) {
	g.mu.Lock()
	i := slices.IndexFunc(g.running, func(m *member) bool { return m.name == name })
	if i < 0 || g.running[i].over() {
		g.mu.Unlock()
		return 0, fmt.Errorf("there is no running member %q to kill", name)
	}
	m := g.running[i]
	g.mu.Unlock()
	if silently {
		return m.process.Process.Pid, m.process.Process.Signal(syscall.SIGSTOP)
	}
	if err := m.process.Process.Kill(); err != nil {
		return 0, fmt.Errorf("killing %s: %w", name, err)
	}
	<-m.ended
	return m.process.Process.Pid, nil
}

// Stop ends all members: with SIGTERM, and after a while with SIGKILL.
func (g *Group) Stop() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var problems []error
	for _, m := range g.running {
		for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGCONT} {
			if err := m.process.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
				problems = append(problems, fmt.Errorf("stopping %s: %w", m.name, err))
			}
		}
	}
	late := time.NewTimer(cmp.Or(g.Grace, Grace))
	defer late.Stop()
	for _, m := range g.running {
		select {
		case <-m.ended:
			continue
		case <-late.C:
			late.Reset(0) // for all that are left too
		}
		if err := m.process.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			problems = append(problems, fmt.Errorf("killing %s: %w", m.name, err))
		}
		<-m.ended
	}
	g.running = nil
	return errors.Join(problems...)
}

// Until asks try again and again, until it succeeds, a member has ended, or
// Ready is over. The error holds the ends of the members' logs.
func (g *Group) Until(ctx context.Context, what string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(g.Ready, Ready))
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		one, done := context.WithTimeout(ctx, 2*time.Second)
		err := try(one)
		done()
		if err == nil {
			return nil
		}
		if name, ended := g.ended(); ended {
			return fmt.Errorf("waiting for %s: %s has ended: %w\n%s", what, name, err, g.Logs())
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w\n%s", what, errors.Join(ctx.Err(), err), g.Logs())
		case <-again.C:
		}
	}
}

func (g *Group) ended() (string, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.running {
		if m.over() {
			return m.name, true
		}
	}
	return "", false
}

// Logs are the ends of all members' logs.
func (g *Group) Logs() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var b bytes.Buffer
	for _, m := range g.running {
		fmt.Fprintf(&b, "--- the end of %s\n", m.log)
		if err := tail(&b, m.log); err != nil {
			fmt.Fprintln(&b, err)
		}
	}
	return b.String()
}

func tail(to io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil {
		return err
	} else if info.Size() > last {
		if _, err := f.Seek(-last, io.SeekEnd); err != nil {
			return err
		}
	}
	_, err = io.Copy(to, f)
	return err
}

// Ports are n ports of 127.0.0.1 that are free now, all different.
func Ports(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
