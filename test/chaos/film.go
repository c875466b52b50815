//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"paxos/client"
	"paxos/paxos"
)

// film is what a watch showed of the records that lock holders wrote: every
// change, in the order of the log, also those that nobody read.
type film struct {
	stop    context.CancelFunc
	done    chan struct{}
	client  *client.Client
	mu      sync.Mutex
	changes []client.Changes
}

// watchRecords watches all records from now on.
func (c *cluster) watchRecords(ctx context.Context) (*film, error) {
	cl, err := c.client(rand.New(rand.NewPCG(1, 2)))
	if err != nil {
		return nil, err
	}
	now, err := cl.Count(ctx, client.Prefix("records/"))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	f := &film{stop: cancel, done: make(chan struct{}), client: cl}
	go func() {
		defer close(f.done)
		for changes, err := range cl.Watch(ctx, client.Prefix("records/"), client.WatchFrom(now.Revision+1)) {
			if err != nil {
				if ctx.Err() == nil || !errors.Is(err, client.ErrUnavailable) {
					c.report.Errorf("the watch ended: %v", err)
				}
				return
			}
			f.mu.Lock()
			f.changes = append(f.changes, changes)
			f.mu.Unlock()
		}
	}()
	return f, nil
}

// seen reports whether a change of a key was shown.
func (f *film) seen(key string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, change := range f.changes {
		for _, e := range change.Events {
			if e.Key == key {
				return true
			}
		}
	}
	return false
}

// judge compares the film with what the writers were told: every acknowledged
// write is in it once, no refused one is, and of each lock the tokens never
// fall.
func (f *film) judge(ctx context.Context, c *cluster, r *recorder) error {
	waiting, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	_, err := f.client.Put(waiting, "records/the end", "")
	if err == nil {
		err = until(ctx, 30*time.Second, "the watch to show the last change", func() bool { return f.seen("records/the end") })
	}
	f.stop()
	<-f.done
	f.client.Close()
	if err != nil {
		return err
	}
	fates := map[string]fate{} // of the values
	for _, op := range r.ops {
		if in := op.Input.(asked); in.kind == "write" {
			fates[in.value] = op.Output.(told).fate
		}
	}
	wrong, shown := falling(f.changes)
	for value, times := range shown {
		switch f, known := fates[value]; {
		case times > 1:
			wrong = append(wrong, fmt.Sprintf("%q was shown %d times", value, times))
		case !known || f == declined:
			wrong = append(wrong, fmt.Sprintf("%q was shown, and was refused or never written", value))
		}
	}
	for value, f := range fates {
		if f == acknowledged && shown[value] == 0 {
			wrong = append(wrong, fmt.Sprintf("%q was acknowledged, and never shown", value))
		}
	}
	for _, w := range wrong {
		c.report.Errorf("the watch: %s", w)
	}
	c.report.Logf("locks: the watch shows %d changes, every acknowledged one once, the tokens of each lock in order", len(f.changes))
	return nil
}

// falling gives what is wrong with the order of changes, and how often each
// value of a lock's record was shown.
func falling(changes []client.Changes) (wrong []string, shown map[string]int) {
	shown = map[string]int{}
	last := map[string]uint64{}
	revision := paxos.Number(0)
	for _, change := range changes {
		if change.Revision <= revision {
			wrong = append(wrong, fmt.Sprintf("revision %d follows %d", change.Revision, revision))
		}
		revision = change.Revision
		for _, e := range change.Events {
			text := e.Text()
			if text == "" {
				continue
			}
			shown[text]++
			var token uint64
			if _, err := fmt.Sscanf(text, "%d ", &token); err != nil || e.Type != "put" || !strings.HasPrefix(e.Key, "records/") {
				wrong = append(wrong, fmt.Sprintf("%+v is no record", e))
			}
			if token < last[e.Key] {
				wrong = append(wrong, fmt.Sprintf("%s: %q of the token %d follows a record of the token %d", e.Key, text, token, last[e.Key]))
			}
			last[e.Key] = token
		}
	}
	return wrong, shown
}
