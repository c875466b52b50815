package load

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatWasAcknowledgedIsFoundAgain(t *testing.T) {
	for _, op := range []Op{Put, Get, StaleGet, Mixed, Incr, Batch} {
		c := crowd(t, &store{}, op)
		if err := c.Fill(t.Context()); err != nil {
			t.Fatal(err)
		}
		o, err := c.Run(t.Context(), Moments{})
		if err != nil || o.Ops == 0 || len(o.Errors) > 0 || o.Latency.Count() == 0 {
			t.Errorf("%s: %d operations, errors %v, %v", op, o.Ops, o.Errors, err)
		}
		if n, err := c.Check(t.Context()); err != nil || n == 0 {
			t.Errorf("%s: %d keys read back: %v", op, n, err)
		}
	}
}

func TestAForgottenWriteIsFound(t *testing.T) {
	for _, op := range []Op{Put, Incr, Batch} {
		s := &store{forget: 50}
		c := crowd(t, s, op)
		if _, err := c.Run(t.Context(), Moments{}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Check(t.Context()); !errors.Is(err, ErrOld) {
			t.Errorf("%s: every 50th write is forgotten, and the check says %v", op, err)
		}
	}
}

func TestAReadThatIsBehindIsFoundIfItMayNotBe(t *testing.T) {
	for op, wrong := range map[Op]bool{Mixed: true, StaleGet: false} {
		s := &store{}
		c := crowd(t, s, op)
		if err := c.Fill(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.remember()
		if err := c.Fill(t.Context()); err != nil {
			t.Fatal(err)
		}
		o, err := c.Run(t.Context(), Moments{})
		if errors.Is(err, ErrOld) != wrong || o.Errors["wrong value"] > 0 != wrong {
			t.Errorf("%s: all reads are behind: %v, %v", op, o.Errors, err)
		}
	}
}

func TestAValueThatWasAlteredIsFound(t *testing.T) {
	s := &store{}
	c := crowd(t, s, Get)
	if err := c.Fill(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.keys[key(0, 7)] = strings.ToLower(s.keys[key(0, 7)])
	if _, err := c.Check(t.Context()); !errors.Is(err, ErrOld) {
		t.Errorf("a value is altered, and the check says %v", err)
	}
}

// TestAWriteInDoubtMayBeThereOrNot: one that was refused may take effect at any
// time, but what was acknowledged before it must not be lost.
func TestAWriteInDoubtMayBeThereOrNot(t *testing.T) {
	s := &store{}
	c := crowd(t, s, Put)
	w := c.workers[0]
	put := func() { _ = w.put(t.Context(), 3) }
	put()
	first := s.keys[key(0, 3)]
	s.refuse, s.writes = 1, 0
	put()
	s.refuse = 0
	put()
	third := s.keys[key(0, 3)]
	second := string(c.values.Append(nil, 0, 2))
	for value, ok := range map[string]bool{second: true, third: true, first: false} {
		s.keys[key(0, 3)] = value
		if _, err := c.Check(t.Context()); (err == nil) != ok {
			t.Errorf("%.10q: %v", value, err)
		}
	}
}

func TestErrorsAreCountedByKind(t *testing.T) {
	s := &store{refuse: 10}
	o, err := crowd(t, s, Put).Run(t.Context(), Moments{})
	if err != nil || o.Errors["refused"] == 0 || o.Failed() < 0.05 || o.Failed() > 0.2 {
		t.Errorf("every tenth is refused: %v, %.3f, %v", o.Errors, o.Failed(), err)
	}
}

func TestOnlyWhatEndsInTheCountedTimeIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := NewCrowd(Spec{Op: Put, Users: 3, Size: 100, Keys: 10, Warmup: time.Second, Interval: 2 * time.Second, Intervals: 2, Sample: 10},
			&store{keys: map[string]string{}, late: 150 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		var began, ended time.Duration
		start := time.Now()
		o, err := c.Run(t.Context(), Moments{Begin: func() error { began = time.Since(start); return nil }, End: func() error { ended = time.Since(start); return nil }})
		if err != nil {
			t.Fatal(err)
		}
		if began != time.Second || ended != 5*time.Second {
			t.Errorf("counted from %v to %v", began, ended)
		}
		// One each 150 ms: those that end from 1.05 s to 2.85 s, and to 4.95 s.
		if want := []float64{3 * 13 / 2.0, 3 * 14 / 2.0}; o.Rates[0] != want[0] || o.Rates[1] != want[1] {
			t.Errorf("rates %v, not %v", o.Rates, want)
		}
		if o.Ops != 3*27 || o.Latency.Quantile(1) != 150*time.Millisecond || o.Rate() != 20.25 {
			t.Errorf("%d operations, %v, %v ops/s", o.Ops, o.Latency.Quantile(1), o.Rate())
		}
	})
}

// TestWhoHangsIsCounted: an operation that begins in the counted time and ends
// long after it, or never, is late, or an error.
func TestWhoHangsIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := func(late time.Duration) Outcome {
			c, err := NewCrowd(Spec{Op: Put, Users: 3, Size: 100, Keys: 10, Interval: time.Second, Intervals: 3, Sample: 10}, &store{keys: map[string]string{}, late: late})
			if err != nil {
				t.Fatal(err)
			}
			o, err := c.Run(t.Context(), Moments{})
			if err != nil {
				t.Fatal(err)
			}
			return o
		}
		if o := run(10 * time.Second); o.Ops != 0 || o.Latency.Max() != 10*time.Second || len(o.Errors) != 0 {
			t.Errorf("answers after 10 s: %d operations, %v at most, %v", o.Ops, o.Latency.Max(), o.Errors)
		}
		if o := run(time.Hour); o.Ops != 0 || o.Errors["no answer"] != 3 || o.Failed() != 1 {
			t.Errorf("no answers: %d operations, %v", o.Ops, o.Errors)
		}
	})
}

