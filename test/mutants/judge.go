package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Swarm is what every program is judged by: the same worlds, in the same order.
type Swarm struct {
	First   uint64
	Seeds   int64 // 0: as many as fit into For
	For     time.Duration
	Workers int
}

// Verdict is what a swarm found in a program.
type Verdict struct {
	Checker string // "" if nothing was wrong
	Text    string
	Seed    uint64
	Seeds   int64 // how many ran
	Events  int64
	Took    time.Duration
}

// Caught reports whether something was wrong.
func (v Verdict) Caught() bool { return v.Checker != "" }

// line is what the simulator says: of a failure, or of all that happened.
type line struct {
	Seed    uint64           `json:"seed"`
	Checker string           `json:"checker"`
	Text    string           `json:"text"`
	Sums    map[string]int64 `json:"sums"`
}

// grace is how long a world may go on when the time of its swarm is over: it is
// judged to its end.
const grace = time.Minute

// Judge runs a simulator's swarm until the first failure. Its error is that it
// could not be judged.
func (s Swarm) Judge(ctx context.Context, program string) (Verdict, error) {
	args := []string{"-seed", strconv.FormatUint(s.First, 10), "-for", s.For.String(), "-workers", strconv.Itoa(s.Workers), "-fail-fast", "-o", "json"}
	if s.Seeds > 0 {
		args = append(args, "-seeds", strconv.FormatInt(s.Seeds, 10))
	}
	bounded, cancel := context.WithTimeout(ctx, s.For+grace)
	defer cancel()
	run := exec.CommandContext(bounded, program, args...)
	run.Cancel = func() error { return run.Process.Signal(syscall.SIGTERM) }
	run.WaitDelay = 5 * time.Second
	var out, errs bytes.Buffer
	run.Stdout, run.Stderr = &out, &errs
	begun := time.Now()
	err := run.Run()
	took := time.Since(begun)
	switch {
	case ctx.Err() != nil:
		return Verdict{}, ctx.Err()
	case bounded.Err() != nil:
		return Verdict{}, fmt.Errorf("it ran for %v and was asked for %v: a world does not end", took.Round(time.Second), s.For)
	}
	v, broken := read(out.Bytes(), errs.String(), err)
	v.Took = took
	return v, broken
}

// read takes the simulator's word: exit code 0 or 1 and its lines, or the end of
// the whole process by a panic of what it simulates.
func read(out []byte, errs string, err error) (Verdict, error) {
	var v Verdict
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return v, err
	}
	if at := strings.Index(errs, "panic: "); exit != nil && exit.ExitCode() == 2 && at >= 0 {
		text, _, _ := strings.Cut(errs[at+len("panic: "):], "\n")
		return Verdict{Checker: "panic", Text: text}, nil
	}
	for _, text := range bytes.Split(bytes.TrimSpace(out), []byte("\n")) {
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return v, fmt.Errorf("the simulator said %q, which is not JSON; and %q", text, strings.TrimSpace(errs))
		}
		if l.Sums != nil {
			v.Seeds, v.Events = l.Sums["seeds"], l.Sums["events"]
		} else if v.Checker == "" || l.Seed < v.Seed {
			v.Checker, v.Text, v.Seed = l.Checker, l.Text, l.Seed
		}
	}
	switch {
	case v.Seeds == 0:
		return v, errors.New("the simulator did not say how many seeds it ran")
	case (exit == nil) == v.Caught() || exit != nil && exit.ExitCode() != 1:
		return v, fmt.Errorf("the simulator ended with %v, and found %q; it said %q", err, v.Checker, strings.TrimSpace(errs))
	}
	return v, nil
}
