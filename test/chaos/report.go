//go:build linux

package chaos

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// report takes what is wrong, and passes on what goes on.
type report struct {
	tell func(format string, args ...any)

	mu    sync.Mutex
	wrong []string

	// What succeeded so far: for the question whether anything does.
	reads, writes atomic.Int64
}

// mostWrong is how many findings are kept: one lie has many witnesses.
const mostWrong = 100

// Errorf takes what is wrong.
func (r *report) Errorf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.mu.Lock()
	if len(r.wrong) < mostWrong {
		r.wrong = append(r.wrong, text)
	}
	r.mu.Unlock()
	r.tell("WRONG: %s", text)
}

// Logf tells what goes on.
func (r *report) Logf(format string, args ...any) { r.tell(format, args...) }

func (r *report) found() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wrong
}
