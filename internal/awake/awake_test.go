//go:build unix

package awake

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestTheEnvironmentKeepsTheRuntimeAwakeAndWhatTheOperatorSays(t *testing.T) {
	for name, c := range map[string]struct {
		env, want []string
	}{
		"nothing":           {[]string{"A=1"}, []string{"A=1", "GODEBUG=" + value}},
		"empty":             {[]string{"GODEBUG=", "B=2"}, []string{"GODEBUG=" + value, "B=2"}},
		"something else":    {[]string{"A=1", "GODEBUG=gctrace=1", "B=2"}, []string{"A=1", "GODEBUG=gctrace=1," + value, "B=2"}},
		"it is so already":  {[]string{"GODEBUG=" + value}, []string{"GODEBUG=" + value}},
		"another is wanted": {[]string{"GODEBUG=schedtrace=0,gctrace=1"}, []string{"GODEBUG=schedtrace=0,gctrace=1"}},
	} {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(c.env)
			if got := Environment(c.env); !slices.Equal(got, c.want) {
				t.Errorf("%q; want %q", got, c.want)
			}
			if !slices.Equal(before, c.env) {
				t.Errorf("the given one became %q", c.env)
			}
		})
	}
}

// awakeHelper makes this test the program that stays awake.
const awakeHelper = "PAXOS_TEST_AWAKE"

func TestAProgramBeginsAnewOnceAsTheSameProcess(t *testing.T) {
	if os.Getenv(awakeHelper) != "" {
		Begin()
		fmt.Printf("it is %d with %s\n", os.Getpid(), os.Getenv("GODEBUG"))
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GODEBUG=") }), awakeHelper+"=1")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err, out.String())
	}
	if want := fmt.Sprintf("it is %d with %s\n", cmd.Process.Pid, value); strings.Count(out.String(), want) != 1 {
		t.Errorf("%q does not say %q", out.String(), want)
	}
}
