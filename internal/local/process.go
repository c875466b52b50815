package local

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"paxos/paxos"
)

// Status is what a node's process is doing.
type Status string

// The states of a process.
const (
	Running Status = "running"
	Paused  Status = "paused"
	Stopped Status = "stopped"
)

// State is a node's process.
type State struct {
	Status Status
	// PID is 0 for a stopped node.
	PID int
	// Hint is the last line of the log of a node that ended by itself, "" for
	// one that was stopped or killed from here, or never started.
	Hint string
}

// process is what a pid file says: a process id, and when that process
// started. The id alone could be anybody's by now.
type process struct {
	pid   int
	birth string
}

func (c *Cluster) pidFile(id paxos.NodeID) string {
	return filepath.Join(c.opts.Dir, "run", string(id)+".pid")
}

// recorded gives what the pid file says, whether or not that process lives.
func (c *Cluster) recorded(id paxos.NodeID) (p process, found bool, err error) {
	text, err := os.ReadFile(c.pidFile(id))
	if errors.Is(err, fs.ErrNotExist) {
		return p, false, nil
	}
	if err != nil {
		return p, false, err
	}
	if _, err := fmt.Sscanf(string(text), "%d %s\n", &p.pid, &p.birth); err != nil || p.pid <= 1 {
		return p, false, fmt.Errorf("%s does not name a process: %q", c.pidFile(id), text)
	}
	return p, true, nil
}

// record writes the pid file of a process that was just started.
func (c *Cluster) record(id paxos.NodeID, pid int) error {
	birth, _, err := look(pid)
	if err != nil {
		return err
	}
	return replace(c.pidFile(id), fmt.Appendf(nil, "%d %s\n", pid, birth), 0o644)
}

// forget removes the pid file, unless it names another process by now.
func (c *Cluster) forget(id paxos.NodeID, p process) {
	if now, found, err := c.recorded(id); err == nil && found && now == p {
		_ = os.Remove(c.pidFile(id))
	}
}

// alive says what the process is doing; Stopped when it is gone, or another
// one has its number now.
func (p process) alive() Status {
	birth, status, err := look(p.pid)
	if err != nil || birth != p.birth {
		return Stopped
	}
	return status
}

// send signals the process if it is still the same. The handle is opened
// before the check, so that a number that is reused in between is not hit.
func (p process) send(sig os.Signal) error {
	handle, err := os.FindProcess(p.pid)
	if err != nil {
		return err
	}
	defer func() { _ = handle.Release() }()
	if p.alive() == Stopped {
		return os.ErrProcessDone
	}
	return handle.Signal(sig)
}

// find gives the node's living process.
func (c *Cluster) find(id paxos.NodeID) (process, Status, error) {
	p, found, err := c.recorded(id)
	if err != nil || !found {
		return p, Stopped, err
	}
	return p, p.alive(), nil
}

// State says what a node's process is doing.
func (c *Cluster) State(id paxos.NodeID) State {
	p, found, err := c.recorded(id)
	switch {
	case err != nil:
		return State{Status: Stopped, Hint: err.Error()}
	case !found:
		return State{Status: Stopped}
	}
	if status := p.alive(); status != Stopped {
		return State{Status: status, PID: p.pid}
	}
	return State{Status: Stopped, Hint: c.lastWords(id)}
}

// lastWords is the end of a node's log in a sentence, a JSON line's message.
func (c *Cluster) lastWords(id paxos.NodeID) string {
	f, err := os.Open(c.LogFile(id))
	if err != nil {
		return "its process is gone, and it left no log"
	}
	defer func() { _ = f.Close() }()
	const tail = 8 << 10
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-tail), io.SeekStart)
	}
	last := ""
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if text := strings.TrimSpace(lines.Text()); text != "" && text != "see --help" {
			last = text
		}
	}
	var line struct {
		Level   string `json:"level"`
		Message string `json:"msg"`
		Error   string `json:"error"`
	}
	if bytes.HasPrefix([]byte(last), []byte("{")) && json.Unmarshal([]byte(last), &line) == nil && line.Message != "" {
		last = line.Message
		if line.Error != "" {
			last += ": " + line.Error
		}
		if line.Level == "info" || line.Level == "debug" {
			return "killed, it seems: it did not say why" // whoever ends by itself says so last
		}
	}
	if last == "" {
		return "its process is gone, and its log is empty"
	}
	return last
}
