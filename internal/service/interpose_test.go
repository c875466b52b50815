package service_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"paxos/acceptor"
	"paxos/internal/node"
	"paxos/internal/wal"
	"paxos/paxos"
)

// recorder puts what is done to files and what is sent into one order.
type recorder struct {
	mu    sync.Mutex
	now   int
	deeds []deed
}

func (r *recorder) tick() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now++
	return r.now
}

// during notes a deed that took as long as do.
func (r *recorder) during(d deed, do func() error) error {
	d.began = r.tick()
	err := do()
	d.ended = never
	if err == nil {
		d.ended = r.tick()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deeds = append(r.deeds, d)
	return err
}

// Send implements node.Network.
func (r *recorder) Send(envelopes []paxos.Envelope) {
	for _, e := range envelopes {
		_ = r.during(deed{kind: answers, says: speaksFor(e.Message)}, func() error { return nil })
	}
}

// watchedFS is the machine's file system, watched.
type watchedFS struct {
	wal.FS
	r *recorder
}

type watchedFile struct {
	wal.File
	name string
	r    *recorder
}

func (f watchedFS) Create(name string) (wal.File, error) { return f.watch(name)(f.FS.Create(name)) }
func (f watchedFS) Open(name string) (wal.File, error)   { return f.watch(name)(f.FS.Open(name)) }

func (f watchedFS) watch(name string) func(wal.File, error) (wal.File, error) {
	return func(file wal.File, err error) (wal.File, error) {
		if err != nil {
			return nil, err
		}
		// A segment is made under another name, and keeps its file.
		return watchedFile{file, strings.TrimSuffix(name, ".tmp"), f.r}, nil
	}
}

func (f watchedFile) WriteAt(p []byte, offset int64) (n int, err error) {
	err = f.r.during(deed{kind: writes, file: f.name, data: records(slices.Clone(p))}, func() error { n, err = f.File.WriteAt(p, offset); return err })
	return n, err
}

func (f watchedFile) Sync() error {
	return f.r.during(deed{kind: syncs, file: f.name}, f.File.Sync)
}

func (f watchedFile) SyncData() error {
	return f.r.during(deed{kind: syncs, file: f.name}, f.File.SyncData)
}

var alone = paxos.Configuration{Acceptors: []paxos.NodeID{"acceptor1"}, Learners: []paxos.NodeID{"learner1"}}

// watchedLoop is an acceptor that is a member, on a disk and a network that are
// watched.
func watchedLoop(t *testing.T, r *recorder) (*node.Loop, paxos.Header) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	disk, found, err := node.OpenDisk(watchedFS{wal.OS(), r}, dir, "acceptor1", wal.Options{SegmentBytes: 1 << 16, AllowUnsafeFS: true})
	if err != nil {
		t.Fatal(err)
	}
	must(t, wal.OS().Mkdir(dir))
	a := acceptor.New(acceptor.Config{Node: "acceptor1", Configuration: alone, FreshCluster: paxos.ClusterID{1}, FreshStore: 1, PageBytes: 1 << 20}, found.Identity)
	l := node.New(node.Options{Role: a, Store: disk, Network: r, Tick: time.Millisecond, Now: time.Now})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, disk.Close()); err != nil {
			t.Error(err)
		}
	})
	_, err = l.Do(context.Background(), paxos.Envelope{To: "acceptor1", Config: alone.Stamp(), Message: paxos.Init{}})
	must(t, err)
	return l, paxos.Header{Node: "proposer1", Cluster: paxos.ClusterID{1}, Config: alone.Stamp()}
}

func TestNoAnswerIsSentBeforeItsSyncWithinOneProcess(t *testing.T) {
	r := &recorder{}
	l, h := watchedLoop(t, r)
	const asked = 900
	var group errgroup.Group
	group.SetLimit(8)
	for i := range asked {
		group.Go(func() error {
			path, body := question(i + 1)
			kind := map[string]paxos.Kind{"/prepare": paxos.KindPrepare, "/accept": paxos.KindAccept}[path]
			e, err := paxos.DecodeJSON(kind, []byte(body))
			if err != nil {
				return err
			}
			return l.Submit(context.Background(), h.Envelope("acceptor1", e.Message))
		})
	}
	must(t, group.Wait())
	until(t, "all answers", func() bool { return l.Counts().Sent.Load() >= asked })
	var deeds []deed
	must(t, l.Inspect(context.Background(), func() { deeds = slices.Clone(r.deeds) }))
	spoken, err := checkOrder(deeds)
	must(t, err)
	if spoken < asked {
		t.Fatalf("%d questions, %d ballots spoken for", asked, spoken)
	}
	unsynced := slices.DeleteFunc(slices.Clone(deeds), func(d deed) bool { return d.kind == syncs })
	if _, err := checkOrder(unsynced); err == nil {
		t.Error("without its syncs the order passes")
	}
	t.Logf("%d questions, %d ballots spoken for, %d syncs", asked, spoken, len(deeds)-len(unsynced))
}
