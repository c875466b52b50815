//go:build unix

package rest

import "testing"

// TestAStreamThatWasAcceptedIsWrittenAtOnceToo: the connection is below those
// that count it, and that read its first bytes.
func TestAStreamThatWasAcceptedIsWrittenAtOnceToo(t *testing.T) {
	w := newTown(t)
	_, _ = knock(t, w.acceptor, "proposer9", headerStart, "first")
	until(t, "the stream", func() bool {
		w.acceptor.hub.mu.RLock()
		in := w.acceptor.hub.inbound["proposer9"]
		w.acceptor.hub.mu.RUnlock()
		if len(in) == 0 {
			return false
		}
		in[0].out.mu.Lock()
		defer in[0].out.mu.Unlock()
		return in[0].out.attempt != nil
	})
}
