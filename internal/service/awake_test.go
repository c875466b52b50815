//go:build unix

package service

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
		begins    bool
	}{
		"nothing":           {[]string{"A=1"}, []string{"A=1", "GODEBUG=" + awakeValue}, true},
		"empty":             {[]string{"GODEBUG=", "B=2"}, []string{"GODEBUG=" + awakeValue, "B=2"}, true},
		"something else":    {[]string{"A=1", "GODEBUG=gctrace=1", "B=2"}, []string{"A=1", "GODEBUG=gctrace=1," + awakeValue, "B=2"}, true},
		"it is so already":  {[]string{"GODEBUG=" + awakeValue}, []string{"GODEBUG=" + awakeValue}, false},
		"another is wanted": {[]string{"GODEBUG=schedtrace=0,gctrace=1"}, []string{"GODEBUG=schedtrace=0,gctrace=1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(c.env)
			got, begins := awake(c.env)
			if !slices.Equal(got, c.want) || begins != c.begins {
				t.Errorf("%q, %v; want %q, %v", got, begins, c.want, c.begins)
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
		StayAwake()
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
	if want := fmt.Sprintf("it is %d with %s\n", cmd.Process.Pid, awakeValue); strings.Count(out.String(), want) != 1 {
		t.Errorf("%q does not say %q", out.String(), want)
	}
}
