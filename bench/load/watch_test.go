package load

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"paxos/bench/system"
)

// board tells its watchers of every put, as it is told to.
type board struct {
	mu       sync.Mutex
	watchers []chan string
	late     time.Duration
	skip     bool // each tenth event
	n        int
}

func (b *board) User(int) (system.User, error) { return &boardUser{b: b}, nil }
func (b *board) Close() error                  { return nil }

func (b *board) Watch(ctx context.Context, _ string, ready func(), told func([]byte)) error {
	events := make(chan string, 1000)
	b.mu.Lock()
	b.watchers = append(b.watchers, events)
	b.mu.Unlock()
	ready()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-events:
			if err := wait(ctx, b.late); err != nil {
				return err
			}
			told([]byte(e))
		}
	}
}

type boardUser struct {
	fakeUser
	b *board
}

func (u *boardUser) Put(_ context.Context, _ string, value []byte) error {
	u.b.mu.Lock()
	defer u.b.mu.Unlock()
	u.b.n++
	for _, w := range u.b.watchers {
		if !u.b.skip || u.b.n%10 != 0 {
			w <- string(value)
		}
	}
	return nil
}

func TestWatchersAreToldOfEveryWriteSoLateAsTheyAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Watched{Watchers: 7, Rate: 50, Size: 100, Warmup: time.Second, Counted: 4 * time.Second}
		o, err := s.Run(t.Context(), &board{late: 3 * time.Millisecond}, Moments{})
		if err != nil {
			t.Fatal(err)
		}
		if o.Ops != 7*200 || o.Rate() != 350 || o.Latency.Max() != 3*time.Millisecond || o.Checked != 7 {
			t.Errorf("%d events, %v a second, %v late, %d watchers", o.Ops, o.Rate(), o.Latency.Max(), o.Checked)
		}
	})
}

func TestAnEventThatIsMissingIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Watched{Watchers: 2, Rate: 50, Size: 100, Counted: time.Second}
		if _, err := s.Run(t.Context(), &board{skip: true}, Moments{}); !errors.Is(err, ErrOld) {
			t.Errorf("each tenth event is missing: %v", err)
		}
	})
}

func TestWhoCannotBeWatchedSaysSo(t *testing.T) {
	if _, err := (Watched{Watchers: 1}).Run(t.Context(), &store{}, Moments{}); !errors.Is(err, system.ErrNot) {
		t.Error(err)
	}
}
