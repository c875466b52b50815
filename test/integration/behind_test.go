package integration

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"paxos/client"
	"paxos/internal/local"
	"paxos/paxos"
)

// When all learners' disks are lost after a truncation, nobody can know the
// state: everybody says so, and nothing is answered from an empty one.
func TestWithoutAnySnapshotNobodyAnswersFromAnEmptyState(t *testing.T) {
	c := bootAs(t, local.Options{Args: []string{"--snapshot-slots=20", "--snapshot-bytes=16384"}})
	ctx, to := soon(t), c.store()
	_, err := to.Put(ctx, "precious", "value")
	c.must(err)
	c.within(20*time.Second, "the log is truncated", func() bool {
		_, err := to.Put(ctx, "filler", strings.Repeat("f", 100))
		c.must(err)
		var h struct {
			State struct {
				Floor paxos.Slot `json:"floor"`
			} `json:"state"`
		}
		return c.get("acceptor1", "/health", &h) && h.State.Floor > 20
	})
	learners := c.ids(paxos.LearnerRole)
	c.must(c.Kill(learners...))
	aside := map[paxos.NodeID]string{}
	for _, id := range learners {
		aside[id] = filepath.Join(t.TempDir(), string(id))
		c.must(os.Rename(c.DataDir(id), aside[id]))
	}
	c.must(c.Start(learners...))
	for _, id := range learners {
		c.within(10*time.Second, string(id)+" says that it is behind the truncated log", func() bool {
			var h client.Health
			return c.get(id, "/health", &h) && h.Status == "waiting" && strings.Contains(h.Why, "snapshot")
		})
		for _, path := range []string{"/readyz", "/kv/precious?consistency=stale", "/get-values", "/outcome?key=k", "/kv/precious?timeout=100ms"} {
			response, err := http.Get(c.url(id, path))
			c.must(err)
			_ = response.Body.Close()
			if response.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("%s%s: %s", id, path, response.Status)
			}
		}
	}
	c.must(c.Kill(learners...))
	c.must(os.RemoveAll(c.DataDir("learner2")))
	c.must(os.Rename(aside["learner2"], c.DataDir("learner2")))
	c.must(c.Start(learners...))
	for _, id := range learners {
		c.within(20*time.Second, string(id)+" has the state again", func() bool {
			got, err := c.store(paxos.NodeID("client1")).Get(ctx, "precious")
			var h client.Health
			return err == nil && string(*got.Value) == "value" && c.get(id, "/health", &h) && h.Status == "ok"
		})
	}
}
