package ctl

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"paxos/client"
	"paxos/paxos"
)

func TestFollowedEventsAreWrittenInTheOrderOfTime(t *testing.T) {
	events, ticks, written := make(chan client.Event), make(chan time.Time), make(chan string, 10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		merge(events, ticks, func(e client.Event) error { written <- e.Time + string(e.Node); return nil })
	}()
	begun := time.Now()
	for _, e := range []string{"3b", "1b", "2a", "1a"} {
		events <- client.Event{Time: e[:1], Node: paxos.NodeID(e[1:])}
		ticks <- begun // the window of none is over
	}
	ticks <- time.Now().Add(mergeWindow)
	var got []string
	for range 4 {
		got = append(got, <-written) // without the end of the stream
	}
	events <- client.Event{Time: "5"}
	events <- client.Event{Time: "4"}
	close(events)
	<-done
	got = append(got, <-written, <-written)
	if strings.Join(got, " ") != "1a 1b 2a 3b 4 5" {
		t.Error(got)
	}
}

func TestEventsAreHeldUntilTheirWindowIsOver(t *testing.T) {
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	held := []arrival{{client.Event{Time: "9"}, at(3)}, {client.Event{Time: "2"}, at(1)}, {client.Event{Time: "1"}, at(2)}}
	if n := due(held, at(0)); n != 0 {
		t.Errorf("%d before any is due", n)
	}
	if n := due(held, at(1)); n != 2 || held[0].Time != "1" {
		t.Errorf("%d, %v: an older one goes along", n, held)
	}
}

func TestAfterAnErrorOfWritingTheNodesAreStillHeard(t *testing.T) {
	events, ticks, done, tries := make(chan client.Event), make(chan time.Time), make(chan struct{}), 0
	go func() {
		defer close(done)
		merge(events, ticks, func(client.Event) error { tries++; return errors.New("a closed pipe") })
	}()
	for range 100 {
		events <- client.Event{}
	}
	ticks <- time.Now().Add(mergeWindow)
	close(events)
	if <-done; tries != 1 {
		t.Errorf("written %d times", tries)
	}
}

// full is a disk that is full.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space today") }

func TestFollowingEndsWhenNothingCanBeWritten(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var errs bytes.Buffer
	code := Run(ctx, []string{"paxosctl", "logs", "--follow", "--endpoints", nodes(t)}, Streams{Out: full{}, Err: &errs})
	if code != ExitError || !strings.Contains(errs.String(), "no space today") {
		t.Errorf("exit code %d: %s", code, &errs)
	}
}
