package local

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestALeaderIsFoundBesideNodesThatDoNotAnswer(t *testing.T) {
	for about, args := range map[string][]string{"paused": nil, "hanging": {"--hang", "proposer1"}} {
		c := place(t, t.TempDir(), args...)
		must(t, c.Start("proposer1", "proposer2"))
		must(t, c.WaitAnswering(soon(t), nil, "proposer2"))
		if args == nil {
			must(t, c.Pause("proposer1"))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 4*askLimit)
		if id, err := c.WaitLeader(ctx); err != nil || id != "proposer2" {
			t.Errorf("%s: %q leads, %v", about, id, err)
		}
		cancel()
		must(t, c.Kill())
	}
}

func TestOnlyThoseAreBlamedThatAreSilent(t *testing.T) {
	c := place(t, t.TempDir(), "--hang", "learner1")
	must(t, c.Start())
	must(t, c.WaitAnswering(soon(t), nil, "proposer1", "proposer2", "acceptor1", "client1"))
	must(t, c.Pause("client1"))
	ctx, cancel := context.WithTimeout(t.Context(), 3*askLimit)
	defer cancel()
	var told []string
	err := c.WaitAnswering(ctx, func(s string) { told = append(told, s) })
	want := "learner1, client1 (paused) to answer"
	var late *LateError
	if !errors.As(err, &late) || late.Pending != want || strings.Join(told, "|") != want || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, told %q", err, told)
	}
	if strings.Contains(err.Error(), "context") {
		t.Errorf("words of the language: %v", err)
	}
}

func TestWhatWasLastSeenInTimeIsPending(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	turn := 0
	err := poll(ctx, time.Millisecond, func() (bool, string, error) {
		if turn++; turn == 1 {
			return false, "one", nil
		}
		cancel()
		return false, "everyone", nil
	})
	var late *LateError
	if !errors.As(err, &late) || late.Pending != "one" {
		t.Error(err)
	}
}

func TestNodesThatStartLateAreWaitedForUntilTheyHaveJoined(t *testing.T) {
	const cluster = "0123456789abcdef0123456789abcdef"
	for _, of := range []string{cluster, "00000000000000000000000000000000"} {
		c := place(t, t.TempDir(), "--late", "learner1", "--of", of)
		must(t, c.Start())
		must(t, c.WaitAnswering(soon(t), nil, "acceptor1"))
		must(t, c.WaitAnswering(soon(t), nil, "learner1")) // its first "waiting"
		must(t, c.WaitJoined(soon(t), nil, "learner1"))
		h, err := c.Health(t.Context(), "learner1")
		// Where no acceptor knows the cluster, there is nothing to wait for.
		if want := map[bool]string{true: "ok", false: "waiting"}[of == cluster]; err != nil || h.Status != want {
			t.Errorf("of %s: it is %q, want %q: %v", of, h.Status, want, err)
		}
		must(t, c.Kill())
	}
}
