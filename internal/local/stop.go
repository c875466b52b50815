package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"paxos/paxos"
)

const (
	// pollEvery is how often processes are looked at while one waits for them.
	pollEvery = 10 * time.Millisecond
	// killPatience is how long the kernel may take to end a killed process.
	killPatience = 10 * time.Second
)

// Stop ends nodes gracefully, all when no id is given: those that users speak
// to first, those that remember last, so that what is under way can finish. A
// paused node is resumed for it. What still runs when ctx ends is killed, and
// the error says which.
func (c *Cluster) Stop(ctx context.Context, ids ...paxos.NodeID) error {
	picked, err := c.pick(ids)
	if err != nil {
		return err
	}
	var late []string
	for _, role := range []paxos.RoleName{paxos.ClientRole, paxos.ProposerRole, paxos.LearnerRole, paxos.AcceptorRole} {
		var same []Node
		for _, n := range picked {
			if n.Role == role {
				same = append(same, n)
			}
		}
		killed, err := c.stop(ctx, same)
		if err != nil {
			return err
		}
		late = append(late, killed...)
	}
	if len(late) > 0 {
		return fmt.Errorf("%s did not stop in time and had to be killed", strings.Join(late, ", "))
	}
	return nil
}

// stop ends some nodes at once and gives those that had to be killed.
func (c *Cluster) stop(ctx context.Context, nodes []Node) (killed []string, err error) {
	for _, n := range nodes {
		if err := c.signal(n, syscall.SIGTERM, syscall.SIGCONT); err != nil {
			return nil, err
		}
	}
	for _, n := range nodes {
		p, found, err := c.recorded(n.ID)
		if err != nil {
			return killed, err
		}
		if !found {
			continue
		}
		if !gone(ctx, p) {
			killed = append(killed, string(n.ID))
			if err := c.kill(n); err != nil {
				return killed, err
			}
		}
		c.forget(n.ID, p)
	}
	return killed, nil
}

// gone waits until the process is gone, and reports false if ctx ends first.
func gone(ctx context.Context, p process) bool {
	return poll(ctx, pollEvery, func() (bool, string, error) { return p.alive() == Stopped, "", nil }) == nil
}

// signal sends signals to a node's process, none if it does not run.
func (c *Cluster) signal(n Node, signals ...os.Signal) error {
	p, status, err := c.find(n.ID)
	if err != nil || status == Stopped {
		return err
	}
	for _, sig := range signals {
		if err := p.send(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("%s (process %d): %w", n.ID, p.pid, err)
		}
	}
	return nil
}

// Kill ends nodes without a warning (SIGKILL) and waits until they are gone;
// all when no id is given. Those that do not run are left alone.
func (c *Cluster) Kill(ids ...paxos.NodeID) error {
	picked, err := c.pick(ids)
	if err != nil {
		return err
	}
	// First all, then the waiting: "at once" means what it says.
	for _, n := range picked {
		if err := c.signal(n, syscall.SIGKILL); err != nil {
			return err
		}
	}
	for _, n := range picked {
		if err := c.kill(n); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) kill(n Node) error {
	if err := c.signal(n, syscall.SIGKILL); err != nil {
		return err
	}
	p, found, err := c.recorded(n.ID)
	if err != nil || !found {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), killPatience)
	defer cancel()
	if !gone(ctx, p) {
		return fmt.Errorf("%s (process %d) was killed and is still there after %v", n.ID, p.pid, killPatience)
	}
	c.forget(n.ID, p)
	return nil
}

// Pause freezes nodes (SIGSTOP) until Resume; all when no id is given.
func (c *Cluster) Pause(ids ...paxos.NodeID) error {
	return c.shift(ids, syscall.SIGSTOP, Paused)
}

// Resume lets paused nodes go on (SIGCONT); all when no id is given.
func (c *Cluster) Resume(ids ...paxos.NodeID) error {
	return c.shift(ids, syscall.SIGCONT, Running)
}

// shift brings processes into a state, and waits until they are: the kernel
// stops a process some time after the signal.
func (c *Cluster) shift(ids []paxos.NodeID, sig os.Signal, want Status) error {
	picked, err := c.pick(ids)
	if err != nil {
		return err
	}
	for _, n := range picked {
		if err := c.signal(n, sig); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), killPatience)
	defer cancel()
	return poll(ctx, pollEvery, func() (bool, string, error) {
		for _, n := range picked {
			_, status, err := c.find(n.ID)
			if err != nil {
				return false, "", err
			}
			if status != want && status != Stopped {
				return false, fmt.Sprintf("%s to be %s", n.ID, want), nil
			}
		}
		return true, "", nil
	})
}
