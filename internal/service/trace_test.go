package service_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"

	"paxos/test/ports"
)

// strace's lines: process, time, and either a call or the rest of one that was
// interrupted by another thread's. A line stands where its call began, and the
// rest where it ended.
var (
	callLine = regexp.MustCompile(`^(\d+) +[\d.]+ (\w+)\((\d+)<([^>]*)>(.*)$`)
	restLine = regexp.MustCompile(`^(\d+) +[\d.]+ <\.\.\. (\w+) resumed>(.*)$`)
	okResult = regexp.MustCompile(`\) = \d+$`)
)

// parseTrace reads what strace wrote.
func parseTrace(text []byte) ([]deed, error) {
	var deeds []deed
	open := map[string]int{} // by process and call: the deed that has not ended
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 16<<20)
	for at := 1; lines.Scan(); at++ {
		line := lines.Text()
		if m := restLine.FindStringSubmatch(line); m != nil {
			if i, ok := open[m[1]+m[2]]; ok && okResult.MatchString(m[3]) {
				deeds[i].ended = at
			}
			delete(open, m[1]+m[2])
			continue
		}
		m := callLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		d, err := parseCall(m[2], m[4], m[5])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", at, err)
		}
		if d.kind == "" {
			continue
		}
		d.began, d.ended = at, never
		switch {
		case strings.HasSuffix(line, "<unfinished ...>"):
			open[m[1]+m[2]] = len(deeds)
		case okResult.MatchString(line):
			d.ended = at
		}
		deeds = append(deeds, d)
	}
	return deeds, lines.Err()
}

func parseCall(name, file, rest string) (d deed, err error) {
	journal := strings.HasSuffix(file, ".wal")
	switch {
	case journal && (name == "fdatasync" || name == "fsync"):
		return deed{kind: syncs, file: file}, nil
	case name == "fdatasync" || name == "fsync":
		return deed{}, nil
	}
	data, err := quoted(rest)
	if err != nil {
		return deed{}, fmt.Errorf("%s: %w", name, err)
	}
	switch {
	case journal && name == "pwrite64":
		return deed{kind: writes, file: file, data: records(data)}, nil
	case strings.HasPrefix(file, "socket:"):
		return deed{kind: answers, says: inHTTP(data)}, nil
	}
	return deed{}, nil
}

// quoted decodes the string in a call's arguments, as C writes it.
func quoted(args string) ([]byte, error) {
	_, s, ok := strings.Cut(args, `"`)
	var b []byte
	for ok && s != "" {
		c := s[0]
		s = s[1:]
		switch c {
		case '"':
			if strings.HasPrefix(s, "...") {
				return nil, fmt.Errorf("the trace cuts what was written after %d bytes", len(b))
			}
			return b, nil
		case '\\':
			n := 1
			if i := strings.IndexByte("nrtvfae", s[0]); i >= 0 {
				b = append(b, "\n\r\t\v\f\a\x1b"[i])
			} else if s[0] >= '0' && s[0] <= '7' {
				for n < 3 && s[n] >= '0' && s[n] <= '7' {
					n++
				}
				v, _ := strconv.ParseUint(s[:n], 8, 8)
				b = append(b, byte(v))
			} else {
				b = append(b, s[0])
			}
			s = s[n:]
		default:
			b = append(b, c)
		}
	}
	return nil, fmt.Errorf("no whole string in %.80q", args)
}

// traced starts an acceptor under strace, or skips the test where that cannot be.
func traced(t *testing.T, file string) *process {
	t.Helper()
	why := "strace is not installed"
	strace, err := exec.LookPath("strace")
	if err == nil {
		err = exec.Command(strace, "-f", "-o", os.DevNull, "true").Run()
		why = "strace may not trace here"
	}
	if err != nil {
		t.Skipf("!!! %s (%v): the order persist → send is NOT traced on a real process; "+
			"TestNoAnswerIsSentBeforeItsSyncWithinOneProcess stands in for it", why, err)
	}
	return launch(t, "acceptor", ports.Free(t), []string{strace, "-f", "-y", "-ttt", "-s", "1048576", "-e", "signal=none",
		"-e", "trace=fsync,fdatasync,pwrite64,write,writev,sendto,sendmsg", "-o", file},
		"--data", filepath.Join(t.TempDir(), "data"), "--allow-unsafe-filesystem", "--segment-bytes", "65536")
}

