package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"paxos/internal/awake"
	"paxos/paxos"
)

// PortError says that a node cannot have its port.
type PortError struct {
	ID      paxos.NodeID
	Address string
	Err     error
}

// Error implements error.
func (e *PortError) Error() string {
	return fmt.Sprintf("%s needs %s, which a process that is not of this cluster holds (%v)", e.ID, e.Address, e.Err)
}

// Unwrap gives the system's error.
func (e *PortError) Unwrap() error { return e.Err }

// Start starts the nodes of these ids, all when there are none, and does not
// wait for them. Those that run already, paused ones too, are left alone. If
// a port is taken nothing is started at all (*PortError).
func (c *Cluster) Start(ids ...paxos.NodeID) error {
	picked, err := c.pick(ids)
	if err != nil {
		return err
	}
	if len(c.opts.Program) == 0 {
		return errors.New("there is no program to start nodes with")
	}
	for _, sub := range []string{"log", "run", "data"} {
		if err := os.MkdirAll(filepath.Join(c.opts.Dir, sub), 0o755); err != nil {
			return err
		}
	}
	unlock, err := lock(c.opts.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	var missing []Node
	for _, n := range picked {
		_, status, err := c.find(n.ID)
		if err != nil {
			return err
		}
		if status == Stopped {
			missing = append(missing, n)
		}
	}
	for _, n := range missing {
		if err := c.checkPorts(n); err != nil {
			return err
		}
	}
	if err := c.checkVoters(); err != nil {
		return err
	}
	for _, n := range missing {
		if err := c.launch(n); err != nil {
			return fmt.Errorf("%s: %w", n.ID, err)
		}
	}
	return c.save()
}

func (c *Cluster) checkPorts(n Node) error {
	for _, address := range []string{n.Address, n.Gossip} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return &PortError{n.ID, address, inner(err)}
		}
		_ = l.Close()
	}
	p, err := net.ListenPacket("udp", n.Gossip)
	if err != nil {
		return &PortError{n.ID, n.Gossip + " (UDP)", inner(err)}
	}
	return p.Close()
}

// inner is what the system said, without the layers that repeat the address.
func inner(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	return err
}

// launch starts one node's process and writes its pid file.
func (c *Cluster) launch(n Node) error {
	log, err := os.OpenFile(c.LogFile(n.ID), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	argv := append(slices.Clone(c.opts.Program), c.arguments(n)...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Dir, cmd.Env = log, log, c.opts.Dir, environment()
	cmd.SysProcAttr = apart(c.opts.Attached)
	if err := start(cmd, c.opts.Attached); err != nil {
		return err
	}
	if err := c.record(n.ID, cmd.Process.Pid); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return err
	}
	go func() { _ = cmd.Wait() }() // or it would stay a zombie; State tells its fate
	return nil
}

// arguments are a node's role and flags.
func (c *Cluster) arguments(n Node) []string {
	var seeds, acceptors, learners []string
	for _, other := range c.nodes {
		seeds = append(seeds, other.Gossip)
		switch other.Role {
		case paxos.AcceptorRole:
			acceptors = append(acceptors, string(other.ID))
		case paxos.LearnerRole:
			learners = append(learners, string(other.ID))
		}
	}
	args := []string{string(n.Role), "--id", string(n.ID), "--listen", n.Address, "--advertise", n.Address,
		"--gossip-listen", n.Gossip, "--gossip-advertise", n.Gossip, "--local", "--join", strings.Join(seeds, ","),
		"--acceptors", strings.Join(acceptors, ","), "--learners", strings.Join(learners, ",")}
	args = append(args, knownTo(n.Role, c.opts.Args)...)
	switch n.Role {
	case paxos.AcceptorRole:
		args = append(append(args, "--data", c.DataDir(n.ID)), c.opts.AcceptorArgs...)
	case paxos.LearnerRole:
		args = append(append(args, "--data", c.DataDir(n.ID)), knownTo(n.Role, c.opts.AcceptorArgs)...)
	}
	return args
}

// environment is this process's, without what would send a local node
// elsewhere, and with what keeps its runtime awake.
func environment() []string {
	return awake.Environment(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PAXOS_PEERS=") }))
}

// start starts a process. The kernel kills an attached one when the *thread*
// that started it ends, so that thread is one that stays.
func start(cmd *exec.Cmd, attached bool) error {
	if !attached {
		return cmd.Start()
	}
	done := make(chan error)
	spawner() <- func() { done <- cmd.Start() }
	return <-done
}

var spawner = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for do := range work {
			do()
		}
	}()
	return work
})

// lockPatience is how long another command may be at work in the directory.
const lockPatience = 10 * time.Second

// lock takes the directory, for as long as processes are being started.
func lock(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	err = poll(ctx, pollEvery, func() (bool, string, error) {
		switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
		case err == nil:
			return true, "", nil
		case errors.Is(err, syscall.EWOULDBLOCK), errors.Is(err, syscall.EINTR):
			return false, "another process, which has been starting nodes there all the time", nil
		default:
			return false, "", fmt.Errorf("flock: %w", err)
		}
	})
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return func() { _ = f.Close() }, nil
}
