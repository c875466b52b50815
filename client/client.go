package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Client speaks to the client services of a cluster. It may be used by any
// number of goroutines.
//
// A call makes one turn through the services' addresses, beginning with the
// one that answered last. It goes on to the next address only when nothing can
// have been applied at the last one, or when the request may be repeated: a
// read, a write with a key, a burn.
//
// Calls of the key-value store (Get, Put, Txn, Lock…) make turn after turn,
// with growing pauses, until there is an answer that will not change, or the
// context ends. Their writes draw a key each, so that this is safe: a write
// takes effect once, however often it is sent and through whichever services.
// Send and the other calls make one turn: whoever wants to go on calls again.
//
// A call ends when its context does. The deadline is also told to the service,
// which answers shortly before it; without a deadline the service takes its
// own (1.5 s by default), and the call ends after 10 s at the latest. Lock,
// Campaign, Watch and Observe have no such limit.
type Client struct {
	addresses []string
	http      *http.Client
	last      atomic.Uint32 // index of the address that answered last
	seen      memory
}

// Option changes how a Client is made.
type Option func(*Client)

// WithHTTPClient makes the Client use h, for TLS, proxies or tests. Its
// Timeout, if any, ends calls whose outcome is then unknown.
func WithHTTPClient(h *http.Client) Option { return func(c *Client) { c.http = h } }

// Limits of a call.
const (
	dialLimit   = time.Second      // to connect to one address
	leaderLimit = time.Second      // for a proposer to say whether it leads
	callLimit   = 10 * time.Second // for a call without a deadline
	longestWait = 60 * time.Second // that a service can be told to wait
	answerLimit = 64 << 20         // bytes of an answer
)

// New makes a client of the services at these addresses: host:port, or URLs.
// It connects to nothing yet. The error says which address is wrong.
func New(addresses []string, opts ...Option) (*Client, error) {
	if len(addresses) == 0 {
		return nil, errors.New("no address of a client service was given")
	}
	c := &Client{}
	for _, a := range addresses {
		base, err := baseURL(a)
		if err != nil {
			return nil, err
		}
		c.addresses = append(c.addresses, base)
	}
	transport := &http.Transport{
		Proxy: nil, DisableCompression: true, MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second,
		DialContext: (&net.Dialer{Timeout: dialLimit}).DialContext,
	}
	// A redirect is no answer of a service, and a send must not follow one.
	c.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, o := range opts {
		o(c)
	}
	return c, nil
}

// Close closes connections that are kept open for the next call.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func baseURL(address string) (string, error) {
	text := strings.TrimRight(strings.TrimSpace(address), "/")
	if !strings.Contains(text, "://") {
		if _, port, err := net.SplitHostPort(text); err != nil || port == "" {
			return "", fmt.Errorf("address %q is not host:port", address)
		}
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" {
		return "", fmt.Errorf("address %q is neither host:port nor an http URL", address)
	}
	return text, nil
}

// ask is a request, whichever address it goes to.
type ask struct {
	method, path string
	query        url.Values
	body         []byte
	write        bool // it may change something
	repeat       bool // it takes effect once at most, however often it is sent
	timed        bool // the endpoint takes ?timeout=
	refusal      int  // a status whose body is an answer all the same; 0 for none
	store        bool // it is asked of the key-value store
	header       http.Header
	attempt      time.Duration // the most that one address gets, if another can follow; 0 for no limit
}

// call makes one turn through the addresses.
func (c *Client) call(ctx context.Context, a ask, answer any) error {
	limited, cancel := limit(ctx)
	defer cancel()
	var doubt, last error
	var silent silences
	first := int(c.last.Load())
	for i := range c.addresses {
		at := (first + i) % len(c.addresses)
		one, done := share(limited, a, len(c.addresses)-i)
		next, err := c.once(one, c.addresses[at], a, answer)
		done()
		if err == nil {
			c.last.Store(uint32(at))
			return nil
		}
		last = err
		if errors.Is(err, ErrUnknown) {
			doubt = err
		}
		if quiet := (*Silence)(nil); errors.As(err, &quiet) {
			silent = append(silent, quiet)
		}
		if !next || limited.Err() != nil {
			break
		}
	}
	// A later refusal does not take back that an earlier copy may be applied.
	if doubt != nil && errors.Is(last, ErrUnavailable) {
		return doubt
	}
	if len(silent) > 1 && errors.Is(last, ErrUnavailable) && errors.Is(last, silent[len(silent)-1]) {
		return &callError{ErrUnavailable, silent}
	}
	return last
}