// interview asks one question after another, and then many at once.
func interview(t *testing.T, address string, alone, together int) {
	t.Helper()
	ask := func(i int) error {
		path, body := question(i)
		code, b, err := post(address, path, body)
		if err == nil && code != http.StatusOK && code != http.StatusConflict {
			err = fmt.Errorf("question %d: %d: %s", i, code, b)
		}
		return err
	}
	for i := range alone {
		must(t, ask(i+1))
	}
	var group errgroup.Group
	group.SetLimit(8)
	for i := range together {
		group.Go(func() error { return ask(alone + i + 1) })
	}
	must(t, group.Wait())
}

func TestNoAnswerLeavesARealAcceptorBeforeItsSync(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "trace")
	p := traced(t, file)
	initialise(t, p.address)
	const alone, together = 60, 150
	interview(t, p.address, alone, together)
	// The first to call something is the acceptor's own process; threads that end
	// before are of the program before it began anew.
	text, err := os.ReadFile(file)
	must(t, err)
	first := ""
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, "+++") && !strings.Contains(line, "<... ") {
			first, _, _ = strings.Cut(line, " ")
			break
		}
	}
	pid, err := strconv.Atoi(first)
	must(t, err)
	must(t, syscall.Kill(pid, syscall.SIGTERM))
	if code := p.exitCode(t); code != 0 {
		t.Fatalf("it exits with %d and says:\n%s", code, p.said.String())
	}
	text, err = os.ReadFile(file)
	must(t, err)
	deeds, err := parseTrace(text)
	must(t, err)
	spoken, err := checkOrder(deeds)
	must(t, err)
	if spoken < alone+together {
		t.Fatalf("%d questions were answered; the trace shows %d answers", alone+together, spoken)
	}
	t.Logf("%d answers, %d deeds in the trace", spoken, len(deeds))
	doctorTrace(t, text, deeds)
}

// doctorTrace makes sure that this very trace fails when its order is changed.
func doctorTrace(t *testing.T, text []byte, deeds []deed) {
	t.Helper()
	lines := slices.DeleteFunc(bytes.SplitAfter(text, []byte("\n")), func(line []byte) bool { return bytes.Contains(line, []byte("fdatasync")) })
	unsynced, err := parseTrace(bytes.Join(lines, nil))
	must(t, err)
	if _, err := checkOrder(unsynced); err == nil {
		t.Error("the trace without its syncs passes")
	}
	speaking := slices.IndexFunc(deeds, func(d deed) bool { return d.kind == answers && len(d.says) > 0 })
	early := slices.Clone(deeds)
	last := early[0]
	for _, d := range deeds[:speaking] {
		if d.kind == syncs {
			last = d
		}
	}
	early[speaking].began = last.ended - 1
	if _, err := checkOrder(early); err == nil {
		t.Error("the trace passes with an answer that began before the sync had ended")
	}
}

func TestTracesAreReadInTheOrderOfTheirCalls(t *testing.T) {
	const (
		write  = `7 1.1 pwrite64(5</d/0000000000000001.wal>, "tagtag\0008mark-00001\1\0", 24, 512) = 24`
		begin  = `7 1.2 fdatasync(5</d/0000000000000001.wal> <unfinished ...>`
		other  = `8 1.3 write(6<socket:[99]>, "HTTP/1.1 200 OK\r\n\r\n{}", 21) = 21`
		end    = `7 1.4 <... fdatasync resumed>) = 0`
		failed = `7 1.4 <... fdatasync resumed>) = -1 EIO (Input/output error)`
		answer = `8 1.5 write(6<socket:[99]>, "HTTP/1.1 200 OK\r\nA: b\r\n\r\n{\"message\":\"promise\",` +
			`\"ballot\":{\"number\":\"1\",\"proposer\":\"mark-00001\",\"start\":\"0000000000000001\"}}\n", 150 <unfinished ...>`
	)
	for name, c := range map[string]struct {
		lines []string
		good  bool
	}{
		"as it must be":                    {[]string{write, begin, other, end, answer}, true},
		"the answer during the sync":       {[]string{write, begin, answer, end, other}, false},
		"the sync failed":                  {[]string{write, begin, other, failed, answer}, false},
		"the write after the sync":         {[]string{begin, end, write, answer}, false},
		"no sync":                          {[]string{write, answer}, false},
		"the sync of the directory's file": {[]string{write, strings.ReplaceAll(begin, ".wal", ".tmp"), end, answer}, false},
	} {
		deeds, err := parseTrace([]byte(strings.Join(c.lines, "\n") + "\n"))
		must(t, err)
		spoken, err := checkOrder(deeds)
		if spoken != 1 || (err == nil) != c.good {
			t.Errorf("%s: %d answers, %v", name, spoken, err)
		}
	}
}
