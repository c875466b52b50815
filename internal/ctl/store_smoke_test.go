package ctl

import (
	"os"
	"strings"
	"time"
)

// storeWorks tries the commands of the store at a real cluster.
func (m *machine) storeWorks() {
	m.t.Helper()
	for _, x := range []struct {
		code int
		want string // on either stream
		line string // words are separated by |
	}{
		{ExitOK, "config/color", "put|config/color|green"},
		{ExitOK, "green", "get|config/color"},
		{ExitNotFound, "no key", "get|config/nothing"},
		{ExitConflict, "it is green, at revision", "put|--if-missing|config/color|red"},
		{ExitOK, "", "cas|config/color|green|blue"},
		{ExitConflict, "it is blue", "cas|config/color|green|blue"},
		{ExitOK, "config/color\n", "get|--prefix|config/|--keys-only|-o|value"},
		{ExitOK, `"consistency": "bounded"`, "get|config/color|--consistency|bounded|--max-age|5s|-o|json"},
		{ExitOK, "7\n", "incr|n|7"},
		{ExitOK, "5\n", "incr|--|n|-2"},
		{ExitConflict, "not a decimal", "incr|config/color"},
		{ExitOK, "1\n", "append|list|a"},
		{ExitOK, "applied", "put|--key|once|k|v"},
		{ExitOK, "3", "lease|grant|3s"},
		{ExitNotFound, "no lease", "lease|keep-alive|00000000000000ab"},
		{ExitConflict, "not held", "put|--fence|l:1|k|v"},
		{9, "l:", "lock|l|--|sh|-c|echo $PAXOS_FENCE; exit 9"},
		{ExitOK, "PLACE", "lock|--show|l"},
		{ExitNotFound, "nobody leads", "elect|--leader|e"},
		{ExitOK, "put", "watch|config/|--from|2|--limit|1"},
		{ExitOK, "3 config/color green", "watch|config/|--from|2|--limit|1|--|sh|-c|echo $PAXOS_WATCH_REVISION $PAXOS_WATCH_KEY $(cat)"},
		{ExitOK, "COMPACTED", "compact|--keep|2"},
		{ExitNotFound, "compacted", "watch|config/|--from|2"},
		{ExitNotFound, "compacted", "get|config/color|--revision|2"},
		{ExitOK, "config/\n", "__complete|get|conf"},
		{ExitOK, "1", "del|config/color"},
		{ExitOK, "all that was acknowledged is there", "bench|--for|1s|--clients|4|--keys|10"},
		{ExitOK, `"lost": 0`, "bench|mixed|--for|1s|--clients|4|--keys|10|-o|json"},
		{ExitOK, "0\n", "get|--prefix|bench/|--count"},
	} {
		words := strings.Split(x.line, "|")
		var got result
		if words[0] == "__complete" {
			// What follows the command is completed: flags go before it.
			cmd, out, errs := m.command(append([]string{"__complete", words[1], "--data", m.dir + "/data"}, words[2:]...)...)
			_ = cmd.Run()
			got = result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
		} else {
			got = m.must(x.code, words...)
		}
		if x.want == "applied" {
			got = m.must(ExitOK, "outcome", "once")
		}
		if !strings.Contains(got.out+got.err, x.want) {
			m.t.Errorf("paxosctl %s: %q is missing: %v", x.line, x.want, got)
		}
	}
	self, err := os.Executable()
	if err != nil {
		m.t.Fatal(err)
	}
	begun := time.Now()
	if got := m.must(ExitConflict, "lock", "x", "--ttl", "2s", "--", "sh", "-c", `"$0" lease revoke --data "$1" "$PAXOS_LEASE" >&2; sleep 60`, self, m.dir+"/data"); !strings.Contains(got.err, "was lost") || time.Since(begun) > 20*time.Second {
		m.t.Errorf("a lock that is lost, after %v: %v", time.Since(begun), got)
	}
}
