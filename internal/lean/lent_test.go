package lean

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	cold    = "DELETE /hot/a HTTP/1.1\r\nHost: x\r\n\r\n"
	coldPut = "PUT /cold HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
	chunks  = "PUT /cold HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
)

// settled waits until net/http has answered so many requests and waits for the
// next: who asks before is answered there, and rightly so.
func (s *served) settled(t *testing.T, answers int32) {
	t.Helper()
	for end := time.Now().Add(patience); s.rests.Load() < answers; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("net/http does not come to rest")
		}
	}
}

// asks sends a request and demands an answer of that edge.
func (s *served) asks(t *testing.T, u *user, text, edge, body string) {
	t.Helper()
	before := s.rests.Load()
	u.send(text)
	u.want(edge, body)
	if edge == "net/http" {
		s.settled(t, before+1)
	}
}

func TestOneRequestThatIsNotHotDoesNotMakeTheNextSlow(t *testing.T) {
	s := serve(t)
	u := s.user(t)
	for range 3 {
		s.asks(t, u, plainPut, "lean", "PUT /hot/a%2Fb ? timeout=1s | abc")
		s.asks(t, u, cold, "net/http", "DELETE /hot/a | ")
		s.asks(t, u, coldPut, "net/http", "PUT /cold | abc")
		s.asks(t, u, plainPut, "lean", "PUT /hot/a%2Fb ? timeout=1s | abc")
		s.asks(t, u, "GET /hot/not HTTP/1.1\r\nHost: x\r\n\r\n", "net/http", "GET /hot/not | ")
	}
	large := strings.Repeat("v", 64<<10)
	s.asks(t, u, "PUT /hot/a HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n"+large+"v", "net/http", "PUT /hot/a | "+large+"v")
	s.asks(t, u, "PUT /hot/a HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\n"+large, "lean", "PUT /hot/a ?  | "+large)
}

// TestAHotRequestMayComeInPieces to a connection that is lent.
func TestAHotRequestMayComeInPieces(t *testing.T) {
	s := serve(t)
	u := s.user(t)
	for i := 1; i < len(plainPut); i++ {
		s.asks(t, u, cold, "net/http", "DELETE /hot/a | ")
		_, err := io.WriteString(u, plainPut[:i])
		must(t, err)
		u.send(plainPut[i:])
		u.want("lean", "PUT /hot/a%2Fb ? timeout=1s | abc")
	}
}

// TestWhatNetHTTPHasOfTheNextRequestIsItsToAnswer: what was sent before the answer
// came.
func TestWhatNetHTTPHasOfTheNextRequestIsItsToAnswer(t *testing.T) {
	s := serve(t)
	u := s.user(t)
	u.send(cold + plainPut)
	u.want("net/http", "DELETE /hot/a | ")
	u.want("net/http", "PUT /hot/a%2Fb?timeout=1s | abc")
	s.settled(t, 2)

	// While the first is being answered, net/http takes one byte.
	u = s.user(t)
	before := s.rests.Load()
	u.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
	<-s.echo.entered
	_, err := io.WriteString(u, plainPut[:1])
	must(t, err)
	u.send(plainPut[1:])
	close(s.echo.gate)
	u.want("net/http", "GET /wait | ")
	u.want("net/http", "PUT /hot/a%2Fb?timeout=1s | abc")
	s.settled(t, before+2)
	s.asks(t, u, plainPut, "lean", "PUT /hot/a%2Fb ? timeout=1s | abc")
}

// TestWhereTheEndOfARequestIsNotCertainTheConnectionStays with who knows it.
func TestWhereTheEndOfARequestIsNotCertainTheConnectionStays(t *testing.T) {
	s := serve(t)
	u := s.user(t)
	s.asks(t, u, plainPut, "lean", "PUT /hot/a%2Fb ? timeout=1s | abc")
	s.asks(t, u, chunks, "net/http", "PUT /cold | abc")
	s.asks(t, u, plainPut, "net/http", "PUT /hot/a%2Fb?timeout=1s | abc")
	s.asks(t, u, cold, "net/http", "DELETE /hot/a | ")
}

func TestALentConnectionEndsWithNetHTTP(t *testing.T) {
	s := serve(t)
	u, silent := s.user(t), s.user(t)
	s.asks(t, u, cold, "net/http", "DELETE /hot/a | ")
	s.asks(t, silent, cold, "net/http", "DELETE /hot/a | ")
	must(t, s.web.Shutdown(context.Background()))
	for _, c := range []*user{u, silent} {
		if _, err := c.in.ReadByte(); err == nil {
			t.Error("the connection is open")
		}
	}
}

// TestOneThatComesBackAtTheEndIsClosed.
func TestOneThatComesBackAtTheEndIsClosed(t *testing.T) {
	s := serve(t)
	u := s.user(t)
	s.asks(t, u, cold, "net/http", "DELETE /hot/a | ")
	must(t, s.edge.Shutdown(context.Background()))
	u.send(plainPut)
	if _, err := u.in.ReadByte(); err == nil {
		t.Error("it is answered")
	}
}

func TestHowManyBytesARequestHas(t *testing.T) {
	head := "PUT / HTTP/1.1\r\n"
	for text, want := range map[string]int{
		cold: len(cold), coldPut: len(coldPut), cold + plainPut: len(cold), chunks: unknown,
		head + "content-LENGTH:  12\t\r\n\r\n":                     len(head) + 24 + 12,
		head + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n":    unknown,
		head + "Content-Length: +1\r\n\r\n":                        unknown,
		head + "Content-Length: \r\n\r\n":                          unknown,
		head + "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n": unknown,
		head + "UPGRADE: x\r\n\r\n":                                unknown,
		head + "A: b\n\r\n\r\n":                                    unknown,
		head + "A: b\r\n":                                          unknown,
	} {
		if got := framed([]byte(text)); got != want {
			t.Errorf("%q has %d bytes, want %d", text, got, want)
		}
	}
}

// TestWithBytesInFrontAConnectionIsNotBetweenTwoRequests, though net/http has
// taken one request to its end: where the next one begins is behind those.
func TestWithBytesInFrontAConnectionIsNotBetweenTwoRequests(t *testing.T) {
	edge := New(testOptions(echo{}.handle))
	for _, watched := range []bool{false, true} {
		l := &lent{from: &conn{edge: edge}}
		l.lend([]byte(cold+plainPut[:9]), 0)
		for _, size := range []int{len(cold), 1} {
			if size == 1 && !watched {
				break
			}
			n, err := l.Read(make([]byte, size))
			must(t, err)
			if n != size {
				t.Fatalf("%d bytes are read, not %d", n, size)
			}
		}
		edge.ConnState(l, http.StateIdle)
		if l.fate.Load() != answering {
			t.Errorf("net/http watches: %v, and it counts as between", watched)
		}
	}
	l := &lent{from: &conn{edge: edge}}
	l.lend([]byte(cold), 0)
	_, err := l.Read(make([]byte, len(cold)))
	must(t, err)
	edge.ConnState(l, http.StateIdle)
	if l.fate.Load() != between {
		t.Error("with nothing in front it does not")
	}
}
