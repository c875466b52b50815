package lean

import "bytes"

// Header is one of the headers that a request of the subset may have.
type Header int

// The headers that mean something to an endpoint. Others that are let through
// mean nothing to any (see known).
const (
	Accept Header = iota
	ContentType
	IdempotencyKey
	SessionToken
	headers

	host = headers + iota
	contentLength
	connection
	harmless
	none
)

// Request is a request of the subset. What it holds is good until its handler
// returns.
type Request struct {
	Method      string
	Path, Query []byte // as they were sent, percent-encoded
	Body        []byte

	header [headers][]byte
	given  uint // bits of the headers that are there, twice is too often
	length int  // of the body
	last   bool // Connection: close
}

// Header gives the value of a header, nil if it is not there.
func (r *Request) Header(h Header) []byte { return r.header[h] }

// verdict is what is known of the bytes at hand.
type verdict int

const (
	plain   verdict = iota // a request of the subset
	partial                // it may become one
	foreign                // it is none
)

const noLength = -1

var (
	methods = [...]string{"GET", "PUT", "POST"}
	version = []byte(" HTTP/1.1")
	lineEnd = []byte("\r\n")
	headEnd = []byte("\r\n\r\n")
)

// parse reads a head, and tells its size.
func (r *Request) parse(b []byte) (int, verdict) {
	*r = Request{length: noLength}
	end := bytes.Index(b, headEnd)
	head := b
	if end >= 0 {
		head = b[:end+len(lineEnd)]
	}
	line, rest, whole := bytes.Cut(head, lineEnd)
	switch {
	case !whole && end < 0 && begins(line) && len(b) < headMost && !bare(b):
		return 0, partial
	case !whole || !r.first(line):
		return 0, foreign
	case end < 0 && len(b) < headMost && !bare(b):
		return 0, partial
	case end < 0 || end > headMost:
		return 0, foreign
	}
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, lineEnd)
		if !r.field(line) {
			return 0, foreign
		}
	}
	if r.given&(1<<host) == 0 || (r.length == noLength) != (r.Method == "GET") {
		return 0, foreign
	}
	r.length = max(r.length, 0)
	return end + len(headEnd), plain
}

// begins reports whether a line that is not whole may be a first one.
func begins(line []byte) bool {
	for _, m := range methods {
		n := min(len(line), len(m))
		if string(line[:n]) == m[:n] && (len(line) == n || line[n] == ' ') {
			return true
		}
	}
	return false
}

// bare reports whether a line ends without a carriage return, which net/http
// would take.
func bare(b []byte) bool {
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return false
		}
		if i == 0 || b[i-1] != '\r' {
			return true
		}
		b = b[i+1:]
	}
}

// first reads the first line.
func (r *Request) first(line []byte) bool {
	method, rest, _ := bytes.Cut(line, []byte{' '})
	for _, m := range methods {
		if string(method) == m {
			r.Method = m
		}
	}
	target, ok := bytes.CutSuffix(rest, version)
	if r.Method == "" || !ok || len(target) == 0 || target[0] != '/' {
		return false
	}
	for i, c := range target {
		if !targetBytes[c] || c == '%' && (i+2 >= len(target) || !isHex(target[i+1]) || !isHex(target[i+2])) {
			return false
		}
	}
	r.Path, r.Query, _ = bytes.Cut(target, []byte{'?'})
	return true
}

// targetBytes are those that net/http takes in a target as they are, and that
// mean nothing else to it.
var targetBytes = func() (ok [256]bool) {
	for c := range 256 {
		ok[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
	}
	for _, c := range []byte("-._~!$&'()*+,=:@/%?") {
		ok[c] = true
	}
	return ok
}()

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// field reads a header line.
func (r *Request) field(line []byte) bool {
	name, value, ok := bytes.Cut(line, []byte{':'})
	if !ok {
		return false
	}
	for _, c := range value {
		if c < ' ' || c > '~' {
			return false
		}
	}
	value = bytes.Trim(value, " ")
	h := known(name)
	if h == none || r.given&(1<<h) != 0 && h != harmless {
		return false
	}
	r.given |= 1 << h
	switch h {
	case host:
		return plainHost(value)
	case contentLength:
		return r.readLength(value)
	case connection:
		r.last = fold(value, "close")
		return r.last || fold(value, "keep-alive")
	case harmless:
	default:
		r.header[h] = value
		return len(value) > 0
	}
	return true
}

func plainHost(value []byte) bool {
	for _, c := range value {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == ':' || c == '_') {
			return false
		}
	}
	return len(value) > 0
}

func (r *Request) readLength(value []byte) bool {
	if len(value) == 0 || len(value) > 9 {
		return false
	}
	r.length = 0
	for _, c := range value {
		if c < '0' || c > '9' {
			return false
		}
		r.length = 10*r.length + int(c-'0')
	}
	return true
}

// known tells the headers of the subset apart. Those that are harmless mean
// nothing to any endpoint, however often they come.
func known(name []byte) Header {
	switch len(name) {
	case 4:
		return named(name, "host", host)
	case 6:
		if fold(name, "pragma") || fold(name, "origin") {
			return harmless
		}
		return named(name, "accept", Accept)
	case 10:
		if fold(name, "user-agent") || fold(name, "tracestate") {
			return harmless
		}
		return named(name, "connection", connection)
	case 11:
		return named(name, "traceparent", harmless)
	case 12:
		if fold(name, "x-request-id") {
			return harmless
		}
		return named(name, "content-type", ContentType)
	case 13:
		return named(name, "cache-control", harmless)
	case 14:
		return named(name, "content-length", contentLength)
	case 15:
		if fold(name, "accept-encoding") || fold(name, "accept-language") {
			return harmless
		}
		return named(name, "idempotency-key", IdempotencyKey)
	case 19:
		return named(name, "paxos-session-token", SessionToken)
	}
	return none
}

func named(name []byte, want string, h Header) Header {
	if fold(name, want) {
		return h
	}
	return none
}

// fold compares text with letters in lower case, whatever the case of its own.
func fold(text []byte, lower string) bool {
	if len(text) != len(lower) {
		return false
	}
	for i, c := range text {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
