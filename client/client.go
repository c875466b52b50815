package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
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
	ways      []*way       // to each address, for commands; nil: requests only
	commands  atomic.Int64 // that were begun, up to streamFrom
}

// Option changes how a Client is made.
type Option func(*Client)

// WithHTTPClient makes the Client use h, for TLS, proxies or tests. Its
// Timeout, if any, ends calls whose outcome is then unknown; it is for requests,
// so a Client with one opens no streams.
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
	if c.http.Timeout == 0 {
		for _, base := range c.addresses {
			c.ways = append(c.ways, newWay(base, c.http.Transport))
		}
	}
	return c, nil
}

// Close closes connections that are kept open for the next call.
func (c *Client) Close() {
	for _, w := range c.ways {
		w.leave()
	}
	c.http.CloseIdleConnections()
}

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
