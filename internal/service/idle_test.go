package service_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"paxos/internal/raced"
	"paxos/test/ports"
)

// figures are what a node's /metrics says of its process.
type figures struct{ goroutines, files, memory float64 }

func figuresOf(t testing.TB, address string) (f figures) {
	t.Helper()
	code, b, err := get(address, "/metrics")
	must(t, err)
	if code != http.StatusOK {
		t.Fatalf("/metrics says %d: %s", code, b)
	}
	find := map[string]*float64{"go_goroutines": &f.goroutines, "process_open_fds": &f.files, "process_resident_memory_bytes": &f.memory}
	for lines := bufio.NewScanner(strings.NewReader(string(b))); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if to := find[name]; to != nil {
			*to, err = strconv.ParseFloat(value, 64)
			must(t, err)
			delete(find, name)
		}
	}
	if len(find) > 0 {
		t.Fatalf("/metrics does not show %v", find)
	}
	return f
}

func (f figures) String() string {
	return fmt.Sprintf("%.0f goroutines, %.0f files, %.0f MB", f.goroutines, f.files, f.memory/1e6)
}

// crowd opens connections that say nothing.
func crowd(t testing.TB, address string, n int) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, n)
	var group errgroup.Group
	group.SetLimit(16)
	for i := range conns {
		group.Go(func() (err error) {
			conns[i], err = net.Dial("tcp", address)
			return err
		})
	}
	err := group.Wait()
	t.Cleanup(func() { disperse(conns) })
	must(t, err)
	return conns
}

func disperse(conns []net.Conn) {
	for _, c := range conns {
		if c != nil {
			_ = c.(*net.TCPConn).SetLinger(0) // leave no port behind that waits
			_ = c.Close()
		}
	}
}

const idlers = 10_000

// filesFor makes sure that this process may have as many files as the crowd needs.
func filesFor(t testing.TB, n uint64) {
	t.Helper()
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	if limit.Max < n {
		t.Skipf("!!! only %d files may be open here, and %d are needed: idle connections are NOT tested", limit.Max, n)
	}
	limit.Cur = max(limit.Cur, n)
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
}

func TestTenThousandIdleConnectionsHarmNobody(t *testing.T) {
	t.Parallel()
	filesFor(t, idlers+500)
	p := launch(t, "acceptor", ports.Free(t), nil, "--data", filepath.Join(t.TempDir(), "data"), "--allow-unsafe-filesystem")
	initialise(t, p.address)
	before := figuresOf(t, p.address)
	t.Logf("before: %v", before)
	var first figures
	asked := 0
	for wave := range 2 {
		began := time.Now()
		conns := crowd(t, p.address, idlers)
		opened := time.Since(began)
		for range 20 {
			asked++
			path, body := question(asked)
			began := time.Now()
			if code, b, err := post(p.address, path, body); err != nil || code != http.StatusOK {
				t.Fatalf("beside %d idle connections %s says %d %s %v", idlers, path, code, b, err)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("beside %d idle connections an answer took %v", idlers, took)
			}
		}
		during := figuresOf(t, p.address)
		t.Logf("wave %d, open after %v: %v", wave+1, opened, during)
		if opened < 4*time.Second && during.files < idlers/2 {
			t.Errorf("the connections are not open: %v", during)
		}
		wantHungUp(t, conns[len(conns)-1])
		until(t, "the silent are gone", func() bool {
			f := figuresOf(t, p.address)
			return f.files < before.files+100 && f.goroutines < before.goroutines+100
		})
		disperse(conns)
		after := figuresOf(t, p.address)
		t.Logf("wave %d, after: %v", wave+1, after)
		if wave == 0 {
			first = after
		} else if after.memory > 1.3*first.memory && !raced.On { // the detector keeps a shadow of all that ever was
			t.Errorf("the second crowd left more than the first: %v, then %v", first, after)
		}
		if during.memory-before.memory > idlers*100_000 && !raced.On {
			t.Errorf("more than 100 kB for a connection: %v, then %v", before, during)
		}
	}
	p.stop(t)
}

// wantHungUp demands that the node closes a connection that says nothing.
func wantHungUp(t testing.TB, c net.Conn) {
	t.Helper()
	must(t, c.SetReadDeadline(time.Now().Add(patience)))
	b, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a connection that says nothing is still open after %v", patience)
	}
	if len(b) > 0 && !strings.Contains(string(b), "408") {
		t.Errorf("it was told %q", b)
	}
}
