package load

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"sync"
	"testing"
	"time"

	"paxos/bench/system"
)

// store is a cluster in a map, which can be told to misbehave.
type store struct {
	mu      sync.Mutex
	keys    map[string]string
	counter int
	writes  int
	forget  int           // every so-many-th acknowledged write is not kept
	refuse  int           // every so-many-th write is refused
	late    time.Duration // of every operation
	batches bool
	old     map[string]string // what reads give, if it is not nil
}

var errRefused = errors.New("refused")

func (s *store) User(int) (system.User, error) { return &fakeUser{s}, nil }
func (s *store) Close() error                  { return nil }

type fakeUser struct{ s *store }

func (u *fakeUser) Put(ctx context.Context, key string, value []byte) error {
	if u.s.late > 0 {
		_ = wait(ctx, u.s.late)
	}
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	u.s.writes++
	if u.s.refuse > 0 && u.s.writes%u.s.refuse == 0 {
		return errRefused
	}
	if u.s.forget == 0 || u.s.writes%u.s.forget != 0 {
		u.s.keys[key] = string(value)
	}
	return nil
}

func (u *fakeUser) Get(ctx context.Context, key string, stale bool) ([]byte, error) {
	if u.s.late > 0 {
		_ = wait(ctx, u.s.late)
	}
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	from := u.s.keys
	if u.s.old != nil {
		from = u.s.old
	}
	if key == counterKey {
		return []byte(strconv.Itoa(u.s.counter)), nil
	}
	value, ok := from[key]
	if !ok {
		return nil, system.ErrMissing
	}
	return []byte(value), nil
}

func (u *fakeUser) Increment(context.Context, string) error {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	u.s.writes++
	if u.s.forget == 0 || u.s.writes%u.s.forget != 0 {
		u.s.counter++
	}
	return nil
}

func (u *fakeUser) PutAll(ctx context.Context, keys []string, values [][]byte) error {
	if !u.s.batches {
		return system.ErrNot
	}
	for i, k := range keys {
		if err := u.Put(ctx, k, values[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) remember() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.old = maps.Clone(s.keys)
}

func (s *store) catchUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.old = nil
}

func crowd(t *testing.T, s *store, op Op) *Crowd {
	t.Helper()
	s.keys = map[string]string{}
	s.batches = true
	c, err := NewCrowd(Spec{Op: op, Users: 4, Size: 100, Keys: 100, Interval: 10 * time.Millisecond, Intervals: 2, Sample: 1000}, s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
