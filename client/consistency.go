package client

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Consistency says how fresh a read must be. It is a ReadOption; without one a
// read is Linearizable. Every answer says how fresh it is, and a read that
// cannot be answered in time fails: it never gives an older answer.
type Consistency struct {
	name   string
	maxAge time.Duration
	token  string
}

var (
	// Linearizable: the read sees every write that was answered before the read
	// began, whoever wrote it. It needs a quorum of acceptors.
	Linearizable = Consistency{name: "linearizable"}
	// Session: the read sees at least what this Client has written and read
	// before. It needs one learner that is that far.
	Session = Consistency{name: "session"}
	// Stale: what one learner has, however old.
	Stale = Consistency{name: "stale"}
)

// Bounded: the state was the latest at most that long before the answer, in
// whole milliseconds. Within that time it needs no quorum.
func Bounded(age time.Duration) Consistency { return Consistency{name: "bounded", maxAge: age} }

// SessionAfter is Session for what another client has seen: the token is its
// SessionToken, or that of one of its answers.
func SessionAfter(token string) Consistency { return Consistency{name: "session", token: token} }

// ParseConsistency reads "linearizable", "session", "bounded" or "stale", ""
// being linearizable. MaxAge is for bounded, and must be 0 for the others.
func ParseConsistency(name string, maxAge time.Duration) (Consistency, error) {
	switch name {
	case "", "linearizable", "session", "stale":
		if maxAge != 0 {
			return Consistency{}, fmt.Errorf("a highest age belongs to the consistency bounded, not to %q", name)
		}
		if name == "" {
			name = "linearizable"
		}
	case "bounded":
		if maxAge < time.Millisecond {
			return Consistency{}, fmt.Errorf("the consistency bounded needs a highest age of at least 1ms, not %v", maxAge)
		}
	default:
		return Consistency{}, fmt.Errorf("consistency %q is none of linearizable, session, bounded, stale", name)
	}
	return Consistency{name: name, maxAge: maxAge}, nil
}

// String gives its name, and for Bounded the age.
func (l Consistency) String() string {
	switch l.name {
	case "":
		return Linearizable.name
	case "bounded":
		return l.name + " " + l.maxAge.String()
	}
	return l.name
}

func (l Consistency) read(r *reading) { r.consistency = l }

// tell puts it into a request.
func (l Consistency) tell(c *Client, query url.Values, header http.Header) {
	if l.name == "" || l == Linearizable {
		return
	}
	query.Set("consistency", l.name)
	if l.name == "bounded" {
		query.Set("max_age", l.maxAge.String())
	}
	if l.name == "session" {
		token := l.token
		if token == "" {
			token = c.SessionToken()
		}
		if token != "" {
			header.Set(HeaderToken, token)
		}
	}
}

// ReadOption changes one read: a Consistency, AtRevision, Limit, PageSize,
// KeysOnly.
type ReadOption interface{ read(*reading) }

type reading struct {
	consistency Consistency
	query       url.Values
	most, page  int // keys in all, and of a page; 0 is not said
}

type readOption func(*reading)

func (o readOption) read(r *reading) { o(r) }

// AtRevision reads the store as it was at a revision; 0 is now. ErrCompacted:
// that one is no longer kept.
func AtRevision[N ~uint64](revision N) ReadOption {
	return readOption(func(r *reading) {
		if revision != 0 {
			r.query.Set("revision", number(revision))
		}
	})
}

// Limit is how many keys a range gives at most; 0 is all of them. Of Page, which
// gives one page, it is that page's, and 10,000 is the most.
func Limit(keys int) ReadOption { return readOption(func(r *reading) { r.most = keys }) }

// PageSize is how many keys a range asks for at once, 1 to 10,000; 1,000 without
// it. It changes how often a service is asked, and not what is given.
func PageSize(keys int) ReadOption { return readOption(func(r *reading) { r.page = keys }) }

// KeysOnly leaves the values out.
func KeysOnly() ReadOption {
	return readOption(func(r *reading) { r.query.Set("keys_only", "") })
}

// readingOf is what the options say together.
func readingOf(opts []ReadOption) reading {
	r := reading{query: url.Values{}}
	for _, o := range opts {
		o.read(&r)
	}
	return r
}

// readAsk is a read of a path of the store.
func (c *Client) readAsk(path string, opts []ReadOption) ask {
	r := readingOf(opts)
	size := r.page
	if r.most != 0 && (size == 0 || r.most < size) {
		size = r.most
	}
	if size != 0 {
		r.query.Set("limit", strconv.Itoa(size))
	}
	header := http.Header{"Accept": {"application/json"}}
	r.consistency.tell(c, r.query, header)
	return ask{method: http.MethodGet, path: path, query: r.query, repeat: true, timed: true, header: header}
}
