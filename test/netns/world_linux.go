package netns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// World is a bridge in a namespace of its own, and a namespace for each host.
// Its methods may be called by many goroutines.
type World struct {
	prefix string
	hosts  []string
	lock   *os.File
	bridge *os.File // the bridge's namespace

	mu  sync.Mutex    // held while rules are changed
	cut map[Link]Link // by way
}

// All worlds have the same addresses: none knows of another one.
const (
	network    = "10.77.0."
	netmask    = "/24"
	bridgeHost = "254"
)

const (
	buildLimit = 10 * time.Second
	mostWorlds = 64
)

// namespaces is where iproute2 keeps its names.
const namespaces = "/run/netns"

// home is the namespace of this process, before any thread of it went elsewhere.
var home = sync.OnceValues(func() (*os.File, error) { return os.Open("/proc/self/ns/net") })

// Possible says why no world can be made here; nil if one can. It tries, once.
func Possible() error { return possible() }

var possible = sync.OnceValue(func() error {
	if os.Getuid() != 0 {
		return errors.New("only root can make network namespaces")
	}
	for tool, from := range map[string]string{"ip": "iproute2", "iptables-restore": "iptables"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("there is no %s (package %s)", tool, from)
		}
	}
	w, err := NewFree("possible", "one", "two")
	if err != nil {
		return err
	}
	return errors.Join(w.Cut("one", "two"), w.Heal("one", "two"), w.Close())
})

// New makes a world. What a process that is dead by now left of one of the same
// prefix is removed first, its processes with it; if a living one has it, the
// error is ErrInUse.
func New(prefix string, hosts ...string) (*World, error) {
	if err := checkNames(prefix, hosts); err != nil {
		return nil, err
	}
	if _, err := home(); err != nil {
		return nil, err
	}
	lock, err := take(prefix)
	if err != nil {
		return nil, err
	}
	w := &World{prefix: prefix, hosts: slices.Clone(hosts), lock: lock, cut: map[Link]Link{}}
	err = w.clear()
	if err == nil {
		err = w.build()
	}
	if err == nil {
		w.bridge, err = os.Open(filepath.Join(namespaces, w.namespace(bridgeName)))
	}
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// NewFree makes a world under the first of the prefixes base0, base1 and so on
// that no living process has: several runs may share a machine, and what one
// left that was killed is removed by the next.
func NewFree(base string, hosts ...string) (*World, error) {
	var err error
	for i := range mostWorlds {
		var w *World
		if w, err = New(base+strconv.Itoa(i), hosts...); !errors.Is(err, ErrInUse) {
			return w, err
		}
	}
	return nil, err
}

// take takes the prefix for as long as this process lives, or the world does.
func take(prefix string) (*os.File, error) {
	for {
		lock, err := os.OpenFile(filepath.Join(os.TempDir(), "paxos-netns-"+prefix+".lock"), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrInUse
		}
		if err != nil {
			_ = lock.Close()
			return nil, fmt.Errorf("%s: %w", prefix, err)
		}
		// Whoever had it removed the file when it closed its world: a lock on what
		// has no name any more keeps nobody out.
		held, err := lock.Stat()
		named, gone := os.Stat(lock.Name())
		if err == nil && gone == nil && os.SameFile(held, named) {
			return lock, nil
		}
		if err = errors.Join(err, lock.Close()); err != nil {
			return nil, err
		}
	}
}

// namespace is the name of a host's; no prefix has a dot, so that none is the
// beginning of another one's names.
func (w *World) namespace(host string) string { return w.prefix + "." + host }

func (w *World) build() error {
	for _, host := range append([]string{bridgeName}, w.hosts...) {
		if err := ip("", "netns", "add", w.namespace(host)); err != nil {
			return err
		}
	}
	inside := "link set lo up\nlink add br0 type bridge\naddr add " + network + bridgeHost + netmask + " dev br0\nlink set br0 up\n"
	for i, host := range w.hosts {
		port := "v" + strconv.Itoa(i+1)
		// Both ends are made where they belong, and never stand in the machine's own.
		// The kernel tells of a cable at once if its ends differ in their numbers,
		// and up to a second late if not.
		if err := ip("", "link", "add", port, "index", strconv.Itoa(100+i), "netns", w.namespace(bridgeName),
			"type", "veth", "peer", "name", "eth0", "netns", w.namespace(host)); err != nil {
			return err
		}
		inside += "link set " + port + " master br0\nlink set " + port + " up\n"
		own := "link set lo up\naddr add " + w.Address(host).String() + netmask + " dev eth0\nlink set eth0 up\n"
		if err := ip(own, "-n", w.namespace(host), "-batch", "-"); err != nil {
			return err
		}
	}
	if err := ip(inside, "-n", w.namespace(bridgeName), "-batch", "-"); err != nil {
		return err
	}
	return w.wait()
}

// wait waits until the bridge forwards what each host sends.
func (w *World) wait() error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for begun := time.Now(); ; <-ticker.C {
		out, err := run("", "ip", "-n", w.namespace(bridgeName), "-details", "-oneline", "link", "show", "master", "br0")
		n := strings.Count(string(out), " state forwarding ")
		if err != nil || n == len(w.hosts) {
			return err
		}
		if time.Since(begun) > buildLimit {
			return fmt.Errorf("after %v the bridge forwards for %d of %d hosts", buildLimit, n, len(w.hosts))
		}
	}
}

