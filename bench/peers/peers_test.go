package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"paxos/bench/system"
)

const (
	quorum  = 2
	page    = 4096 // the least that a synced write dirties
	patient = 30 * time.Second
)

// ways are all ways to each peer; the first one is used where one is enough.
var ways = map[string][]string{
	"etcd": {"grpc", "grpc-all", "http"}, "etcd-tuned": {"grpc-all"},
	"dragonboat": {"http"}, "dragonboat-tuned": {"http"}, "nats": {"native"}, "rqlite": {"http"},
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// started builds a peer and starts it on a real disk.
func started(t *testing.T, name string) system.System {
	t.Helper()
	must(t, Build(t.Context(), "..", programs, name))
	c, err := New(name, programs)
	must(t, err)
	dir, err := os.MkdirTemp(".", "bench-data-")
	must(t, err)
	dir, err = filepath.Abs(dir)
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	t.Cleanup(func() { must(t, c.Stop()) })
	must(t, c.Start(t.Context(), dir))
	if n := len(c.Processes()); n != 3 {
		t.Fatalf("%s has %d processes", name, n)
	}
	return c
}

var programs string

func TestMain(m *testing.M) {
	code := func() int {
		dir, err := os.MkdirTemp("", "peers-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		programs = dir
		defer func() { _ = os.RemoveAll(dir) }()
		return m.Run()
	}()
	os.Exit(code)
}

func user(t *testing.T, c system.System, protocol string, n int) system.User {
	t.Helper()
	w, err := c.Way(protocol)
	must(t, err)
	t.Cleanup(func() { must(t, w.Close()) })
	u, err := w.User(n)
	must(t, err)
	return u
}

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	t.Cleanup(cancel)
	return ctx
}

func TestEveryPeerIsUsedSyncedAndOutlivesItsLeader(t *testing.T) {
	for _, name := range Names() {
		if strings.HasSuffix(name, "-gogc") {
			continue // the same, but for what the next test looks at
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait more than they work
			if len(ways[name]) == 0 {
				t.Fatalf("no way to %s is tested", name)
			}
			c := started(t, name)
			if got := c.Name(); got != name {
				t.Errorf("%s is called %s", name, got)
			}
			for _, w := range ways[name] {
				use(t, c, w)
			}
			synced(t, c, ways[name][0])
			outlives(t, c, ways[name][0])
			processes := c.Processes()
			must(t, c.Stop())
			must(t, c.Stop())
			for _, p := range processes {
				if err := syscall.Kill(p, 0); !errors.Is(err, syscall.ESRCH) {
					t.Errorf("process %d is still there: %v", p, err)
				}
			}
			if _, err := c.Way("pigeons"); !errors.Is(err, system.ErrNot) {
				t.Errorf("a way that there is not: %v", err)
			}
		})
	}
}

func gives(t *testing.T, u system.User, key, want string) {
	t.Helper()
	got, err := u.Get(limited(t), key, false)
	if err != nil || string(got) != want {
		t.Errorf("%s is %.60q, %v; it was written as %.60q", key, got, err, want)
	}
}

// use does once what the bench does.
func use(t *testing.T, c system.System, protocol string) {
	t.Helper()
	one, other := user(t, c, protocol, 0), user(t, c, protocol, 1)
	for _, stale := range []bool{false, true} {
		if got, err := one.Get(limited(t), protocol+"/missing", stale); !errors.Is(err, system.ErrMissing) {
			t.Errorf("%s: a key that nobody wrote gives %q, %v", protocol, got, err)
		}
	}
	for i, size := range []int{1, 256, 16 << 10} {
		key, value := protocol+"/key/"+strconv.Itoa(i), strings.Repeat("v", size)
		must(t, one.Put(limited(t), key, []byte("before")))
		must(t, one.Put(limited(t), key, []byte(value)))
		gives(t, other, key, value)
		stale(t, other, key, value)
	}
	var keys []string
	var values [][]byte
	for i := range 64 {
		keys = append(keys, fmt.Sprintf("%s/batch/%d", protocol, i))
		values = append(values, fmt.Appendf(nil, "value.%d", i))
	}
	must(t, one.PutAll(limited(t), keys, values))
	for i, key := range keys {
		gives(t, other, key, string(values[i]))
	}
	counter := protocol + "/counter"
	for _, u := range []system.User{one, other, one} {
		must(t, u.Increment(limited(t), counter))
	}
	gives(t, one, counter, "3")
	watch(t, c, protocol)
}

// stale reads until a read of any age gives what was written.
func stale(t *testing.T, u system.User, key, want string) {
	t.Helper()
	ctx := limited(t)
	for ; ; time.Sleep(10 * time.Millisecond) {
		got, err := u.Get(ctx, key, true)
		if err == nil && string(got) == want {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s stays %.60q, %v for stale reads", key, got, err)
		}
	}
}

