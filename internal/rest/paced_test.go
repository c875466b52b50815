package rest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"paxos/client/wire"
)

// TestASlowStreamIsNotAStillOne: a frame that takes far longer than the limits,
// in parts, goes through in both directions; one that stands still does not.
func TestASlowStreamIsNotAStillOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer func() { _, _ = near.Close(), far.Close() }()
		c := newPaced(near, nil)
		frame := wire.AppendWords(nil, wire.KindFault, string(make([]byte, 100)))
		go func() {
			for _, b := range frame {
				<-time.After(wire.SilenceLimit - wire.BeatEvery)
				_, _ = far.Write([]byte{b})
			}
		}()
		kind, content, err := wire.NewFrames(c).Next()
		if kind != wire.KindFault || len(content) != 100 || err != nil {
			t.Fatal(kind, len(content), err)
		}
		begun := time.Now()
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		if took := time.Since(begun); took < wire.SilenceLimit-wire.BeatEvery || took > wire.SilenceLimit {
			t.Errorf("a still one ended after %v", took)
		}

		much := bytes.Repeat([]byte("x"), 3*writtenAtOnce)
		go func() {
			for range 3 {
				<-time.After(wire.WriteLimit - time.Second)
				_, _ = io.CopyN(io.Discard, far, writtenAtOnce)
			}
		}()
		if n, err := c.Write(much); n != len(much) || err != nil {
			t.Error(n, err)
		}
	})
}

// TestAStuckStreamIsGivenUp where nobody takes anything.
func TestAStuckStreamIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer func() { _, _ = near.Close(), far.Close() }()
		begun := time.Now()
		if _, err := newPaced(near, nil).Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		if took := time.Since(begun); took != wire.WriteLimit {
			t.Errorf("after %v", took)
		}
	})
}
