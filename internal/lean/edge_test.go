package lean

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestAHotRequestIsAnsweredHere(t *testing.T) {
	u := serve(t).user(t)
	u.send(plainPut)
	r := u.want("lean", "PUT /hot/a%2Fb ? timeout=1s | abc")
	if _, err := http.ParseTime(r.Header.Get("Date")); err != nil || r.StatusCode != http.StatusCreated || r.ContentLength != 33 || r.Close {
		t.Errorf("%+v, %v", r, err)
	}
	u.send("POST /hot/b HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
	if r := u.want("lean", "POST /hot/b ?  | {}"); !r.Close {
		t.Error("it does not say that it closes the connection")
	}
	if _, err := u.in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last answer comes %v", err)
	}
}

// TestPipelinedRequestsAreAnsweredInOrder, however they come in.
func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	var all string
	for i := range 20 {
		all += fmt.Sprintf("PUT /hot/%d HTTP/1.1\r\nHost: x\r\nContent-Length: 300\r\n\r\n%0300d", i, i)
	}
	for _, size := range []int{1, 7, 100, 1000, len(all)} {
		u := serve(t).user(t)
		go func() {
			for rest := all; rest != ""; {
				n := min(size, len(rest))
				if _, err := io.WriteString(u, rest[:n]); err != nil {
					return
				}
				rest = rest[n:]
			}
		}()
		for i := range 20 {
			u.want("lean", fmt.Sprintf("PUT /hot/%d ?  | %0300d", i, i))
		}
	}
}

func TestALargeBodyIsReadAndALargerOneIsHandedOver(t *testing.T) {
	s := serve(t)
	for size, edge := range map[int]string{5000: "lean", 60 << 10: "lean", 64 << 10: "lean", 64<<10 + 1: "net/http"} {
		u := s.user(t)
		body := strings.Repeat("v", size)
		for range 2 {
			u.send(fmt.Sprintf("PUT /hot/a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", size, body))
			r, b := u.hear()
			if r.Header.Get("X-Edge") != edge || !strings.HasSuffix(b, " | "+body) {
				t.Errorf("%d bytes: %d bytes come back from %s", size, len(b), r.Header.Get("X-Edge"))
			}
		}
	}
}

// TestWhatIsNotHotArrivesAtNetHTTPByteForByte, with all that was sent with it.
func TestWhatIsNotHotArrivesAtNetHTTPByteForByte(t *testing.T) {
	others := append([]string{"GET /cold HTTP/1.1\r\nHost: x\r\n\r\n", "GET /hot/not HTTP/1.1\r\nHost: x\r\n\r\n"}, outsiders...)
	for _, text := range others {
		in := newPipes()
		edge := New(testOptions(echo{}.handle))
		var running sync.WaitGroup
		running.Go(func() { edge.Serve(in) })
		c := in.dial()
		go func() { _, _ = io.WriteString(c, plainPut+text+plainPut) }()
		u := &user{c, nil, t}
		first := make([]byte, 1024)
		n, err := c.Read(first)
		must(t, err)
		if !bytes.Contains(first[:n], []byte("X-Edge: lean")) {
			t.Fatalf("%q", first[:n])
		}
		got, err := edge.Accept()
		must(t, err)
		whole := make([]byte, len(text+plainPut))
		if _, err := io.ReadFull(got, whole); err != nil || string(whole) != text+plainPut {
			t.Errorf("of %q arrives %q, %v", text, whole, err)
		}
		// Both ways go on.
		go func() { _, _ = got.Write([]byte("answer")) }()
		if _, err := io.ReadFull(u, first[:6]); err != nil || string(first[:6]) != "answer" {
			t.Errorf("what was handed over answers %q, %v", first[:6], err)
		}
		for end := time.Now().Add(patience); edge.Open() > 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the connection is still the edge's")
			}
		}
		must(t, got.Close())
		must(t, edge.Close())
		running.Wait()
	}
}

func TestAnAnswerMayComeInParts(t *testing.T) {
	s := serve(t)
	u := s.user(t)
	u.send("GET /hot/rest HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, b := u.hear(); b != "front rest" {
		t.Errorf("%q", b)
	}
	u.send("GET /hot/large HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, b := u.hear(); len(b) != 1<<20 {
		t.Errorf("%d bytes", len(b))
	}
	u.send("GET /hot/cut HTTP/1.1\r\nHost: x\r\n\r\n")
	r, err := http.ReadResponse(u.in, nil)
	must(t, err)
	if b, err := io.ReadAll(r.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("what breaks off is taken for a whole: %q, %v", b, err)
	}
}

func TestAPanicEndsOneConnection(t *testing.T) {
	s := serve(t)
	u, other := s.user(t), s.user(t)
	u.send("GET /hot/panic HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := u.in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("its connection gives %v", err)
	}
	if why := <-s.broken; why != "as asked" {
		t.Errorf("it is told %v", why)
	}
	other.send(plainPut)
	other.want("lean", "PUT /hot/a%2Fb ? timeout=1s | abc")
}

