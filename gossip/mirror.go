package gossip

import (
	"bytes"
	"context"
	"errors"
	"net"
	"time"

	"github.com/hashicorp/memberlist"
)

// memberlist tells its users that a process is gone, but neither that it is
// suspect nor that it left: Node.State, in Members and in events, is never
// updated (hashicorp/memberlist issue 266). The true states are in the state
// exchange of a join, and the merge delegate is shown them. So we join a
// mirror: a connection that gives back what is written to it. The image is
// read in NotifyMerge and refused there: merging it would make this node
// confirm suspicions that it has only heard of.

// mirrorAt is the mirror's address: a name no process can have, as those
// contain a slash, at a host from the block reserved for documentation.
const (
	mirrorName = "mirror"
	mirrorHost = "192.0.2.1:1"
	mirrorAt   = mirrorName + "/" + mirrorHost
)

var errMirror = errors.New("seen in the mirror")

// transport is memberlist's own, with dials that end with ctx, and the mirror.
type transport struct {
	*memberlist.NetTransport
	ctx   context.Context
	label string
}

// DialTimeout is the older form of DialAddressTimeout.
func (t transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

// DialAddressTimeout connects to a process, or to the mirror.
func (t transport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	if a.Name == mirrorName {
		m := &mirror{}
		if t.label != "" {
			m.skip = 2 + len(t.label) // a stream begins with its label, the answer on it does not
		}
		return m, nil
	}
	d := net.Dialer{Timeout: timeout}
	return d.DialContext(t.ctx, "tcp", a.Addr)
}

// mirror is a connection to ourselves in memory; used by one goroutine.
type mirror struct {
	image bytes.Buffer
	skip  int
}

func (m *mirror) Write(b []byte) (int, error) {
	skip := min(m.skip, len(b))
	m.skip -= skip
	m.image.Write(b[skip:])
	return len(b), nil
}

func (m *mirror) Read(b []byte) (int, error)       { return m.image.Read(b) }
func (m *mirror) Close() error                     { return nil }
func (m *mirror) LocalAddr() net.Addr              { return mirrorAddr{} }
func (m *mirror) RemoteAddr() net.Addr             { return mirrorAddr{} }
func (m *mirror) SetDeadline(time.Time) error      { return nil }
func (m *mirror) SetReadDeadline(time.Time) error  { return nil }
func (m *mirror) SetWriteDeadline(time.Time) error { return nil }

type mirrorAddr struct{}

func (mirrorAddr) Network() string { return "memory" }
func (mirrorAddr) String() string  { return mirrorHost }
