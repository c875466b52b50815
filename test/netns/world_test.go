package netns_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"paxos/test/netns"
)

// roleVariable makes this test's program play a part on a host, or be a process
// that dies with its world.
const roleVariable = "PAXOS_TEST_NETNS"

func TestMain(m *testing.M) {
	var err error
	switch part, value, _ := strings.Cut(os.Getenv(roleVariable), " "); part {
	case "":
		os.Exit(m.Run())
	case "hear":
		err = hear()
	case "say":
		err = say()
	case "drain":
		err = drain()
	case "pour":
		err = pour(value)
	case "serve":
		err = http.ListenAndServe(":80", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RemoteAddr) }))
	case "world":
		err = abandon(value)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// hear prints the datagrams that arrive.
func hear() error {
	conn, err := net.ListenPacket("udp", ":7000")
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for b := make([]byte, 100); ; {
		n, _, err := conn.ReadFrom(b)
		if err != nil {
			return err
		}
		fmt.Printf("%s\n", b[:n])
	}
}

// say sends a datagram for each line "HOST:PORT TEXT".
func say() error {
	conn, err := net.ListenPacket("udp", ":0")
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		to, text, _ := strings.Cut(lines.Text(), " ")
		address, err := net.ResolveUDPAddr("udp", to)
		if err != nil {
			return err
		}
		if _, err := conn.WriteTo([]byte(text), address); err != nil {
			return err
		}
	}
	return nil
}

// drain prints the lines that arrive over one connection, and answers each.
func drain() error {
	l, err := net.Listen("tcp", ":7001")
	if err != nil {
		return err
	}
	fmt.Println("ready")
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		fmt.Println(lines.Text())
		if _, err := io.WriteString(conn, "heard\n"); err != nil {
			return err
		}
	}
	return nil
}

// pour sends each line over one connection, and prints the answers.
func pour(to string) error {
	conn, err := net.Dial("tcp", to)
	if err != nil {
		return err
	}
	go func() { _, _ = io.Copy(os.Stdout, conn) }()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if _, err := io.WriteString(conn, lines.Text()+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// abandon makes a world with something that runs in it, and waits to be killed.
func abandon(prefix string) error {
	w, err := netns.New(prefix, "one", "two")
	if err != nil {
		return err
	}
	// Not by Command, which would see to it that it dies too.
	left := exec.Command("ip", "netns", "exec", prefix+".two", "sleep", "600")
	if err := left.Start(); err != nil {
		return err
	}
	fmt.Println(left.Process.Pid)
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, w.Close())
}

func possible(t *testing.T) {
	t.Helper()
	if err := netns.Possible(); err != nil {
		t.Skipf("!!! %v: networks of namespaces are NOT tested", err)
	}
}

func world(t *testing.T, hosts ...string) *netns.World {
	t.Helper()
	possible(t)
	w, err := netns.NewFree("netns-test", hosts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// part starts this program on a host in a part.
func part(t *testing.T, w *netns.World, host, role string) (io.Writer, *bufio.Scanner) {
	t.Helper()
	cmd := w.Command(t.Context(), host, os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), roleVariable+"="+role), os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return in, bufio.NewScanner(out)
}

func TestTheMachinesOwnNetworkStaysAsItIs(t *testing.T) {
	w := world(t, "one", "two")
	must(t, w.Cut("one", "two"))
	conn, err := w.Dial(t.Context(), "udp", "one:9")
	must(t, err)
	must(t, conn.Close())
	for _, words := range []string{"ip addr", "ip route show table all", "ip neigh", "iptables-save"} {
		argv := strings.Fields(words)
		out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
		must(t, err)
		if bytes.Contains(out, []byte("10.77.0.")) {
			t.Errorf("%s shows the world's network:\n%s", words, out)
		}
	}
	for range 100 { // whichever threads there are, each is at home
		addresses, err := net.InterfaceAddrs()
		must(t, err)
		for _, a := range addresses {
			if strings.HasPrefix(a.String(), "10.77.0.") {
				t.Fatalf("this process has %v", a)
			}
		}
	}
}

func TestWhatADeadProcessLeftIsClearedAway(t *testing.T) {
	possible(t)
	name := "netns-test-of-" + strconv.Itoa(os.Getpid()) // it ends cleared away
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), roleVariable+"=world "+name), os.Stderr
	_, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line := bufio.NewScanner(out)
	line.Scan()
	pid, err := strconv.Atoi(line.Text())
	must(t, err)
	if _, err := netns.New(name, "one"); !errors.Is(err, netns.ErrInUse) {
		t.Errorf("while its owner lives a world is made anew: %v", err)
	}
	must(t, syscall.Kill(pid, 0))
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	w, err := netns.New(name, "one")
	must(t, err)
	if err := w.Cut("one", "two"); err == nil || !strings.Contains(err.Error(), `no host "two"`) {
		t.Errorf("the old world's host is there: %v", err)
	}
	must(t, w.Close())
	gone := func() bool { // dead, if somebody has not yet asked for its end
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || bytes.Contains(stat, []byte(") Z "))
	}
	for begun := time.Now(); !gone(); time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > 5*time.Second {
			t.Fatal("what ran in the old world still runs")
		}
	}
	if left, _ := exec.Command("ip", "netns", "list").Output(); bytes.Contains(left, []byte(name+".")) {
		t.Errorf("there are still\n%s", left)
	}
}

func TestCommandsDieWithTheirWorld(t *testing.T) {
	possible(t)
	w, err := netns.NewFree("netns-test", "one")
	must(t, err)
	cmd := w.Command(t.Context(), "one", "sleep", "600")
	must(t, cmd.Start())
	must(t, w.Close())
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("it ended with %v", err)
	}
}

func TestTwoRunsShareAMachine(t *testing.T) {
	one := world(t, "one")
	two := world(t, "one")
	if err := one.Command(t.Context(), "one", "ip", "link", "set", "eth0", "down").Run(); err != nil {
		t.Fatal(err)
	}
	out, err := two.Command(t.Context(), "one", "ip", "link", "show", "eth0").Output()
	if err != nil || !bytes.Contains(out, []byte(",UP")) {
		t.Errorf("what is done in one world is seen in the other: %v: %s", err, out)
	}
}

func TestWrongNamesAreRefused(t *testing.T) {
	for _, c := range []struct {
		prefix, hosts, want string
	}{
		{"", "one", `prefix "": 1 to 63 letters`}, {"a.b", "one", `prefix "a.b"`}, {"a/b", "one", `prefix "a/b"`}, {"-a", "one", `prefix "-a"`},
		{"a", "", "0 hosts: 1 to 250"}, {"a", strings.Repeat("x ", 251), "251 hosts"}, {"a", "b/c", `host "b/c"`}, {"a", "b b", `host "b": the name is taken`},
		{"a", "bridge", `host "bridge": the name is taken`}, {"a", strings.Repeat("x", 64), "1 to 63"},
	} {
		if _, err := netns.New(c.prefix, strings.Fields(c.hosts)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q %q: %v", c.prefix, c.hosts, err)
		}
	}
	w := world(t, "one", "two")
	for name, err := range map[string]error{
		"cut": w.Cut("one", "three"), "heal": w.Heal("three", "one"), "itself": w.Cut("one", "one"), "command": w.Command(t.Context(), "three", "true").Run(),
		"isolate": w.Isolate("three"),
	} {
		if err == nil {
			t.Errorf("%s of a host that is not there works", name)
		}
	}
	if _, err := w.Dial(t.Context(), "tcp", "three:80"); err == nil || !strings.Contains(err.Error(), `no host "three"`) {
		t.Errorf("dial: %v", err)
	}
}
