//go:build linux

package chaos

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"paxos/paxos"
	"paxos/test/chaos/lossfs"
)

// node is one process of the cluster, running or not.
type node struct {
	id      paxos.NodeID
	role    paxos.RoleName
	address string // where it answers HTTP
	gossip  string
	data    string       // its data directory, "" if its role has none
	disk    *lossfs.Disk // on which data lies; nil for one of the machine's
	log     string

	command func() *exec.Cmd

	mu       sync.Mutex
	process  *os.Process
	expected bool          // that it ends
	gone     chan struct{} // closed when it has ended
	status   *os.ProcessState
}

// start starts the process, unless it runs. An end that nobody expects is told
// to ended.
func (n *node) start(ended func(*node)) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process != nil {
		return nil
	}
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := n.command()
	cmd.Stdout, cmd.Stderr = log, log
	if err := spawn(cmd); err != nil {
		return fmt.Errorf("%s: %w", n.id, err)
	}
	gone := make(chan struct{})
	n.process, n.expected, n.gone = cmd.Process, false, gone
	go func() {
		_ = cmd.Wait() // how it ended is in the state
		n.mu.Lock()
		n.status, n.process = cmd.ProcessState, nil
		expected := n.expected
		n.mu.Unlock()
		close(gone)
		if !expected {
			ended(n)
		}
	}()
	return nil
}

// spawner starts processes: the kernel kills them when the *thread* that
// started them ends, so it is one that stays.
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

func spawn(cmd *exec.Cmd) error {
	done := make(chan error)
	spawner() <- func() { done <- cmd.Start() }
	return <-done
}

// signal sends a signal to the process, if it runs. With end it is expected to
// end from now on.
func (n *node) signal(s syscall.Signal, end bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil {
		return nil
	}
	n.expected = n.expected || end
	if err := n.process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: %w", n.id, err)
	}
	return nil
}

// mayEnd says that the process may end by itself from now on.
func (n *node) mayEnd() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.expected = true
}

// mustStay takes mayEnd back.
func (n *node) mustStay() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.expected = false
}

// runs reports whether the process is there, paused or not.
func (n *node) runs() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process != nil
}

// ended waits until the process is gone; false if it is not in time.
func (n *node) ended(limit time.Duration) bool {
	n.mu.Lock()
	gone := n.gone
	n.mu.Unlock()
	if gone == nil {
		return true // it never ran
	}
	select {
	case <-gone:
		return true
	case <-time.After(limit):
		return false
	}
}

// killLimit is how long the kernel may take to end a killed process.
const killLimit = 20 * time.Second

// kill ends the process without a warning and waits until it is gone.
func (n *node) kill() error {
	if err := n.signal(syscall.SIGKILL, true); err != nil {
		return err
	}
	return n.await(killLimit)
}

// stop ends the process as an operator does.
func (n *node) stop() error {
	if err := n.signal(syscall.SIGTERM, true); err != nil {
		return err
	}
	return n.await(killLimit)
}

func (n *node) await(limit time.Duration) error {
	if !n.ended(limit) {
		return fmt.Errorf("%s is still there after %v", n.id, limit)
	}
	return nil
}

// lastWords is the end of the node's log.
func (n *node) lastWords() string {
	text, err := os.ReadFile(n.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(bytes.TrimSpace(text[max(0, len(text)-4096):])), "\n")
	return filepath.Base(n.log) + ": " + strings.Join(lines[max(0, len(lines)-5):], " | ")
}
