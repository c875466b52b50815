package rest

import (
	"io"
	"net"
	"time"

	"paxos/client/wire"
)

// writtenAtOnce is the most that one deadline is for.
const writtenAtOnce = 256 << 10

// paced is the connection of a stream whose other side may be slow, but not
// still: it has wire.SilenceLimit for each sign of life, and wire.WriteLimit for
// each part that it takes, however long a frame is. One goroutine may read and
// one may write.
type paced struct {
	net.Conn
	first io.Reader // bytes that came with the opening, then the connection
	until time.Time
}

func newPaced(conn net.Conn, early io.Reader) *paced {
	c := &paced{Conn: conn}
	c.first = conn
	if early != nil {
		c.first = early
	}
	return c
}

// Read moves the deadline only where it is worth a call: each beat is.
func (c *paced) Read(b []byte) (int, error) {
	if now := time.Now(); c.until.Sub(now) < wire.SilenceLimit-wire.BeatEvery {
		c.until = now.Add(wire.SilenceLimit)
		if err := c.SetReadDeadline(c.until); err != nil {
			return 0, err
		}
	}
	return c.first.Read(b)
}

func (c *paced) Write(b []byte) (n int, err error) {
	for n < len(b) {
		if err := c.SetWriteDeadline(time.Now().Add(wire.WriteLimit)); err != nil {
			return n, err
		}
		wrote, err := c.Conn.Write(b[n:min(len(b), n+writtenAtOnce)])
		n += wrote
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
