package failpoint

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// child makes this test's program a process that hits a point three times.
const child = "PAXOS_TEST_FAILPOINT_CHILD"

func TestMain(m *testing.M) {
	if name := os.Getenv(child); name != "" {
		for range 3 {
			Hit(name)
			_, _ = os.Stdout.WriteString("x")
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func run(t *testing.T, point, hits string) (out string, ended *os.ProcessState) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), Variable+"="+point, child+"="+hits)
	b, err := cmd.Output()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(b), cmd.ProcessState
}

func TestAProcessEndsAtThePointAndHitThatWereAskedFor(t *testing.T) {
	for ask, want := range map[string]string{
		"": "xxx", "truncate-after-sync=kill": "", "truncate-after-sync=kill:3": "xx", "truncate-after-sync=kill:4": "xxx",
		"truncate-before-sync=kill": "xxx", "truncate-before-sync=kill,truncate-after-sync=kill:2": "x",
	} {
		out, ended := run(t, ask, "truncate-after-sync")
		killed := ended.Sys().(syscall.WaitStatus).Signaled() && ended.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
		if out != want || killed != (len(want) < 3) {
			t.Errorf("%q: it came as far as %q and ended with %v", ask, out, ended)
		}
	}
}

func TestAProcessIsHeldUp(t *testing.T) {
	begin := time.Now()
	out, _ := run(t, "truncate-after-sync=sleep:50ms", "truncate-after-sync")
	if took := time.Since(begin); out != "xxx" || took < 150*time.Millisecond {
		t.Errorf("%q after %v", out, took)
	}
}

func TestAWrongVariableEndsTheProcess(t *testing.T) {
	for _, ask := range []string{"nowhere=kill", "truncate-after-sync", "truncate-after-sync=die", "truncate-after-sync=kill:0",
		"truncate-after-sync=kill:x", "truncate-after-sync=sleep:soon", "truncate-after-sync=kill,"} {
		if out, ended := run(t, ask, "truncate-after-sync"); ended.ExitCode() != 2 || out != "" {
			t.Errorf("%q: it came as far as %q and ended with %v", ask, out, ended)
		}
	}
}

// A name that nobody hits would make a test pass that never crashes.
func TestEveryNameIsHitSomewhereAndEveryHitHasItsName(t *testing.T) {
	call := regexp.MustCompile(`failpoint\.Hit\("([^"]*)"\)`)
	var hit []string
	for _, dir := range []string{"../snapshot", "../node", "../service"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, m := range call.FindAllStringSubmatch(string(text), -1) {
				hit = append(hit, m[1])
			}
		}
	}
	for _, name := range Names {
		if !slices.Contains(hit, name) {
			t.Errorf("%s is hit nowhere", name)
		}
	}
	for _, name := range hit {
		if !slices.Contains(Names, name) {
			t.Errorf("%s is hit and has no place in Names", name)
		}
	}
}
