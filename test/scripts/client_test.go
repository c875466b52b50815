package scripts

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"paxos/client"
	"paxos/internal/local"
	"paxos/paxos"
)

// hostile values must arrive byte for byte, and be shown without a terminal
// obeying them.
var hostile = []string{
	"", " ", "teste123", "it's", `"quoted"`, `back\slash`, `\`, `\\"`, `\n`, "two\nlines\n", "\ttab\r\n", "\x01\x1b[31mred\x1b[0m\x7f",
	"é ü 漢字 😀 e\u0301", "\u009b31m", "right \u202e left", "\u2028\ufeff\ufffd", "$(touch pwned)", "`touch pwned`", "$HOME ${PATH} $$", "a;touch pwned;b|c&d>e",
	"*", "~", "[a-z]*?", "%s %d %n", "& &amp; \\&", "-n", "--help", "--", "-", "@/etc/passwd", `{"value":"x"}`, `","key":"k","x":"`, "null", "0", "!!", "#",
	strings.Repeat(`"\`+"\n", 3000), strings.Repeat("é", 50000),
}

func TestHostileValues(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	slots := map[string]string{}
	for i, value := range hostile {
		s := script{name: "paxos-client.sh", env: addresses(c)}
		args := []string{"--client", fmt.Sprintf("client%d", i%2+1), "send", "--", value}
		if i%3 == 0 {
			s.stdin, args = value, []string{"--stdin", "2"}
		}
		got := s.run(t, args...)
		got.want(t, 0, "Applied at slot ")
		words := strings.Fields(got.out) // Applied at slot 8, position 0. (key …)
		slot, position := strings.TrimSuffix(words[3], ","), strings.TrimSuffix(words[5], ".")
		// Other tests send too, and a slot holds many commands.
		there := slices.ContainsFunc(read(t, c, slot).Values, func(v client.Value) bool {
			return fmt.Sprint(v.Position) == position && v.Value == value
		})
		if !there {
			t.Errorf("%.60q is not at slot %s, position %s", value, slot, position)
		}
		slots[slot+"."+position] = value
		if _, err := os.Stat("pwned"); err == nil {
			t.Fatalf("%q was executed", value)
		}
	}
	// What the script shows is each value as a JSON string.
	all := script{name: "paxos-client.sh", env: addresses(c)}.run(t, "read")
	all.want(t, 0)
	for line := range strings.Lines(all.out) {
		at, text, _ := strings.Cut(line, "\t")
		value, sent := slots[at]
		delete(slots, at)
		var back string
		if err := json.Unmarshal([]byte(text), &back); err != nil || sent && back != value {
			t.Errorf("%.60q is shown as %.200s (%v)", value, text, err)
		}
	}
	if len(slots) > 0 {
		t.Errorf("not shown: %.200q", slots)
	}
}

// read asks client1 for one slot.
func read(t *testing.T, c *local.Cluster, slot string) (page client.Page) {
	t.Helper()
	response, err := http.Get("http://" + c.Of(paxos.ClientRole)[0].Address + "/read?limit=10000&slot=" + slot)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.Unmarshal(b, &page)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return page
}

func TestBadValues(t *testing.T) {
	t.Parallel()
	s := script{name: "paxos-client.sh", env: addresses(cluster(t))}
	for _, bad := range []string{"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\xaf", strings.Repeat("a", 4095) + "\xe2\x82"} {
		s.run(t, "send", bad).want(t, 2, "not valid UTF-8")
	}
	s.stdin = "a\x00b"
	s.run(t, "--stdin", "send").want(t, 2, "NUL")
	s.stdin = strings.Repeat("x", 1<<20+1)
	s.run(t, "--stdin", "send").want(t, 1, "at most 1048576 are allowed")
	s.stdin = strings.Repeat("x", 4<<20+1)
	s.run(t, "--stdin", "send").want(t, 2, "4194305 bytes")
}

func TestUsage(t *testing.T) {
	t.Parallel()
	needBash(t)
	s := script{name: "paxos-client.sh"}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"nonsense"}, `"nonsense"`}, {[]string{"13"}, `"13"`}, {[]string{""}, `""`}, {[]string{"\x1b[31m"}, `\u001b[31m`},
		{[]string{"put"}, "a key and a value"}, {[]string{"9", "k", "v", "x"}, `"x"`}, {[]string{"--stdin", "put"}, "a key"}, {[]string{"get"}, "a key"},
		{[]string{"put", "", "v"}, "not empty"}, {[]string{"get", "\xff"}, "not valid UTF-8"}, {[]string{"--consistency", "x", "get", "k"}, "linearizable"},
		{[]string{"--max-age", "1y", "get", "k"}, "--max-age"}, {[]string{"--session-token", "a&b", "get", "k"}, "--session-token"},
		{[]string{"send"}, "a value"}, {[]string{"2", "a", "b"}, `"b"`}, {[]string{"--stdin", "send", "x"}, "not both"},
		{[]string{"send", "-x"}, `"-x"`}, {[]string{"--client"}, "--client"}, {[]string{"--client", "acceptor1", "send", "x"}, "client1 client2"},
		{[]string{"--client", "$(id)", "5"}, "client1 client2"}, {[]string{"--proposer", "x[$(id)]", "7", "v"}, "proposer1"},
		{[]string{"--key", "a/b", "send", "x"}, "--key"}, {[]string{"--key", "a\nX: y", "send", "x"}, "--key"}, {[]string{"burn", ".."}, "--key"},
		{[]string{"--slot", "-1", "read"}, "--slot"}, {[]string{"--from", "a", "read"}, "--from"}, {[]string{"--limit", "1x", "read"}, "--limit"},
		{[]string{"--timeout", "1h", "send", "x"}, "--timeout"}, {[]string{"read", "x"}, `"x"`}, {[]string{"--lang", "../x", "read"}, "../x"},
	} {
		s.run(t, c.args...).want(t, 2, c.want)
	}
	s.run(t, "--help").want(t, 0, "Exit codes")
	for _, bad := range []string{"nonsense", "client1=", "a:b", "x y=z", "client1=http://h/?q", "client1=h:1 client1=h:2", "-o=h:1 $(id)"} {
		s.env = []string{"PAXOS_CLIENT_ADDRESSES=" + bad}
		s.run(t, "read").want(t, 2, "PAXOS_CLIENT_ADDRESSES")
	}
	// One that is set leaves the others without nodes, not with local ones.
	s.env = []string{"PAXOS_LEARNER_ADDRESSES=127.0.0.1:1"}
	s.run(t, "read").want(t, 2, "PAXOS_CLIENT_ADDRESSES")
}

func TestChoices(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	leader := leads(t, c)
	s := script{name: "paxos-client.sh", env: addresses(c)}
	s.run(t, "1").want(t, 0, "client1", "client2")
	s.run(t, "send", "reported").want(t, 0)
	s.run(t, "4").want(t, 0, "LEARNER", "applied")
	s.run(t, "--client=client2", "status").want(t, 0, "client2", "session")
	s.run(t, "6").want(t, 0, string(leader)+" leads at 127.0.0.1:")
	s.run(t, "8").want(t, 0, "acceptor3", "standing=member", "10 of 10 nodes answer")
	s.run(t, "--key", "k1", "7", "direct").want(t, 0, "Chosen at slot ", "k1")
	first := s.run(t, "--key", "k2", "send", "once")
	again := s.run(t, "--key", "k2", "--client", "client2", "send", "once")
	first.want(t, 0, "k2")
	if again != first {
		t.Errorf("a resend under the same key: %+v, then %+v", first, again)
	}
	s.run(t, "outcome", "k2").want(t, 0, "applied at slot")
	s.run(t, "--key", "k2", "send", "other").want(t, 4, "used for something else")
	s.run(t, "burn", "k2").want(t, 4, "applied at slot")
	s.run(t, "outcome", "k3").want(t, 3, "not seen")
	s.run(t, "burn", "k3").want(t, 0, "ruled out")
	s.run(t, "--key", "k3", "send", "x").want(t, 4, "burnt")
	s.run(t, "--timeout", "0.1", "read", "--slot", "999999").want(t, 3, "not applied")
	for _, n := range c.Of(paxos.ProposerRole) {
		if n.ID != leader {
			s.run(t, "--proposer", string(n.ID), "propose", "x").want(t, 5, "does not lead")
		}
	}
}

// TestPages reads more values than fit on a page, some of them in one slot.
func TestPages(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	s := script{name: "paxos-client.sh", env: addresses(c)}
	fill(t, c, s, "page", 230)
	all := s.run(t, "read")
	all.want(t, 0, "end of page")
	seen := map[string]bool{}
	for line := range strings.Lines(all.out) {
		at, _, _ := strings.Cut(line, "\t")
		if seen[at] {
			t.Errorf("%s is shown twice", at)
		}
		seen[at] = true
	}
	for i := range 230 {
		if n := strings.Count(all.out, `"page `+strconv.Itoa(i)+`"`); n != 1 {
			t.Errorf("page %d is shown %d times", i, n)
		}
	}
	few := s.run(t, "--limit", "7", "3")
	few.want(t, 0)
	if n := strings.Count(few.out, "\n"); n != 7 {
		t.Errorf("%d values for --limit 7", n)
	}
}

// fill sends n values, which are read afterwards.
func fill(t *testing.T, c *local.Cluster, s script, name string, n int) {
	t.Helper()
	url := "http://" + c.Of(paxos.ClientRole)[0].Address + "/send"
	for i := range n {
		response, err := http.Post(url+"?wait=none", "", strings.NewReader(fmt.Sprintf(`{"value":"%s %d"}`, name, i)))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}
	last := strings.Fields(s.run(t, "send", "end of "+name).out)[3]
	read(t, c, strings.TrimSuffix(last, ","))
}

func TestMenu(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	s := script{name: "paxos-client.sh", env: addresses(c)}
	fill(t, c, s, "before the menu", 120) // "3" shows a first page, and asks
	s.stdin = strings.Join([]string{
		"", "x", "$(touch pwned)", "é", "-1", "99999999999999999999", strings.Repeat("z", 100000), "\x1b[2J", "2 3",
		"1", "client2", "1", "nobody", "1", "2", "1", "", "1", "a[$(touch pwned)]", "1", "08",
		"2", `menu "value" $(touch pwned) \n é`, "2", "", "n", "2", "", "y", "2", "\xff",
		"3", "q", "4", "5", "6", "7", "", "menu direct", "7", "9", "7", "proposer1", "menu at one", "n", "8", "q", "2", "never read",
	}, "\n")
	got := s.run(t)
	got.want(t, 0, "Selected client2", `no client "nobody"; there are: client1 client2`, "Nothing was sent.", "not valid UTF-8",
		"Chosen at slot", `there is no proposer "9"`, "10 of 10 nodes answer", "Bye.")
	if n := strings.Count(got.out, "Applied at slot"); n != 2 {
		t.Errorf("%d values were sent, want 2\n%s", n, got.out)
	}
	s.run(t, "read").want(t, 0, `"menu \"value\" $(touch pwned) \\n é"`)
	// The end of the input ends the menu, wherever it comes.
	for _, stdin := range []string{"", "2", "2\n", "2\nlast value without newline", "7\n", "1\n", "x"} {
		s.stdin = stdin
		s.run(t).want(t, 0, "Bye.")
	}
}

// TestAlone runs the scripts with nothing but bash and curl (and sort).
func TestAlone(t *testing.T) {
	t.Parallel()
	s := script{name: "paxos-client.sh", env: addresses(cluster(t))}
	bin := t.TempDir()
	for _, tool := range []string{"bash", "curl", "sort"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Skip(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, tool)); err != nil {
			t.Fatal(err)
		}
	}
	s.env = append(s.env, "PATH="+bin, "HOME=/nonexistent", "http_proxy=http://127.0.0.1:1", "LC_ALL=C")
	s.run(t, "send", "alone é").want(t, 0, "Applied at slot")
	s.run(t, "read").want(t, 0, `"alone é"`)
	s.run(t, "system").want(t, 0, "10 of 10")
	s.name = "monitor.sh"
	s.run(t, "--no-follow").want(t, 0, "applied")
}
