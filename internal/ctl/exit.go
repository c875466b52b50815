package ctl

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"paxos/client"
	"paxos/internal/kube"
	"paxos/internal/local"
	"paxos/internal/service"
)

// The exit codes; each has one meaning, for every command.
const (
	ExitOK          = 0
	ExitError       = 1
	ExitUsage       = 2
	ExitNotFound    = 3
	ExitConflict    = 4
	ExitUnavailable = 5
	ExitUnknown     = 6
	ExitNoProgram   = 127
	ExitInterrupted = 130
)

// exitCodes are their meanings, for the help texts.
var exitCodes = []struct {
	code    int
	meaning string
}{
	{ExitOK, "it was done"},
	{ExitError, "an error that no other code stands for"},
	{ExitUsage, "a command, flag or value is wrong; nothing was done"},
	{ExitNotFound, "what was asked for is not there"},
	{ExitConflict, "refused, because it contradicts what is there already"},
	{ExitUnavailable, "unavailable: it was certainly not applied; send it again"},
	{ExitUnknown, "unknown: it may be applied, now or later, or never; ask for its outcome"},
	{ExitNoProgram, "the command to run is not there, or is no program"},
	{ExitInterrupted, "interrupted by Ctrl-C or SIGTERM before it was done"},
}

// aboutExits is the part of a help text that lists the exit codes.
func aboutExits() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "  %3d  %s\n", e.code, e.meaning)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// failure is an error with the exit code that it means, and what to do.
type failure struct {
	code  int
	hint  string
	err   error
	cause error // what a service answered, if err only tells of it
}

// Error implements error.
func (f *failure) Error() string { return f.err.Error() }

// Unwrap gives what is told, and the cause.
func (f *failure) Unwrap() []error {
	if f.cause == nil {
		return []error{f.err}
	}
	return []error{f.err, f.cause}
}

// because adds the cause; those who read JSON want all of it.
func (f *failure) because(cause error) error {
	f.cause = cause
	return f
}

func usage(format string, args ...any) error { return failed(ExitUsage, "see --help", format, args...) }

func failed(code int, hint, format string, args ...any) error {
	return &failure{code: code, hint: hint, err: fmt.Errorf(format, args...)}
}

// exitCode tells what an error means.
func exitCode(err error) int {
	var own *failure
	var node *local.NotFoundError
	var child exitStatus
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &child):
		return int(child)
	case errors.Is(err, errInterrupted):
		return ExitInterrupted
	case errors.As(err, &own):
		return own.code
	case errors.Is(err, service.ErrUsage), errors.Is(err, client.ErrBadRequest):
		return ExitUsage
	case errors.Is(err, client.ErrNotFound), errors.Is(err, client.ErrCompacted), errors.As(err, &node):
		return ExitNotFound
	case errors.Is(err, client.ErrConflict), errors.Is(err, client.ErrExpired), errors.Is(err, local.ErrRefused):
		return ExitConflict
	case errors.Is(err, client.ErrUnknown):
		return ExitUnknown
	case errors.Is(err, client.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return ExitUnavailable
	}
	return ExitError
}

// nobodyThere is the hint when no service answered.
const nobodyThere = "nothing was changed; is the cluster there? See --endpoints, and paxosctl local status"

// explain is an error as a sentence, and what to do about it, "" if there is
// nothing to say.
func explain(err error) (sentence, hint string) {
	var own *failure
	var problem *client.Problem
	var way *kube.Error
	switch {
	case errors.Is(err, errInterrupted):
		return err.Error(), ""
	case errors.As(err, &own):
		return own.Error(), own.hint
	case errors.As(err, &problem):
		return problem.Detail, hintForPeople(problem.Hint)
	case errors.Is(err, service.ErrUsage):
		return strings.TrimPrefix(err.Error(), service.ErrUsage.Error()+": "), "see --help"
	case errors.Is(err, client.ErrUnavailable) && errors.As(err, &way) && way.General():
		return way.Detail, way.Hint
	case errors.Is(err, client.ErrUnavailable):
		return strings.TrimPrefix(err.Error(), client.ErrUnavailable.Error()+": "), nobodyThere
	}
	for _, meaning := range []error{client.ErrConflict, client.ErrNotFound, client.ErrCompacted, client.ErrBadRequest} {
		if sentence, ok := strings.CutPrefix(err.Error(), meaning.Error()+": "); ok {
			if meaning == client.ErrBadRequest {
				return sentence, "nothing was asked of anybody; see --help"
			}
			return sentence, "" // the exit code says the meaning
		}
	}
	return err.Error(), ""
}

// verbs are the commands for what hints tell the users of REST.
var verbs = strings.NewReplacer(
	"?timeout=", "--timeout", "?consistency=stale", "--consistency stale", "?prefix", "--prefix", "?end=…", "--end",
	"see /gossip/nodes for who is there", "paxosctl members shows who is there",
	"ask /gossip/nodes where that node is", "paxosctl members shows where that node is",
	"see /livez", "see paxosctl status",
	"ask its outcome, or DELETE it to be sure that it never applies; a resend with the same Idempotency-Key is safe",
	"paxosctl outcome tells, paxosctl burn makes sure that it never applies from now on; with the same --key it may be sent again",
)

// hintForPeople is a hint of REST as one of paxosctl.
func hintForPeople(hint string) string {
	if example, ok := strings.CutPrefix(hint, "for example "); ok && strings.ContainsAny(example, "{/?") {
		return "see --help" // a body, which paxosctl writes itself
	}
	return verbs.Replace(hint)
}
