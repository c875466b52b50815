package load

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"paxos/bench/system"
)

// stuck is a user who gets no answer to a read for as long as he waits, the first
// few times.
type stuck struct {
	system.User
	times *int
}

func (s *stuck) Get(ctx context.Context, key string, stale bool) ([]byte, error) {
	if *s.times > 0 {
		*s.times--
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.User.Get(ctx, key, stale)
}

// TestAReadThatIsNeverAnsweredIsTriedAgain: a server that is stopped answers nobody.
func TestAReadThatIsNeverAnsweredIsTriedAgain(t *testing.T) {
	for times, ok := range map[int]bool{1: true, 1000: false} {
		synctest.Test(t, func(t *testing.T) {
			c := crowd(t, &store{late: time.Millisecond}, Put)
			if _, err := c.Run(t.Context(), Moments{}); err != nil {
				t.Fatal(err)
			}
			for _, w := range c.workers {
				left := times
				w.reader = &stuck{w.reader, &left}
			}
			begun := time.Now()
			_, err := c.Check(t.Context())
			if (err == nil) != ok || time.Since(begun) > patience+2*oneTry {
				t.Errorf("%d times: %v, after %v", times, err, time.Since(begun))
			}
		})
	}
}
