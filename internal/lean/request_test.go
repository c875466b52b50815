package lean

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

const plainPut = "PUT /hot/a%2Fb?timeout=1s HTTP/1.1\r\nHost: x:1\r\nContent-Length: 3\r\nIdempotency-Key: k\r\n\r\nabc"

// insiders are requests of the subset.
var insiders = []string{
	plainPut,
	"GET /hot/a HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET /hot/a HTTP/1.1\r\nhost: x\r\nACCEPT: */*\r\nUser-Agent: curl/8\r\nAccept-Encoding: gzip\r\n\r\n",
	"POST /hot/a HTTP/1.1\r\nHost: x\r\nContent-Type:  application/json \r\nContent-Length: 2\r\nConnection: Keep-Alive\r\n\r\n{}",
	"POST /hot/a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
	"PUT /hot/a+b!$&'()*,=:@~ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nPaxos-Session-Token: 00\r\nX-Request-Id: 1\r\nX-Request-Id: 2\r\n\r\n\x00",
}

// outsiders are none, each for a reason of its own.
var outsiders = []string{
	"HEAD /hot/a HTTP/1.1\r\nHost: x\r\n\r\n",
	"DELETE /hot/a HTTP/1.1\r\nHost: x\r\n\r\n",
	"GETX /hot/a HTTP/1.1\r\nHost: x\r\n\r\n",
	"get /hot/a HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET /hot/a HTTP/1.0\r\nHost: x\r\n\r\n",
	"GET /hot/a HTTP/1.1 \r\nHost: x\r\n\r\n",
	"GET  /hot/a HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET /hot/a b HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET http://x/hot/a HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET /hot/a#b HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET /hot/\"a HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET /hot/\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET /hot/a;b HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET /hot/%zz HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET /hot/%2 HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET /hot/a HTTP/1.1\r\n\r\n",
	"GET /hot/a HTTP/1.1\r\nHost: x\r\nAccept:\r\n\r\n",
	"GET /hot/a HTTP/1.1\r\nHost: \r\n\r\n",
	"GET /hot/a HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
	"GET /hot/a HTTP/1.1\r\nHost: x/y\r\n\r\n",
	"GET /hot/a HTTP/1.1\nHost: x\n\n",
	"GET /hot/a HTTP/1.1\r\nHost: x\n\r\n",
	"GET /hot/a HTTP/1.1\r\nHost: x\r\n\n",
	"GET /hot/a HTTP/1.1\r\nHost: x\r\nAccept: a\rb\r\n\r\n",
	"GET /hot/a HTTP/1.1\r\nHost: x\r\nAccept: a\r\n b\r\n\r\n",
	"GET /hot/a HTTP/1.1\r\nHost: x\r\nAccept: a\x00b\r\n\r\n",
	"GET /hot/a HTTP/1.1\r\nHost: x\r\nAccept: a\tb\r\n\r\n",
	"GET /hot/a HTTP/1.1\r\nHost : x\r\n\r\n",
	"GET /hot/a HTTP/1.1\r\n Host: x\r\n\r\n",
	"GET /hot/a HTTP/1.1\r\nHost: x\r\nAccept : a\r\n\r\n",
	"GET /hot/a HTTP/1.1\r\nHost: x\r\nAccept\r\n\r\n",
	"GET /hot/a HTTP/1.1\r\nHost: x\r\nAccept: a\r\nAccept: b\r\n\r\n",
	"GET /hot/a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
	"GET /hot/a HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n\r\n",
	"GET /hot/a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\r\n",
	"GET /hot/a HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, close\r\n\r\n",
	"GET /hot/a HTTP/1.1\r\nHost: x\r\nIf-None-Match: \"1\"\r\n\r\n",
	"GET /hot/a HTTP/1.1\r\nHost: x\r\nX-Whatever: 1\r\n\r\n",
	"PUT /hot/a HTTP/1.1\r\nHost: x\r\n\r\n",
	"PUT /hot/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
	"PUT /hot/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
	"PUT /hot/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\na",
	"PUT /hot/a HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na",
	"PUT /hot/a HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\na",
	"PUT /hot/a HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\na",
	"PUT /hot/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1 1\r\n\r\na",
	"PUT /hot/a HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\na",
	"PUT /hot/a HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551617\r\n\r\na",
	"PUT /hot/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
	"PUT /hot/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
	"PUT /hot/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\na",
	"PUT /hot/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTrailer: a\r\n\r\na",
	"\r\nGET /hot/a HTTP/1.1\r\nHost: x\r\n\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	"nonsense",
}

