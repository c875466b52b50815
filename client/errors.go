package client

import (
	"errors"
	"net/http"
	"strings"
)

// What an error of a call means; ask with errors.Is. Exactly one of these is
// true of every error of a call. Where a service answered, the error also holds
// its *Problem (errors.As), whose Detail and Hint are sentences for people, and
// whose Kind tells the cases of one meaning apart.
var (
	// ErrUnavailable: it was certainly not applied, and nothing was changed. It
	// may be sent again, under any name.
	ErrUnavailable = errors.New("unavailable, and not applied")
	// ErrUnknown: it may have been applied, or may be later, or never. Ask with
	// Outcome, send it again under the same key, or Burn the key to be sure
	// that it never applies. KeyOf gives the key that a write of the store drew.
	ErrUnknown = errors.New("the outcome is unknown")
	// ErrConflict: refused, because it contradicts what is there: a key that
	// was used for another value, or was burnt; a condition that does not hold;
	// a lock that is not held with that token; a value that is no number.
	ErrConflict = errors.New("conflict")
	// ErrExpired: the command is older than what the cluster remembers of
	// commands. It was not applied by this call.
	ErrExpired = errors.New("expired")
	// ErrCompacted: the revision that was asked for is no longer kept. Read the
	// keys as they are now, and watch from that read's revision + 1.
	ErrCompacted = errors.New("compacted")
	// ErrNotFound: what was asked for is not there: a key, a lease, a leader.
	ErrNotFound = errors.New("not found")
	// ErrBadRequest: what was sent is wrong, and would be next time.
	ErrBadRequest = errors.New("bad request")
)

// callError is why a call failed: what that means, and the cause, which is a
// *Problem if a service answered.
type callError struct{ meaning, cause error }

// Error implements error.
func (e *callError) Error() string { return e.meaning.Error() + ": " + e.cause.Error() }

// Unwrap gives both.
func (e *callError) Unwrap() []error { return []error{e.meaning, e.cause} }

// keyedError is an error of a write that was sent under a key.
type keyedError struct {
	error
	key string
}

// Unwrap gives the error.
func (e *keyedError) Unwrap() error { return e.error }

// KeyOf gives the idempotency key under which the write was sent that an error
// is about, for Outcome or Burn; "" if it had none. A key that was drawn for
// the write is known from here only, and remembered for 10 minutes of log time
// (paxos.CallKeyPrefix).
func KeyOf(err error) string {
	var e *keyedError
	if errors.As(err, &e) {
		return e.key
	}
	return ""
}

// cause is what a call's error says without its meaning.
func cause(err error) string {
	var e *callError
	if errors.As(err, &e) {
		return e.cause.Error()
	}
	return err.Error()
}

// meanings are those of problems whose status alone does not tell them.
var meanings = map[string]error{
	"session_expired": ErrExpired, "late": ErrExpired,
	"compacted": ErrCompacted,
	"disk-full": ErrUnavailable, // a full disk refuses before anything is taken
	// Refused by the log itself. An earlier attempt may yet find room.
	"too-many-keys": ErrUnavailable,
	"bad-ttl":       ErrBadRequest,
}

// meaning tells what a refusal means. A status alone is believed only where it
// says no more than that the request was wrong: a 503 may come from a proxy,
// which does not know what became of what it passed on.
func (a *ask) meaning(p *Problem) error {
	if known := meanings[p.Kind()]; known != nil {
		return known
	}
	// That a key is missing is for a service to say, and for nobody in between.
	foreign := a.store && p.Kind() == ""
	switch {
	case p.Status == http.StatusNotFound && !foreign:
		return ErrNotFound
	case p.Status == http.StatusConflict, p.Status == http.StatusPreconditionFailed, p.Status == http.StatusUnprocessableEntity:
		return ErrConflict
	case p.Status >= 400 && p.Status < 500 && p.Status != http.StatusNotFound:
		return ErrBadRequest
	case !a.write, p.Status == http.StatusServiceUnavailable && p.Kind() != "":
		return ErrUnavailable
	}
	return ErrUnknown
}

const problemTypes = "urn:paxos:"

// Kind is the end of the problem's type, such as "fenced" of urn:paxos:fenced,
// "" for one that is not ours.
func (p *Problem) Kind() string {
	kind, ours := strings.CutPrefix(p.Type, problemTypes)
	if !ours {
		return ""
	}
	return kind
}

// elsewhere reports whether another service may well do what this one cannot:
// the reason is the service's own.
func (p *Problem) elsewhere() bool {
	switch p.Kind() {
	case "stopping", "stuck", "no-learner":
		return p.Status == http.StatusServiceUnavailable
	}
	return false
}
