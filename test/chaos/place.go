//go:build linux

package chaos

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"strconv"
	"syscall"

	"paxos/test/netns"
	"paxos/test/ports"
)

// place is where the processes run: who has which address, and who hears whom.
type place interface {
	// addresses are a node's, for HTTP and for gossip.
	addresses(id string) (rest, gossip string)
	// command gives a node's process, each time it is to be started.
	command(id, program string, args, environment []string) func() *exec.Cmd
	// dial connects this process with a node; no cut concerns it.
	dial(ctx context.Context, network, address string) (net.Conn, error)
	// cut lets links lose what is sent over them, heal makes them whole again.
	cut(links ...netns.Link) error
	heal(links ...netns.Link) error
	close() error
}

func newPlace(cuts bool, ids []string) (place, error) {
	if !cuts {
		offset, err := ports.FreeOffset(7000, 140, len(ids))
		return loopback{offset: offset, ids: ids}, err
	}
	// A few may be at work on one machine at the same time.
	err := netns.ErrInUse
	for i := 1; i <= 4 && errors.Is(err, netns.ErrInUse); i++ {
		var w *netns.World
		if w, err = netns.New("chaos"+strconv.Itoa(i), ids...); err == nil {
			return world{w}, nil
		}
	}
	return nil, err
}

// loopback is one address for all, where nothing can be cut.
type loopback struct {
	offset int
	ids    []string
}

func (l loopback) addresses(id string) (rest, gossip string) {
	for i, other := range l.ids {
		if other == id {
			port := 3001 + l.offset + i
			return "127.0.0.1:" + strconv.Itoa(port), "127.0.0.1:" + strconv.Itoa(port+10000)
		}
	}
	return "", ""
}

func (loopback) command(_, program string, args, environment []string) func() *exec.Cmd {
	return func() *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.Env = environment
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
		return cmd
	}
}

func (loopback) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, address)
}

func (loopback) cut(...netns.Link) error  { return errors.New("one address for all cannot be cut") }
func (loopback) heal(...netns.Link) error { return nil }
func (loopback) close() error             { return nil }

// world is a network namespace for each node.
type world struct{ *netns.World }

func (w world) addresses(id string) (rest, gossip string) {
	at := w.Address(id).String()
	return net.JoinHostPort(at, "7000"), net.JoinHostPort(at, "17000")
}

func (w world) command(id, program string, args, environment []string) func() *exec.Cmd {
	return func() *exec.Cmd {
		cmd := w.Command(context.Background(), id, program, args...)
		cmd.Env = environment
		return cmd
	}
}

func (w world) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return w.Dial(ctx, network, address)
}

func (w world) cut(links ...netns.Link) error { return w.CutAll(links...) }

func (w world) heal(links ...netns.Link) error {
	var failed []error
	for _, l := range links {
		failed = append(failed, w.Heal(l.From, l.To))
	}
	return errors.Join(failed...)
}

func (w world) close() error { return w.Close() }