func TestTheSubsetIsReadAsNetHTTPReadsIt(t *testing.T) {
	for _, text := range insiders {
		if !sameAsNetHTTP(t, []byte(text)) {
			t.Errorf("%q is taken for none of the subset", text)
		}
	}
}

func TestWhatIsOutsideTheSubsetIsNotRead(t *testing.T) {
	for _, text := range outsiders {
		var r Request
		if _, v := r.parse([]byte(text)); v != foreign {
			t.Errorf("%q is taken for one of the subset (%d)", text, v)
		}
	}
}

// TestWhatIsNotWholeIsWaitedFor: and nothing is made of it before it is whole.
func TestWhatIsNotWholeIsWaitedFor(t *testing.T) {
	for _, text := range insiders {
		end := strings.Index(text, "\r\n\r\n") + 4
		for n := range end {
			var r Request
			if _, v := r.parse([]byte(text[:n])); v != partial {
				t.Errorf("%q: %d", text[:n], v)
			}
		}
	}
	var r Request
	long := "GET /hot/a HTTP/1.1\r\nHost: x\r\nAccept: " + strings.Repeat("a", headMost)
	for _, text := range []string{long, long + "\r\n\r\n", strings.Repeat("G", headMost+1), "GET /" + strings.Repeat("a", headMost)} {
		if _, v := r.parse([]byte(text)); v != foreign {
			t.Errorf("a head of %d bytes: %d", len(text), v)
		}
	}
}

// sameAsNetHTTP demands that what is read here is what net/http reads in the same
// bytes, to the last one; it reports false if it is not read here.
func sameAsNetHTTP(t *testing.T, b []byte) bool {
	t.Helper()
	var r Request
	size, v := r.parse(b)
	if v != plain || len(b) < size+r.length {
		return false
	}
	in := bufio.NewReader(bytes.NewReader(b))
	theirs, err := http.ReadRequest(in)
	if err != nil {
		t.Fatalf("%q: net/http reads no request: %v", b, err)
	}
	body, err := io.ReadAll(theirs.Body)
	must(t, err)
	rest, err := io.ReadAll(in)
	must(t, err)
	if string(rest) != string(b[size+r.length:]) || string(body) != string(b[size:size+r.length]) || theirs.ContentLength != int64(r.length) {
		t.Fatalf("%q: net/http ends it elsewhere: %q, and %q follows", b, body, rest)
	}
	target := string(r.Path)
	if i := bytes.IndexByte(b, '?'); i > 0 && i < bytes.Index(b, lineEnd) {
		target += "?" + string(r.Query)
	}
	if theirs.Method != r.Method || theirs.RequestURI != target || theirs.Close != r.last || len(theirs.TransferEncoding) > 0 || len(theirs.Trailer) > 0 {
		t.Fatalf("%q: net/http reads %+v", b, theirs)
	}
	if p := theirs.URL.EscapedPath(); p != string(r.Path) {
		t.Fatalf("%q: the path is %q there, %q here", b, p, r.Path)
	}
	for h, name := range map[Header]string{Accept: "Accept", ContentType: "Content-Type", IdempotencyKey: "Idempotency-Key", SessionToken: "Paxos-Session-Token"} {
		list := theirs.Header.Values(name)
		if len(list) > 1 || len(list) == 1 != (r.Header(h) != nil) || len(list) == 1 && list[0] != string(r.Header(h)) {
			t.Fatalf("%q: %s is %q there, %q here", b, name, list, r.Header(h))
		}
	}
	return true
}

// FuzzRequests: there is no request that the two read differently, and none that
// is read from a part of it.
func FuzzRequests(f *testing.F) {
	for _, text := range append(insiders, outsiders...) {
		f.Add([]byte(text))
		f.Add([]byte(text + plainPut))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		sameAsNetHTTP(t, b)
		var r Request
		size, v := r.parse(b)
		for n := range b {
			var part Request
			switch s, w := part.parse(b[:n]); {
			case v == plain && n < size && w == plain, v == plain && n < size && w == foreign:
				t.Fatalf("%q: its first %d bytes are %d", b, n, w)
			case v == plain && n >= size && (w != plain || s != size):
				t.Fatalf("%q: with %d bytes of the body it is %d", b, n, w)
			}
		}
	})
}
