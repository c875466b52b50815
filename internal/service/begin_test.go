package service_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"paxos/internal/service"
	"paxos/internal/wal"
	"paxos/paxos"
	"paxos/test/ports"
)

func TestANodeWaitsForItsDirectory(t *testing.T) {
	for _, role := range []paxos.RoleName{paxos.AcceptorRole, paxos.LearnerRole} {
		t.Run(string(role), func(t *testing.T) {
			dir := t.TempDir()
			flags := dataFlags(dir)
			if role == paxos.LearnerRole {
				flags = learnerFlags(dir)
			}
			lock, err := wal.Lock(dir, "its predecessor")
			must(t, err)
			log, ended := &output{}, make(chan error, 1)
			s := settingsOf(t, role, plain(ports.Free(t), append(flags, "--lock-wait", "1m")...)...)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			go func() { ended <- service.Run(ctx, s, log) }()
			until(t, "it says for whom it waits", func() bool {
				return strings.Contains(log.String(), "waits for at most 1m") && strings.Contains(log.String(), "its predecessor")
			})
			if code, _, err := get(s.Listen, "/livez"); err == nil {
				t.Errorf("it answers %d with another's directory", code)
			}
			must(t, lock.Unlock())
			until(t, "it answers", func() bool { code, _, err := get(s.Listen, "/livez"); return err == nil && code == http.StatusOK })
			stop()
			must(t, <-ended)
		})
	}
}

func TestANodeThatWaitsForItsDirectoryCanBeStopped(t *testing.T) {
	dir := t.TempDir()
	lock, err := wal.Lock(dir, "its predecessor")
	must(t, err)
	defer func() { must(t, lock.Unlock()) }()
	for name, wait := range map[string]string{"stopped": "10m", "patience is over": "200ms", "no patience": "0"} {
		t.Run(name, func(t *testing.T) {
			log, ended := &output{}, make(chan error, 1)
			s := settingsOf(t, paxos.AcceptorRole, plain(ports.Free(t), append(dataFlags(dir), "--lock-wait", wait)...)...)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			go func() { ended <- service.Run(ctx, s, log) }()
			if wait == "10m" {
				until(t, "it waits", func() bool { return strings.Contains(log.String(), "waits for at most") })
				stop()
			}
			select {
			case err := <-ended:
				if !errors.As(err, new(*wal.HeldError)) {
					t.Errorf("it ends with %v", err)
				}
			case <-time.After(patience):
				t.Fatal("it does not end")
			}
		})
	}
}

// A learner and a client service of a cluster whose acceptors do not answer are
// not ready at once: they may have missed everything.
func TestANodeIsReadyWhenItHasCaughtUp(t *testing.T) {
	gossip := ports.Free(t)
	acceptorDir := t.TempDir()
	acceptor := runInside(t, paxos.AcceptorRole, append(dataFlags(acceptorDir), "--gossip-listen", gossip)...)
	initialise(t, acceptor.address)
	learner := runInside(t, paxos.LearnerRole, append(learnerFlags(t.TempDir()), "--join", gossip)...)
	client := runInside(t, paxos.ClientRole, "--join", gossip)
	for _, n := range []*inside{learner, client} {
		until(t, "it is ready", func() bool { code, _, err := get(n.address, "/readyz"); return err == nil && code == http.StatusOK })
	}
	if h := healthOf(t, learner.address); h.Cluster.IsZero() {
		t.Error("the learner is ready and knows no cluster")
	}
	// What is ready says nothing about others.
	must(t, acceptor.end())
	for _, n := range []*inside{learner, client} {
		if code, b, err := get(n.address, "/readyz"); err != nil || code != http.StatusOK {
			t.Errorf("without acceptors, /readyz says %d %s %v", code, b, err)
		}
	}
	lonely := runInside(t, paxos.LearnerRole, learnerFlags(t.TempDir())...)
	code, b, err := get(lonely.address, "/readyz")
	must(t, err)
	began := code == http.StatusServiceUnavailable && strings.Contains(string(b), "urn:paxos:starting")
	if up := healthOf(t, lonely.address).Uptime; !began && up < 5 {
		t.Errorf("a learner that has heard of nobody is ready %v s after its start: %d %s", up, code, b)
	}
}