// limit is ctx with a deadline.
func limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithValue(ctx, ownLimit{}, true), callLimit)
}

// share gives an attempt its part of the time that is left, if others can
// follow: a service that hangs must not use up theirs.
func share(ctx context.Context, a ask, left int) (context.Context, context.CancelFunc) {
	deadline, has := ctx.Deadline()
	if !has || !a.repeat || left < 2 && a.attempt == 0 {
		return ctx, func() {}
	}
	part := time.Until(deadline) / time.Duration(left)
	if a.attempt > 0 {
		part = min(part, a.attempt)
	}
	return context.WithTimeout(ctx, part)
}

// once asks one address. Next says that another address may be asked.
func (c *Client) once(ctx context.Context, base string, a ask, answer any) (next bool, err error) {
	var connected, written atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }, WroteHeaders: func() { written.Store(true) }})
	begun := time.Now()
	response, err := c.send(traced, base, a)
	if err != nil {
		err = NoAnswer(base, time.Since(begun), err)
		// HTTP/2, which WithHTTPClient may bring, tells that the headers are written
		// only when they are out, and does not wait for that when the time is over.
		if a.write && (written.Load() || connected.Load() && ctx.Err() != nil) {
			return a.repeat, &callError{ErrUnknown, err}
		}
		// No service has seen a whole request: nothing can have come of it.
		return true, &callError{ErrUnavailable, err}
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err == nil && response.StatusCode >= 300 && (response.StatusCode != a.refusal || isProblem(response)) {
		p := problemOf(response, text)
		meaning := a.meaning(p)
		return p.elsewhere() || a.repeat && meaning == ErrUnknown, &callError{meaning, p}
	}
	if err == nil {
		err = json.Unmarshal(text, answer)
	}
	switch {
	case err == nil:
		return false, nil
	case a.write:
		return a.repeat, &callError{ErrUnknown, fmt.Errorf("%s: the answer cannot be read: %w", base, err)}
	}
	return true, &callError{ErrUnavailable, fmt.Errorf("%s: the answer cannot be read: %w", base, err)}
}

// send sends the request to one address.
func (c *Client) send(ctx context.Context, base string, a ask) (*http.Response, error) {
	query := url.Values{}
	for name, values := range a.query {
		query[name] = values
	}
	if deadline, has := ctx.Deadline(); has && a.timed && ctx.Value(ownLimit{}) == nil {
		query.Set("timeout", patience(time.Until(deadline)).String())
	}
	target := base + a.path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, a.method, target, bytes.NewReader(a.body))
	if err != nil {
		return nil, err
	}
	if a.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, values := range a.header {
		request.Header[name] = values
	}
	return c.http.Do(request)
}

// ownLimit marks a context whose deadline is callLimit's.
type ownLimit struct{}

// patience is how long a service may wait so that its answer arrives in time.
func patience(left time.Duration) time.Duration {
	left -= min(100*time.Millisecond, left/10)
	return min(max(left, time.Millisecond), longestWait).Round(time.Microsecond)
}

func isProblem(response *http.Response) bool {
	return strings.HasPrefix(response.Header.Get("Content-Type"), "application/problem+json")
}

// problemOf reads a refusal; what is not problem+json comes from something in
// between, and is told by its status.
func problemOf(response *http.Response, text []byte) *Problem {
	var p Problem
	if isProblem(response) && json.Unmarshal(text, &p) == nil {
		p.Status = response.StatusCode
		return &p
	}
	return &Problem{Title: http.StatusText(response.StatusCode), Status: response.StatusCode,
		Detail: fmt.Sprintf("%s answers %s", response.Request.URL.Host, response.Status)}
}
