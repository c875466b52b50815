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
	Late    bool // it was found after the time of the swarm was over
}

// Caught reports whether something was wrong, and found in time.
func (v Verdict) Caught() bool { return v.Checker != "" && !v.Late }

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
	v.Took, v.Late = took, v.Checker != "" && took > s.For
	return v, broken
}

// read takes the simulator's word: exit code 0 or 1 and its lines. One that
// crashes names no seed that could be replayed, and is no verdict.
func read(out []byte, errs string, err error) (Verdict, error) {
	var v Verdict
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return v, err
	}
	if exit != nil && exit.ExitCode() != 1 {
		return v, fmt.Errorf("the simulator ended with %w, and named no seed; it said %q", err, crash(errs))
	}
	for _, text := range bytes.Split(bytes.TrimSpace(out), []byte("\n")) {
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return v, fmt.Errorf("the simulator said %q, which is not JSON; and %q", text, strings.TrimSpace(errs))
		}
		if l.Sums != nil {
			v.Seeds, v.Events = l.Sums["seeds"], l.Sums["events"]
		} else if l.Checker != "" && (v.Checker == "" || l.Seed < v.Seed) {
			v.Checker, v.Text, v.Seed = l.Checker, l.Text, l.Seed
		}
	}
	switch {
	case v.Seeds == 0:
		return v, errors.New("the simulator did not say how many seeds it ran")
	case (exit == nil) == (v.Checker != ""):
		return v, fmt.Errorf("the simulator ended with %v, and found %q; it said %q", err, v.Checker, strings.TrimSpace(errs))
	case v.Checker != "" && v.Seed == 0:
		return v, fmt.Errorf("the simulator found %q, and named no seed", v.Checker)
	}
	return v, nil
}

// crash is what a program said of its end, without the goroutines.
func crash(errs string) string {
	for _, begins := range []string{"panic: ", "fatal error: "} {
		if at := strings.Index(errs, begins); at >= 0 {
			errs, _, _ = strings.Cut(errs[at:], "\n")
		}
	}
	return strings.TrimSpace(errs)
}
