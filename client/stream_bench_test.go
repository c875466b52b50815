package client_test

import (
	"bufio"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"paxos/client"
	"paxos/client/wire"
	"paxos/internal/raced"
)

// instant is a service that answers at once, all that is there in one write, and
// allocates nothing for it: what is left is the Client's own.
func instant(tb testing.TB) *client.Client {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			go answerAtOnce(conn)
		}
	}()
	c, err := client.New([]string{l.Addr().String()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	c.StreamAtOnce()
	return c
}

func answerAtOnce(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for line := "."; line != "\r\n"; line, _ = in.ReadString('\n') {
		if line == "" {
			return
		}
	}
	_, _ = conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + wire.Protocol + "\r\nPaxos-From: client1\r\nPaxos-Window: 2048\r\n\r\n"))
	result, frames := putResult(2, "k"), wire.NewFrames(in)
	var out []byte
	for {
		kind, content, err := frames.Next()
		if err != nil {
			return
		}
		if kind == wire.KindWrite {
			w, _ := wire.ReadWrite(content)
			out = wire.AppendApplied(out, wire.Applied{ID: w.ID, Slot: 7, Result: result})
		}
		if frames.Waits() {
			_, _ = conn.Write(out)
			out = out[:0]
		}
	}
}

// TestAPutOverAStreamAllocatesLittle: its key with the path of its outcome, its
// session token, and the key that it gives back.
func TestAPutOverAStreamAllocatesLittle(t *testing.T) {
	c := instant(t)
	ctx := t.Context()
	got := testing.AllocsPerRun(1000, func() {
		if _, err := c.Put(ctx, "k", "v"); err != nil {
			t.Fatal(err)
		}
	})
	most := 3.0
	if raced.On { // under the detector a sync.Pool drops now and then what it is given
		most = 8
	}
	if got > most {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkPutOverAStream(b *testing.B) {
	value := string(make([]byte, 256))
	for name, callers := range map[string]int{"callers=1": 1, "callers=512": 512} {
		b.Run(name, func(b *testing.B) {
			c := instant(b)
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ReportAllocs()
			b.ResetTimer()
			var running sync.WaitGroup
			for range callers {
				running.Go(func() {
					for left.Add(-1) >= 0 {
						if _, err := c.Put(b.Context(), "k", value); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			running.Wait()
		})
	}
}