// TestWhoeverIsAnsweredIsWaitedForAtTheEnd, and who asked nothing is not.
func TestWhoeverIsAnsweredIsWaitedForAtTheEnd(t *testing.T) {
	s := serve(t)
	asking, silent := s.user(t), s.user(t)
	silent.send(plainPut)
	silent.want("lean", "PUT /hot/a%2Fb ? timeout=1s | abc")
	asking.send("GET /hot/wait HTTP/1.1\r\nHost: x\r\n\r\n")
	<-s.echo.entered
	over := make(chan error, 1)
	go func() { over <- s.edge.Shutdown(context.Background()) }()
	if _, err := silent.in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("a silent connection gives %v", err)
	}
	select {
	case err := <-over:
		t.Fatalf("it ended with a request under way: %v", err)
	default:
	}
	close(s.echo.gate)
	if r := asking.want("lean", "GET /hot/wait ?  | "); !r.Close {
		t.Error("the last answer does not say that it is the last")
	}
	must(t, <-over)
	if _, err := s.edge.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after the end it gives %v", err)
	}
}

func TestTheEndDoesNotWaitForEver(t *testing.T) {
	s := serve(t)
	u := s.user(t)
	u.send("GET /hot/wait HTTP/1.1\r\nHost: x\r\n\r\n")
	<-s.echo.entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.edge.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
	s.edge.Abort()
	if _, err := u.in.ReadByte(); err == nil {
		t.Error("the connection is open")
	}
	close(s.echo.gate)
}

func TestAnEdgeThatIsClosedBeforeItServesTakesNothing(t *testing.T) {
	e, in := New(testOptions(echo{}.handle)), newPipes()
	must(t, e.Close())
	e.Serve(in)
	if _, err := e.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("it accepts: %v", err)
	}
}

// TestWhoeverIsSlowIsHeldNoLongerThanByNetHTTP: the times are those of
// testOptions, and of the server behind it.
func TestWhoeverIsSlowIsHeldNoLongerThanByNetHTTP(t *testing.T) {
	for what, c := range map[string]struct {
		text   string
		held   time.Duration
		answer bool
	}{
		"nothing at all":          {"", 5 * time.Second, false},
		"half a first line":       {"PUT /ho", 5 * time.Second, false},
		"half a head":             {"PUT /hot/a HTTP/1.1\r\nHost: x\r\nContent-", 5 * time.Second, false},
		"an answer and then none": {"GET /hot/a HTTP/1.1\r\nHost: x\r\n\r\n", time.Minute, true},
		"an answer and then half": {"GET /hot/a HTTP/1.1\r\nHost: x\r\n\r\nGET", 5 * time.Second, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := serve(t)
			u := s.user(t)
			begun := time.Now()
			if c.text != "" { // an empty write would be read
				u.send(c.text)
			}
			if c.answer {
				u.want("lean", "GET /hot/a ?  | ")
			}
			_, err := io.ReadAll(u.in) // net/http may say a word
			if took := time.Since(begun); took != c.held {
				t.Errorf("%s: after %v, %v; %v is its time", what, took, err, c.held)
			}
			s.stop()
		})
	}
}

// TestABodyThatDoesNotComeIsNetHTTPsToWaitFor.
func TestABodyThatDoesNotComeIsNetHTTPsToWaitFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		u := s.user(t)
		begun := time.Now()
		u.send("PUT /hot/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na")
		time.AfterFunc(3*time.Second, func() { u.send("bc" + plainPut) })
		u.want("net/http", "PUT /hot/a | abc")
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("it took %v", took)
		}
		u.want("net/http", "PUT /hot/a%2Fb?timeout=1s | abc")
		s.stop()
	})
}

// TestWhoeverStopsReadingIsHungUpOn: in the time of a part, and not before.
func TestWhoeverStopsReadingIsHungUpOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		u := s.user(t)
		begun := time.Now()
		u.send("GET /hot/large HTTP/1.1\r\nHost: x\r\n\r\n")
		some := make([]byte, 100<<10)
		_, err := io.ReadFull(u.in, some)
		must(t, err)
		synctest.Wait()
		for ; s.edge.Open() > 0; time.Sleep(time.Second) {
		}
		if took := time.Since(begun); took < 7*time.Second || took > 11*time.Second {
			t.Errorf("it was waited for %v", took)
		}
		s.stop()
	})
}

// failing is a listener that cannot accept for a while, and then for good.
type failing struct {
	net.Listener
	left int
}

type tooMany struct{ error }

func (tooMany) Temporary() bool { return true }

var errBroken = errors.New("broken")

func (f *failing) Accept() (net.Conn, error) {
	if f.left--; f.left >= 0 {
		return nil, tooMany{errBroken}
	}
	return nil, errBroken
}

func TestAListenerThatFailsForAWhileIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, begun := New(testOptions(echo{}.handle)), time.Now()
		e.Serve(&failing{newPipes(), 4})
		if took := time.Since(begun); took != (5+10+20+40)*time.Millisecond {
			t.Errorf("it gave up after %v", took)
		}
		if _, err := e.Accept(); !errors.Is(err, errBroken) {
			t.Errorf("it says %v", err)
		}
	})
}
