package members

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// shell starts members that run a script each, and waits until all have said
// "ready" to their logs.
func shell(t *testing.T, g *Group, scripts ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	var programs []Program
	for i, script := range scripts {
		programs = append(programs, Program{Name: string(rune('a' + i)), Path: "/bin/sh", Args: []string{"-c", script}, Environment: []string{"GREETING=ready"}})
	}
	t.Cleanup(func() { must(t, g.Stop()) })
	must(t, g.Start(dir, programs...))
	for _, p := range programs {
		must(t, g.Until(t.Context(), "a greeting", func(context.Context) error {
			text, err := os.ReadFile(filepath.Join(dir, p.Name+".log"))
			if err == nil && !strings.Contains(string(text), "ready") {
				err = errors.New("it says nothing")
			}
			return err
		}))
	}
	return dir
}

const waits = `echo $GREETING; exec sleep 100`

func gone(t *testing.T, ids ...int) {
	t.Helper()
	for _, id := range ids {
		if err := syscall.Kill(id, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is still there: %v", id, err)
		}
	}
}

func TestOneMemberIsKilledAndTheOthersAreStopped(t *testing.T) {
	var g Group
	shell(t, &g, waits, waits, waits)
	all := g.Processes()
	if len(all) != 3 {
		t.Fatalf("%d processes", len(all))
	}
	killed, err := g.Lose("b", false)
	must(t, err)
	if killed != all[1] {
		t.Errorf("%d was killed, not %d", killed, all[1])
	}
	gone(t, killed)
	if left := g.Processes(); len(left) != 2 || left[0] != all[0] || left[1] != all[2] {
		t.Errorf("of %v there are %v left", all, left)
	}
	for _, name := range []string{"b", "z"} {
		if _, err := g.Lose(name, false); err == nil {
			t.Errorf("%s was killed, which does not run", name)
		}
	}
	must(t, g.Stop())
	gone(t, all...)
}

func TestASilentMemberIsThereAndDoesNothing(t *testing.T) {
	var g Group
	shell(t, &g, waits, waits)
	pid, err := g.Lose("a", true)
	must(t, err)
	for i := 0; !stopped(t, pid); i++ {
		if i > 500 {
			t.Fatalf("%d is not stopped", pid)
		}
		<-time.After(10 * time.Millisecond)
	}
	if len(g.Processes()) != 2 {
		t.Errorf("%v are left of two", g.Processes())
	}
	begin := time.Now()
	must(t, g.Stop())
	if took := time.Since(begin); took > Grace/2 {
		t.Errorf("who is stopped did not hear that it is to end: %v", took)
	}
	gone(t, pid)
}

func stopped(t *testing.T, pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	must(t, err)
	return strings.HasPrefix(string(text[strings.LastIndexByte(string(text), ')'):]), ") T")
}

func TestAMemberThatWillNotEndIsKilled(t *testing.T) {
	g := Group{Grace: 100 * time.Millisecond}
	shell(t, &g, `trap "" TERM; echo ready; while :; do sleep 0.05; done`, `trap "" TERM; echo ready; while :; do sleep 0.05; done`)
	all := g.Processes()
	begin := time.Now()
	must(t, g.Stop())
	if took := time.Since(begin); took < g.Grace || took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	gone(t, all...)
}

func TestWaitingEndsAndQuotesTheLogs(t *testing.T) {
	never := func(context.Context) error { return errors.New("it is not there") }
	g := Group{Ready: 200 * time.Millisecond}
	shell(t, &g, `echo ready; yes no | head -n 10000; echo my last words; exec sleep 100`, waits)
	err := g.Until(t.Context(), "a wonder", never)
	for _, part := range []string{"a wonder", "it is not there", "my last words", "a.log", "b.log"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in the error: %v", part, err)
		}
	}
	if n := len(err.Error()); n > 4<<10 {
		t.Errorf("the error has %d bytes", n)
	}
}

func TestWaitingEndsWhenAMemberDoes(t *testing.T) {
	var g Group
	t.Cleanup(func() { must(t, g.Stop()) })
	must(t, g.Start(t.TempDir(), Program{Name: "a", Path: "/bin/sh", Args: []string{"-c", waits}},
		Program{Name: "b", Path: "/bin/sh", Args: []string{"-c", "echo I had no port; exit 1"}}))
	begin := time.Now()
	err := g.Until(t.Context(), "a wonder", func(context.Context) error { return errors.New("not yet") })
	if err == nil || !strings.Contains(err.Error(), "I had no port") || !strings.Contains(err.Error(), "b has ended") {
		t.Errorf("the error is %v", err)
	}
	if took := time.Since(begin); took > Ready/2 {
		t.Errorf("it took %v", took)
	}
}

func TestAProgramThatIsNotThereIsNamed(t *testing.T) {
	var g Group
	err := g.Start(t.TempDir(), Program{Name: "a", Path: "/nowhere/server"})
	if err == nil || !strings.Contains(err.Error(), "/nowhere/server") {
		t.Errorf("the error is %v", err)
	}
	if n := len(g.Processes()); n != 0 {
		t.Errorf("%d processes", n)
	}
	must(t, g.Stop())
}

func TestPortsAreDifferent(t *testing.T) {
	ports, err := Ports(20)
	must(t, err)
	seen := map[int]bool{}
	for _, p := range ports {
		seen[p] = true
	}
	if len(seen) != 20 || seen[0] {
		t.Errorf("the ports are %v", ports)
	}
}

func TestAnAskerGoesToTheNextMemberAfterAnError(t *testing.T) {
	serve := func(status int) (address string, asked *int) {
		asked = new(int)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			*asked++
			w.WriteHeader(status)
		}))
		t.Cleanup(s.Close)
		return strings.TrimPrefix(s.URL, "http://"), asked
	}
	bad, ofBad := serve(http.StatusServiceUnavailable)
	good, ofGood := serve(http.StatusNotFound)
	var all Askers
	a := all.Add(From([]string{good, bad}, 1)...)
	defer func() { must(t, all.Close()) }()
	if _, err := a.Do(t.Context(), "GET", "/", "", nil); err == nil {
		t.Error("503 is no error")
	}
	for range 2 {
		answer, err := a.Do(t.Context(), "GET", "/", "", nil)
		if err != nil || answer.Status != http.StatusNotFound {
			t.Errorf("the next member answers %d, %v", answer.Status, err)
		}
	}
	if *ofBad != 1 || *ofGood != 2 {
		t.Errorf("the first was asked %d times, the second %d times", *ofBad, *ofGood)
	}
}
