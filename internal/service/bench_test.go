package service_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"paxos/client"
	"paxos/paxos"
	"paxos/test/ports"
)

// gathering is a cluster of ten nodes in this process, at the default settings,
// so that one profile shows all of them.
type gathering struct {
	proposers, acceptors, learners, clients []string // addresses
}

func gather(b *testing.B) gathering {
	b.Helper()
	// A real disk: what is measured is mostly what is synced.
	dir, err := os.MkdirTemp(".", "bench-data-")
	must(b, err)
	b.Cleanup(func() { must(b, os.RemoveAll(dir)) })
	seed := ports.Free(b)
	var g gathering
	start := func(role paxos.RoleName, n int, disk bool, to *[]string) {
		for i := 1; i <= n; i++ {
			id := fmt.Sprintf("%s%d", role, i)
			address, gossip := ports.Free(b), "127.0.0.1:0"
			if id == "acceptor1" {
				gossip = seed
			}
			flags := []string{"--id", id, "--listen", address, "--gossip-listen", gossip, "--local", "--join", seed, "--acceptors", "acceptor1,acceptor2,acceptor3", "--learners", "learner1,learner2"}
			if disk {
				flags = append(flags, "--data", filepath.Join(dir, id))
			}
			*to = append(*to, runAt(b, role, address, flags...).address)
		}
	}
	start(paxos.AcceptorRole, 3, true, &g.acceptors)
	start(paxos.ProposerRole, 3, false, &g.proposers)
	start(paxos.LearnerRole, 2, true, &g.learners)
	start(paxos.ClientRole, 2, false, &g.clients)
	until(b, "a cluster is made", func() bool {
		code, _, err := post(g.acceptors[0], "/init", "")
		return err == nil && code == http.StatusOK
	})
	until(b, "a write is applied", func() bool {
		code, _, err := post(g.clients[0], "/send", `{"value":"first"}`)
		return err == nil && code == http.StatusOK
	})
	return g
}

// keepAlive is a user with one connection, who asks for one thing after another
// and spends next to nothing on it.
type keepAlive struct {
	conn net.Conn
	in   *bufio.Reader
}

func dial(b *testing.B, address string) *keepAlive {
	conn, err := net.Dial("tcp", address)
	must(b, err)
	b.Cleanup(func() { _ = conn.Close() })
	return &keepAlive{conn, bufio.NewReader(conn)}
}

// ask sends a request as it is and reads the whole answer.
func (k *keepAlive) ask(request []byte) error {
	if _, err := k.conn.Write(request); err != nil {
		return err
	}
	length := 0
	for first := true; ; first = false {
		line, err := k.in.ReadSlice('\n')
		switch {
		case err != nil:
			return err
		case first && !strings.HasPrefix(string(line), "HTTP/1.1 200 "):
			return fmt.Errorf("it answers %q", line)
		case len(line) > 16 && strings.EqualFold(string(line[:15]), "Content-Length:"):
			for _, d := range line[16:] {
				if d >= '0' && d <= '9' {
					length = 10*length + int(d-'0')
				}
			}
		case len(line) == 2:
			_, err := io.CopyN(io.Discard, k.in, int64(length))
			return err
		}
	}
}

// BenchmarkWholeCluster is one operation through all ten nodes, theirs and the
// users' share of time and memory together, with as many users as it says.
func BenchmarkWholeCluster(b *testing.B) {
	put := func(user, n int) []byte {
		return fmt.Appendf(nil, "PUT /kv/bench/%d/%d HTTP/1.1\r\nHost: a\r\nContent-Length: 256\r\n\r\n%s", user, n%1000, strings.Repeat("v", 256))
	}
	get := func(user, n int) []byte {
		return fmt.Appendf(nil, "GET /kv/bench/%d/%d HTTP/1.1\r\nHost: a\r\n\r\n", user, 0)
	}
	g := gather(b)
	run := func(name string, users int, addresses []string, request func(user, n int) []byte) {
		b.Run(fmt.Sprintf("%s/users=%d", name, users), func(b *testing.B) {
			var left atomic.Int64
			left.Store(int64(b.N))
			var running sync.WaitGroup
			crowd := make([]*keepAlive, users)
			for u := range crowd {
				crowd[u] = dial(b, addresses[u%len(addresses)])
			}
			b.ReportAllocs()
			b.ResetTimer()
			for u, k := range crowd {
				running.Go(func() {
					for n := 0; left.Add(-1) >= 0; n++ {
						if err := k.ask(request(u, n)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			running.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
		})
	}
	for _, users := range []int{1, 16, 128, 512} {
		run("put", users, g.clients, put)
	}
	run("get", 512, g.clients, get)
	run("get-at-learners", 512, g.learners, get)
	for _, callers := range []int{1, 16, 128, 512} {
		b.Run(fmt.Sprintf("stream/callers=%d", callers), func(b *testing.B) { benchStream(b, g.clients, callers) })
	}
}

// benchStream is a program with so many callers of one client.Client.
func benchStream(b *testing.B, addresses []string, callers int) {
	c, err := client.New(addresses)
	must(b, err)
	defer c.Close()
	for range 2 { // the second one opens the stream
		_, err := c.Put(b.Context(), "bench/first", "")
		must(b, err)
	}
	value := strings.Repeat("v", 256)
	var left atomic.Int64
	left.Store(int64(b.N))
	var running sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for u := range callers {
		running.Go(func() {
			for n := 0; left.Add(-1) >= 0; n++ {
				if _, err := c.Put(b.Context(), fmt.Sprintf("bench/%d/%d", u, n%1000), value); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
}
