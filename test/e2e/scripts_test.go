package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"paxos/paxos"
)

// script is one of the users' scripts, on this cluster, in English.
func (w *world) script(input, script string, args ...string) process {
	w.t.Helper()
	p := w.run(kubectlLimit, input, append([]string{"scripts/" + script, "--context", kubectx, "--lang", "en"}, args...)...)
	if p.exit != 0 {
		w.t.Fatalf("it must succeed: %v", p)
	}
	return p
}

var appliedAt = regexp.MustCompile(`Applied at slot ([0-9]+), position ([0-9]+)`)

// scriptAndMonitor: the interactive script sends teste123 and reads it back;
// the monitor shows how it came about.
func scriptAndMonitor(w *world) {
	w.young()
	began := time.Now()
	menu := w.script("2\nteste123\n3\nq\n", "paxos-client.sh")
	w.t.Logf("the menu: %v", time.Since(began).Round(10*time.Millisecond))
	w.readBack(menu.stdout, menu.stdout)

	sent := w.script("", "paxos-client.sh", "send", "teste123")
	slot := w.readBack(sent.stdout, w.script("", "paxos-client.sh", "read").stdout)

	seen := w.script("", "monitor.sh", "--no-follow", "--last", "1000")
	leader := w.leader()
	ballot := fmt.Sprintf("ballot=%d.%s ", leader.Ballot.Number, leader.Node)
	// Prepare is for all slots of a ballot: once, before the first of them, and
	// again only where it was lost on the way.
	var prepared, first string
	count := func(who paxos.RoleName, kind, what string) int {
		n := 0
		for line := range strings.Lines(seen.stdout) {
			fields := strings.Fields(line)
			if len(fields) > 3 && strings.HasPrefix(fields[1], string(who)) && fields[2] == kind && strings.Contains(line+" ", ballot) && strings.Contains(line, what) {
				n++
				switch {
				case who == paxos.ProposerRole && kind == "prepare":
					prepared = max(prepared, fields[0])
				case who == paxos.ProposerRole && kind == "accept":
					first = fields[0]
				}
			}
		}
		return n
	}
	at := "slot=" + slot + " "
	for _, x := range []struct {
		who         paxos.RoleName
		kind, what  string
		least, most int
	}{
		{paxos.ProposerRole, "elected", "", 1, 1}, {paxos.ProposerRole, "prepare", "", 1, 3}, {paxos.ProposerRole, "accept", at, 1, 1}, {paxos.AcceptorRole, "accept", at, 2, 3},
		{paxos.AcceptorRole, "learn", at, 2, 3}, {paxos.LearnerRole, "chosen", at, 2, 2}, {paxos.LearnerRole, "applied", at, 2, 2},
	} {
		n := count(x.who, x.kind, x.what)
		w.t.Logf("the monitor shows of slot %s: %s %s: %d", slot, x.who, x.kind, n)
		if n < x.least || n > x.most {
			w.t.Errorf("%s %s %s: %d to %d times are expected", x.who, x.kind, x.what, x.least, x.most)
		}
	}
	if prepared >= first {
		w.t.Errorf("the last prepare was at %s, and the value was proposed at %s", prepared, first)
	}
	if w.t.Failed() {
		w.t.Log(lastLines(seen.stdout, 60))
	}
}

// young sees to it that the log is short: the menu shows it from its beginning,
// and the election must not have left the ring of events.
func (w *world) young() {
	w.t.Helper()
	if w.leader().Chosen < 10 {
		return
	}
	w.t.Log("the log is long by now: deployed anew, without the data")
	w.wipe()
	w.deploy()
	w.start()
}

// readBack finds the place that a send was told, and teste123 there in what was
// read; it gives the slot.
func (w *world) readBack(sent, read string) string {
	w.t.Helper()
	place := appliedAt.FindStringSubmatch(sent)
	if place == nil {
		w.t.Fatalf("it was not applied:\n%s", sent)
	}
	if want := fmt.Sprintf("%s.%s\t\"teste123\"\n", place[1], place[2]); strings.Count(read, want) != 1 {
		w.t.Errorf("%q is not there once:\n%s", want, lastLines(read, 60))
	}
	return place[1]
}

func lastLines(text string, n int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
