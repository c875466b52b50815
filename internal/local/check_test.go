package local

import (
	"strings"
	"testing"

	"paxos/paxos"
)

func TestFlagsForAllNodesAreCheckedBeforeTheyAreKept(t *testing.T) {
	for args, want := range map[string]string{
		"":                            "",
		"--log-level debug":           "",
		"--window 8 --tick 20ms":      "",
		"--id x":                      "--id is not for all nodes alike",
		"--join 127.0.0.1:1":          "--join is not",
		"--data /tmp":                 "--data is not",
		"--cluster-name other":        "--cluster-name is not",
		"--local=false":               "--local is not",
		"--window 0":                  "--window: 0 is not between",
		"--log-level":                 "needs an argument",
		"--nonsense":                  "unknown flag: --nonsense",
		"--segment-bytes 4096":        "",
		"--segment-bytes 4095":        "acceptor1: --segment-bytes: 4095 is not",
		"--snapshot-slots 0":          "learner1: --snapshot-slots: 0 is not",
		"window":                      `"window" is not expected`,
		"--heartbeat 200ms --tick 1s": "shorter than --tick",
	} {
		c, err := New(Options{Dir: t.TempDir(), Args: strings.Fields(args)})
		must(t, err)
		if err := c.Check(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: want %q, got %v", args, want, err)
		}
	}
}

func TestANodeIsGivenTheFlagsThatItHas(t *testing.T) {
	c, err := New(Options{Dir: "/d", Args: []string{"--log-level", "debug", "--snapshot-slots=9", "--segment-bytes", "4096"},
		AcceptorArgs: []string{"--allow-unsafe-filesystem", "--disk-limit-bytes", "65536"}})
	must(t, err)
	must(t, c.Check())
	for id, want := range map[paxos.NodeID]string{
		"proposer1": "--log-level=debug",
		"client2":   "--log-level=debug",
		"acceptor3": "--log-level=debug --segment-bytes=4096 --data /d/data/acceptor3 --allow-unsafe-filesystem --disk-limit-bytes 65536",
		"learner1":  "--log-level=debug --snapshot-slots=9 --data /d/data/learner1 --allow-unsafe-filesystem=true",
	} {
		n, _ := c.Node(id)
		_, got, _ := strings.Cut(strings.Join(c.arguments(n), " "), " --learners learner1,learner2 ")
		if got != want {
			t.Errorf("%s: %s", id, got)
		}
	}
}

func TestOptionsAreKeptOnlyOnceNodesRunWithThem(t *testing.T) {
	dir := t.TempDir()
	c := place(t, dir)
	c.opts.Program = []string{dir + "/nothing"}
	if err := c.Start("client1"); err == nil {
		t.Error("a program that is not there runs")
	}
	if o, found, err := Saved(dir); found || err != nil {
		t.Errorf("kept: %+v, %v", o, err)
	}
}
