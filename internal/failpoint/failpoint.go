// Package failpoint ends a process, or holds it up, at a named step, so that
// tests of real processes can look at what a crash there leaves on the disk.
// It does nothing unless the environment variable PAXOS_FAILPOINTS asks for it.
//
// It is not for the protocol's rooms, which have no steps between which a crash
// could come; crashes at every single operation of a disk, without processes,
// are the business of internal/wal/memfs. Those who call Hit are
// internal/snapshot, internal/node, and internal/service around the state machine.
package failpoint

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Variable is the environment variable: a comma-separated list of NAME=kill,
// NAME=kill:N (at the N-th time, counted from 1), or NAME=sleep:DURATION.
const Variable = "PAXOS_FAILPOINTS"

// Names are all the steps, in the order in which they come.
var Names = []string{
	"snapshot-before-chunk", "snapshot-after-chunk", "snapshot-before-sync", "snapshot-after-sync",
	"snapshot-before-rename", "snapshot-before-dir-sync", "snapshot-after-dir-sync", "snapshot-before-delete",
	"transfer-before-write", "transfer-after-write", "transfer-before-sync", "transfer-after-sync",
	"transfer-before-rename", "transfer-before-dir-sync", "transfer-after-dir-sync",
	"truncate-before-sync", "truncate-after-sync", "truncate-before-drop", "truncate-after-drop",
	"expire-before-propose", "expire-before-apply", "expire-after-apply",
	"compact-before-propose", "compact-before-apply", "compact-after-apply",
}

// point is what happens at a step.
type point struct {
	at    int64 // kill at this many hits; 0 never
	sleep time.Duration
	hits  atomic.Int64
}

// points is nil when nothing was asked for; it never changes.
var points = fromEnvironment()

// fromEnvironment ends the process, as any wrong setting does (exit 2), when
// the variable is not understood: a test must not run without its crash.
func fromEnvironment() map[string]*point {
	list, err := parse(os.Getenv(Variable))
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", Variable, err)
		os.Exit(2)
	}
	return list
}

func parse(text string) (map[string]*point, error) {
	if text == "" {
		return nil, nil
	}
	list := map[string]*point{}
	for part := range strings.SplitSeq(text, ",") {
		name, action, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok || !slices.Contains(Names, name) {
			return nil, fmt.Errorf("%q: NAME=kill, NAME=kill:N or NAME=sleep:DURATION is needed, NAME one of %s", part, strings.Join(Names, ", "))
		}
		p := &point{}
		verb, operand, given := strings.Cut(action, ":")
		var err error
		switch {
		case verb == "kill" && !given:
			p.at = 1
		case verb == "kill":
			if p.at, err = strconv.ParseInt(operand, 10, 64); err == nil && p.at < 1 {
				err = fmt.Errorf("hits are counted from 1")
			}
		case verb == "sleep":
			p.sleep, err = time.ParseDuration(operand)
		default:
			err = fmt.Errorf("neither kill nor sleep")
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", part, err)
		}
		list[name] = p
	}
	return list, nil
}

// Asked reports whether anything was asked for: what has to be looked for before
// it can be hit need not be looked for otherwise.
func Asked() bool { return points != nil }

// Hit is called at a step. It may not return.
func Hit(name string) {
	if points == nil {
		return
	}
	if p := points[name]; p != nil {
		p.hit()
	}
}

func (p *point) hit() {
	if n := p.hits.Add(1); n == p.at {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal may take a moment; nothing may be done in it
	}
	if p.sleep > 0 {
		<-time.After(p.sleep)
	}
}