// TestAWrongValueIsFoundInTheWarmUpToo, and by a witness where all others only
// read.
func TestAWrongValueIsFoundInTheWarmUpToo(t *testing.T) {
	for _, op := range []Op{Get, Mixed} {
		synctest.Test(t, func(t *testing.T) {
			s := &store{keys: map[string]string{}, late: 10 * time.Millisecond}
			c, err := NewCrowd(Spec{Op: op, Users: 3, Size: 100, Keys: 10, Warmup: 3 * time.Second, Interval: time.Second, Intervals: 1, Sample: 10}, s)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Fill(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Run(t.Context(), Moments{}); err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(time.Second, s.remember)
			time.AfterFunc(2*time.Second, s.catchUp)
			if _, err := c.Run(t.Context(), Moments{}); !errors.Is(err, ErrOld) {
				t.Errorf("%s: for a second reads were old, and nobody saw it: %v", op, err)
			}
		})
	}
}

// TestAPacedLoadCountsItsDelay: where all users are busy, what should have begun
// long ago is as late as it is for whoever waits for it.
func TestAPacedLoadCountsItsDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := func(users int) Outcome {
			c, err := NewCrowd(Spec{Op: Put, Users: users, Size: 100, Keys: 10, Interval: 10 * time.Second, Intervals: 1, Sample: 10, Rate: 10},
				&store{keys: map[string]string{}, late: 200 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			o, err := c.Run(t.Context(), Moments{})
			if err != nil {
				t.Fatal(err)
			}
			return o
		}
		if o := run(4); o.Rate() < 9.5 || o.Rate() > 10 || o.Latency.Max() != 200*time.Millisecond {
			t.Errorf("with users to spare: %v a second, %v at most", o.Rate(), o.Latency.Max())
		}
		if o := run(1); o.Rate() < 4.5 || o.Rate() > 5 || o.Latency.Max() < 4*time.Second {
			t.Errorf("one user who needs 200 ms for each: %v a second, %v at most", o.Rate(), o.Latency.Max())
		}
	})
}

func TestALoadEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := crowd(t, &store{}, Put)
	c.spec.Interval = time.Hour
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := c.Run(ctx, Moments{}); !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
}
