package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"paxos/client"
	"paxos/internal/local"
	"paxos/internal/snapshot"
	"paxos/internal/wal"
	"paxos/kv"
	"paxos/paxos"
)

// forged is a state in which some bytes are others.
type forged struct {
	*kv.View
	old, new string
}

// WriteTo implements paxos.State.
func (f forged) WriteTo(w io.Writer) (int64, error) {
	var b bytes.Buffer
	if _, err := f.View.WriteTo(&b); err != nil {
		return 0, err
	}
	if bytes.Count(b.Bytes(), []byte(f.old)) == 0 || len(f.old) != len(f.new) {
		return 0, fmt.Errorf("%q is not in the state", f.old)
	}
	n, err := w.Write(bytes.ReplaceAll(b.Bytes(), []byte(f.old), []byte(f.new)))
	return int64(n), err
}

// flip alters the last snapshot of a learner that does not run, as a memory that
// flipped a bit before it was written would have done: checksums are right, and
// the state is wrong.
func (c *cluster) flip(id paxos.NodeID, old, new string) {
	c.t.Helper()
	dir := c.DataDir(id)
	stored, _, err := wal.ReadIdentity(wal.OS(), dir)
	c.must(err)
	var settings = paxos.Configuration{Acceptors: c.ids(paxos.AcceptorRole), Learners: c.ids(paxos.LearnerRole)}
	opts := snapshot.Options{FS: wal.OS(), Dir: dir, Cluster: stored.Cluster, Config: settings.Stamp(),
		Decode: func(r io.Reader) (paxos.State, error) { return kv.Read(r) }}
	k, found, err := snapshot.Open(opts)
	c.must(err)
	c.must(k.Close())
	view, ok := found.State.(*kv.View)
	if !ok {
		c.t.Fatalf("%s has no snapshot", id)
	}
	whole, err := filepath.Glob(filepath.Join(dir, "*.snapshot"))
	c.must(err)
	for _, name := range whole {
		c.must(os.Remove(name))
	}
	k, _, err = snapshot.Open(opts)
	c.must(err)
	_, err = k.Do(paxos.SaveSnapshot{Cluster: opts.Cluster, Config: opts.Config, State: forged{view, old, new}})
	c.must(err)
	c.must(k.Close())
}

// A learner whose state is not that of the others stops and says so; the others
// go on.
func TestALearnerWithAnotherStateStops(t *testing.T) {
	c := bootAs(t, local.Options{Learners: 3, Args: []string{"--snapshot-bytes=16384"}})
	ctx, to := soon(t), c.store()
	_, err := to.Put(ctx, "precious", "the right value of it")
	c.must(err)
	c.within(5*time.Second, "all have the same last snapshot", func() bool {
		_, err := to.Put(ctx, "filler", strings.Repeat("f", 1000))
		c.must(err)
		return c.sameSnapshots()
	})
	c.must(c.Kill("learner2"))
	c.flip("learner2", "the right value of it", "the wrong value of it")
	c.must(c.Start("learner2"))
	c.within(5*time.Second, "learner2 stops", func() bool { return c.State("learner2").Status == local.Stopped })
	hint := c.State("learner2").Hint
	t.Logf("learner2: %s", hint)
	if !strings.Contains(hint, "this one is wrong") {
		t.Errorf("learner2 does not say why: %q", hint)
	}
	c.alive("learner2")
	for _, id := range []paxos.NodeID{"learner1", "learner3"} {
		got, err := c.store(id).Get(ctx, "precious")
		if err != nil || got.Text() != "the right value of it" {
			t.Errorf("%s: %q %v", id, got.Text(), err)
		}
	}
	// Emptied, as it says, it comes back.
	c.must(os.RemoveAll(c.DataDir("learner2")))
	c.must(c.Start("learner2"))
	c.within(10*time.Second, "learner2 is back with the right state", func() bool {
		got, err := c.store("learner2").Get(ctx, "precious")
		if errors.Is(err, client.ErrUnavailable) {
			return false
		}
		return err == nil && got.Text() == "the right value of it"
	})
	c.equalStores()
}

// sameSnapshots reports whether all learners have the same snapshots on disk.
func (c *cluster) sameSnapshots() bool {
	var first []string
	for n, id := range c.ids(paxos.LearnerRole) {
		found, _ := filepath.Glob(filepath.Join(c.DataDir(id), "*.snapshot"))
		for i := range found {
			found[i] = filepath.Base(found[i])
		}
		if n == 0 {
			first = found
		}
		if len(found) == 0 || !slices.Equal(first, found) {
			return false
		}
	}
	return true
}
