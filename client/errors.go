package client

import (
	"errors"
	"net/http"
	"strings"
)

// What an error of a call means; ask with errors.Is. Where a service answered,
// the error also holds its *Problem (errors.As), whose Detail and Hint are
// sentences for people.
var (
	// ErrUnavailable: it was certainly not applied, and nothing was changed. It
	// may be sent again, under any name.
	ErrUnavailable = errors.New("unavailable, and not applied")
	// ErrUnknown: it may have been applied, or may be later, or never. Ask with
	// Outcome, send it again under the same key, or Burn the key to be sure
	// that it never applies.
	ErrUnknown = errors.New("the outcome is unknown")
	// ErrConflict: refused, because it contradicts what is there: a key that
	// was used for another value, or was burnt.
	ErrConflict = errors.New("conflict")
	// ErrExpired: the command is older than what the cluster remembers of
	// commands. It was not applied by this call.
	ErrExpired = errors.New("expired")
	// ErrNotFound: what was asked for is not there.
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

// cause is what a call's error says without its meaning.
func cause(err error) string {
	var e *callError
	if errors.As(err, &e) {
		return e.cause.Error()
	}
	return err.Error()
}

// meaning tells what a refusal means. A status alone is believed only where it
// says no more than that the request was wrong: a 503 may come from a proxy,
// which does not know what became of what it passed on.
func (a ask) meaning(p *Problem) error {
	switch p.Status {
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity:
		if p.kind() == "session_expired" {
			return ErrExpired
		}
		return ErrConflict
	}
	switch {
	case p.Status >= 400 && p.Status < 500:
		return ErrBadRequest
	case !a.write, p.Status == http.StatusServiceUnavailable && p.kind() != "":
		return ErrUnavailable
	}
	return ErrUnknown
}

const problemTypes = "urn:paxos:"

// kind is the end of the problem's type, "" for one that is not ours.
func (p *Problem) kind() string {
	kind, ours := strings.CutPrefix(p.Type, problemTypes)
	if !ours {
		return ""
	}
	return kind
}

// elsewhere reports whether another service may well do what this one cannot:
// the reason is the service's own.
func (p *Problem) elsewhere() bool {
	switch p.kind() {
	case "stopping", "stuck", "no-learner":
		return p.Status == http.StatusServiceUnavailable
	}
	return false
}
