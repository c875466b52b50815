package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// Silence says in a sentence that an address gave no answer, and why.
type Silence struct {
	Address string
	Why     string
	Err     error
}

// Error implements error.
func (s *Silence) Error() string { return s.Address + " " + s.Why }

// Unwrap gives the cause.
func (s *Silence) Unwrap() error { return s.Err }

// NoAnswer is the error of an address, host:port or a URL, that gave no answer
// for so long.
func NoAnswer(address string, waited time.Duration, err error) *Silence {
	if _, bare, ok := strings.Cut(address, "://"); ok {
		address = bare
	}
	var number syscall.Errno
	var lookup *net.DNSError
	var timed net.Error
	why := ""
	switch {
	case errors.Is(err, context.Canceled):
		why = "was not waited for"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timed) && timed.Timeout():
		why = fmt.Sprintf("gave no answer within %v", waited.Round(10*time.Millisecond))
	case errors.As(err, &number):
		why = "does not answer: " + number.Error()
	case errors.As(err, &lookup):
		why = "does not answer: " + lookup.Err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		why = "does not answer: it closed the connection"
	default:
		var whole *url.Error
		if errors.As(err, &whole) {
			err = whole.Err
		}
		why = "does not answer: " + err.Error()
	}
	return &Silence{address, why, err}
}

// silences are those of all addresses that were asked.
type silences []*Silence

// Error implements error.
func (s silences) Error() string {
	texts := make([]string, len(s))
	for i, one := range s {
		texts[i] = one.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap gives each.
func (s silences) Unwrap() []error {
	list := make([]error, len(s))
	for i, one := range s {
		list[i] = one
	}
	return list
}