func ip(stdin string, args ...string) error {
	_, err := run(stdin, "ip", args...)
	return err
}

func run(stdin, name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return out, nil
}

// Address is where a host is; the zero Addr for one that is not of this world.
func (w *World) Address(host string) netip.Addr {
	i := slices.Index(w.hosts, host)
	if i < 0 {
		return netip.Addr{}
	}
	return netip.MustParseAddr(network + strconv.Itoa(i+1))
}

// Command is one that runs on a host. It is killed when ctx ends, and when this
// process does, however that ends.
func (w *World) Command(ctx context.Context, host, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", w.namespace(host), name}, args...)...)
	// ip gives way to the program, so that the process is the program's. A group
	// of its own keeps a Ctrl-C for the caller.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if !slices.Contains(w.hosts, host) {
		cmd.Err = w.stranger(host)
	}
	return cmd
}

func (w *World) stranger(host string) error {
	return fmt.Errorf("there is no host %q in the world; there are %s", host, strings.Join(w.hosts, ", "))
}

// Dial connects into the world, from the bridge, which no cut concerns. Hosts
// may be called by their names; it fits http.Transport.DialContext.
func (w *World) Dial(ctx context.Context, kind, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if at := w.Address(host); at.IsValid() {
		host = at.String()
	}
	if _, err := netip.ParseAddr(host); err != nil {
		return nil, w.stranger(host)
	}
	// A socket is of the namespace in which its thread made it, for ever. For an
	// address in numbers Dial makes it in the caller's thread.
	runtime.LockOSThread()
	if err := enter(w.bridge); err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, kind, net.JoinHostPort(host, port))
	back, _ := home()
	if failed := enter(back); failed != nil {
		// A thread that is not at home must do nothing else: it stays locked, and
		// ends with its goroutine.
		if conn != nil {
			_ = conn.Close()
		}
		return nil, fmt.Errorf("a thread is lost in another network: %w", failed)
	}
	runtime.UnlockOSThread()
	return conn, err
}

func enter(namespace *os.File) error {
	if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("setns: %w", err)
	}
	return nil
}

// Close kills what runs on the hosts, and removes the world.
func (w *World) Close() error {
	err := w.clear()
	if w.bridge != nil {
		err = errors.Join(err, w.bridge.Close())
	}
	return errors.Join(err, os.Remove(w.lock.Name()), w.lock.Close())
}

// clear removes every namespace of the prefix, and kills what runs in it.
func (w *World) clear() error {
	entries, err := os.ReadDir(namespaces)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), w.prefix+".") {
			err = errors.Join(err, kill(e.Name()), ip("", "netns", "del", e.Name()))
		}
	}
	return err
}

func kill(namespace string) error {
	out, err := run("", "ip", "netns", "pids", namespace)
	for _, field := range strings.Fields(string(out)) {
		pid, failed := strconv.Atoi(field)
		if failed == nil {
			failed = syscall.Kill(pid, syscall.SIGKILL)
		}
		if failed != nil && !errors.Is(failed, syscall.ESRCH) {
			err = errors.Join(err, fmt.Errorf("kill %s: %w", field, failed))
		}
	}
	return err
}
