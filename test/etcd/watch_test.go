package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"paxos/kv"
)

// follow waits for the event at the given revision: every revision but the
// first has events, and etcd sends those of one revision together.
func (s *server) follow(revision kv.Revision) ([]kv.Event, error) {
	var events []kv.Event
	deadline := time.After(patience)
	for {
		select {
		case r, open := <-s.all:
			if !open || r.Err() != nil {
				return nil, fmt.Errorf("the watch of everything ended: %w", r.Err())
			}
			for _, e := range r.Events {
				events = append(events, fromEvent(e))
			}
			if n := len(events); n > 0 && events[n-1].KV.Mod >= revision {
				return events, nil
			}
		case <-deadline:
			return nil, fmt.Errorf("no event at revision %d in %v", revision, patience)
		}
	}
}

// watch opens a watch for each query, all at once because etcd looks for those
// that are behind only ten times a second, and reads each to the revision.
func (s *server) watch(queries []query, revision kv.Revision) ([]story, error) {
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	var channels []clientv3.WatchChan
	for _, q := range queries {
		options := []clientv3.OpOption{clientv3.WithRev(int64(q.from)), clientv3.WithPrevKV()}
		if q.span.End != "" {
			options = append(options, clientv3.WithRange(q.span.End))
		}
		channels = append(channels, s.client.Watch(ctx, q.span.Key, options...))
	}
	stories := make([]story, len(queries))
	for i, channel := range channels {
		var err error
		if stories[i], err = s.read(ctx, channel, revision); err != nil {
			return nil, fmt.Errorf("%+v: %w", queries[i], err)
		}
	}
	return stories, nil
}

// read ends when etcd says that the watch has seen all up to the revision,
// which it says only if all watches have, and only if asked.
func (s *server) read(ctx context.Context, channel clientv3.WatchChan, revision kv.Revision) (story, error) {
	var told story
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case r, open := <-channel:
			if errors.Is(r.Err(), rpctypes.ErrCompacted) {
				return story{Failure: kv.FailCompacted}, nil
			}
			if !open || r.Err() != nil {
				return story{}, fmt.Errorf("the watch ended: %w", r.Err())
			}
			for _, e := range r.Events {
				told.Events = append(told.Events, fromEvent(e))
			}
			if r.IsProgressNotify() && headed(r.Header) >= revision {
				return told, nil
			}
		case <-again.C:
			if err := s.client.RequestProgress(ctx); err != nil {
				return story{}, err
			}
		case <-ctx.Done():
			return story{}, ctx.Err()
		}
	}
}