func watch(t *testing.T, c system.System, protocol string) {
	t.Helper()
	way, err := c.Way(protocol)
	must(t, err)
	defer func() { must(t, way.Close()) }()
	w, can := way.(system.Watcher)
	if !can {
		return
	}
	u, err := way.User(0)
	must(t, err)
	ctx, cancel := context.WithCancel(limited(t))
	defer cancel()
	ready, values := make(chan struct{}), make(chan string, 10)
	ended := make(chan error, 1)
	go func() {
		ended <- w.Watch(ctx, protocol+"/watched", func() { close(ready) }, func(v []byte) { values <- string(v) })
	}()
	await := func() {
		t.Helper()
		select {
		case <-ready:
		case err := <-ended:
			t.Fatalf("the watch of %s ended: %v", protocol, err)
		}
	}
	await()
	for i := range 3 {
		must(t, u.Put(ctx, protocol+"/watched", fmt.Appendf(nil, "%d", i)))
		select {
		case got := <-values:
			if got != strconv.Itoa(i) {
				t.Errorf("a watch over %s gives %q for the write %d", protocol, got, i)
			}
		case err := <-ended:
			t.Fatalf("the watch of %s ended: %v", protocol, err)
		}
	}
	cancel()
	<-ended
}

// synced writes one key after another: each must have gone to the disks of a
// quorum on its own. Without syncs, many would share a page.
func synced(t *testing.T, c system.System, protocol string) {
	t.Helper()
	const writes = 50
	u := user(t, c, protocol, 0)
	before := written(t, c)
	for i := range writes {
		must(t, u.Put(limited(t), "synced/"+strconv.Itoa(i), []byte("value")))
	}
	if got := written(t, c) - before; got < writes*quorum*page {
		t.Errorf("%d writes, one after the other, wrote %d bytes; %d pages are the least if a quorum syncs each", writes, got, writes*quorum)
	}
}

// written is how many bytes all processes have sent to the disk.
func written(t *testing.T, c system.System) int {
	t.Helper()
	sum := 0
	for _, p := range c.Processes() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", p))
		must(t, err)
		_, rest, found := strings.Cut(string(text), "\nwrite_bytes: ")
		number, _, _ := strings.Cut(rest, "\n")
		n, err := strconv.Atoi(number)
		if err != nil || !found {
			t.Fatalf("the kernel says of process %d: %q", p, text)
		}
		sum += n
	}
	return sum
}

// outlives kills the leader: another one must take writes, and what was
// acknowledged must be there.
func outlives(t *testing.T, c system.System, protocol string) {
	t.Helper()
	u := user(t, c, protocol, 0)
	must(t, u.Put(limited(t), "before", []byte("acknowledged")))
	killed, err := c.LoseLeader(limited(t), false)
	must(t, err)
	begin := time.Now()
	if err := syscall.Kill(killed, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the leader %d lives: %v", killed, err)
	}
	ctx := limited(t)
	for ; ; time.Sleep(10 * time.Millisecond) {
		one, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		err := u.Put(one, "after", []byte("written"))
		cancel()
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("no write succeeds after the leader's end: %v", err)
		}
	}
	t.Logf("%s: %v without a successful write", c.Name(), time.Since(begin).Round(time.Millisecond))
	gives(t, u, "before", "acknowledged")
	gives(t, u, "after", "written")
	if n := len(c.Processes()); n != 2 {
		t.Errorf("%d processes are left", n)
	}
}

func TestAPeerThatThereIsNotIsSaidToBeMissing(t *testing.T) {
	if _, err := New("chubby", programs); err == nil || !strings.Contains(err.Error(), "etcd") {
		t.Errorf("the error does not name the peers: %v", err)
	}
	if err := Build(t.Context(), "..", programs, "chubby"); err == nil {
		t.Error("it was built")
	}
}

func TestAServerThatCannotRunIsQuotedAndOnlySomeAreGivenMemory(t *testing.T) {
	for _, name := range Names() {
		p, err := find(name)
		must(t, err)
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, p.binary), []byte("#!/bin/sh\necho \"the disk is upside down, $GOGC\" >&2\nexit 3\n"), 0o700))
		c, err := New(name, dir)
		must(t, err)
		t.Setenv("GOGC", "as it was")
		want := "upside down, as it was"
		if strings.HasSuffix(name, "-gogc") {
			want = "upside down, 400"
		}
		begin := time.Now()
		err = c.Start(t.Context(), t.TempDir())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: what the member said is not in %v", name, err)
		}
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("%s: it took %v to see that a member had ended", name, took)
		}
		if n := len(c.Processes()); n != 0 {
			t.Errorf("%s: %d processes are left", name, n)
		}
	}
}
