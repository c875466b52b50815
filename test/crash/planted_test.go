package crash

import (
	"bytes"
	"path"
	"strings"
	"testing"

	"paxos/internal/wal"
)

// planted is a file system with something wrong in it, as a node would have if
// it left out a call or did two in the wrong order. A nil function is right.
type planted struct {
	wal.FS
	syncDir  func(dir string) error
	remove   func(name string) error
	rename   func(fs wal.FS, from, to string) error
	sync     func(name string) bool // whether it is done
	syncData bool                   // whether it is left out
	write    func(f wal.File, name string, p []byte, at int64) bool
}

type plantedFile struct {
	wal.File
	fs   *planted
	name string
}

func (p *planted) SyncDir(dir string) error {
	if p.syncDir != nil {
		return p.syncDir(dir)
	}
	return p.FS.SyncDir(dir)
}

func (p *planted) Remove(name string) error {
	if p.remove != nil {
		return p.remove(name)
	}
	return p.FS.Remove(name)
}

func (p *planted) Rename(from, to string) error {
	if p.rename != nil {
		return p.rename(p.FS, from, to)
	}
	return p.FS.Rename(from, to)
}

func (p *planted) Create(name string) (wal.File, error) {
	f, err := p.FS.Create(name)
	return &plantedFile{f, p, name}, err
}

func (p *planted) Open(name string) (wal.File, error) {
	f, err := p.FS.Open(name)
	return &plantedFile{f, p, name}, err
}

func (f *plantedFile) Sync() error {
	if f.fs.sync != nil && !f.fs.sync(f.name) {
		return nil
	}
	return f.File.Sync()
}

func (f *plantedFile) SyncData() error {
	if f.fs.syncData {
		return nil
	}
	return f.File.SyncData()
}

func (f *plantedFile) WriteAt(p []byte, at int64) (int, error) {
	if f.fs.write != nil && !f.fs.write(f.File, f.name, p, at) {
		return len(p), nil
	}
	return f.File.WriteAt(p, at)
}

// not syncs all files but those whose name ends so.
func not(suffix string) func(string) bool {
	return func(name string) bool { return !strings.HasSuffix(name, suffix) }
}

// plants are what may be wrong, by what it is and whose disk shows it.
var plants = map[string]struct {
	kind string
	make func(wal.FS) *planted
}{
	"names are never synced":               {"acceptor", func(wal.FS) *planted { return &planted{syncDir: func(string) error { return nil }} }},
	"a learner's names are never synced":   {"learner", func(wal.FS) *planted { return &planted{syncDir: func(string) error { return nil }} }},
	"batches are not synced":               {"acceptor", func(wal.FS) *planted { return &planted{syncData: true} }},
	"a segment is named before its sync":   {"acceptor", func(wal.FS) *planted { return &planted{sync: not(".wal.tmp")} }},
	"an identity is named before its sync": {"acceptor", func(wal.FS) *planted { return &planted{sync: not("identity.tmp")} }},
	"a snapshot is named before its sync":  {"learner", func(wal.FS) *planted { return &planted{sync: not(".snapshot.tmp")} }},
	"a transfer is named before its sync":  {"learner", func(wal.FS) *planted { return &planted{sync: not(".incoming")} }},
	"what a truncation drops stays": {"acceptor", func(fs wal.FS) *planted {
		return &planted{remove: func(name string) error {
			if strings.HasSuffix(name, ".wal") {
				return nil
			}
			return fs.Remove(name)
		}}
	}},
	"snapshots are not pruned": {"learner", func(fs wal.FS) *planted {
		return &planted{remove: func(name string) error {
			if strings.HasSuffix(name, ".snapshot") {
				return nil
			}
			return fs.Remove(name)
		}}
	}},
	"a torn batch is not zeroed": {"acceptor", func(wal.FS) *planted {
		return &planted{write: func(_ wal.File, name string, p []byte, _ int64) bool {
			return !strings.HasSuffix(name, ".wal") || !bytes.Equal(p, make([]byte, len(p)))
		}}
	}},
	"the last batch is not written again after a failed sync": {"acceptor", func(wal.FS) *planted {
		return &planted{write: func(f wal.File, _ string, p []byte, at int64) bool {
			old := make([]byte, len(p))
			n, _ := f.ReadAt(old, at)
			return n < len(p) || !bytes.Equal(old, p)
		}}
	}},
	"starts are not counted": {"acceptor", func(wal.FS) *planted {
		return &planted{rename: func(fs wal.FS, from, to string) error {
			if f, err := fs.Open(to); err == nil && path.Base(to) == "identity" {
				_ = f.Close()
				return fs.Remove(from)
			}
			return fs.Rename(from, to)
		}}
	}},
	"the old snapshot goes before the new one is named": {"learner", func(wal.FS) *planted {
		return &planted{rename: func(fs wal.FS, from, to string) error {
			names, err := fs.ReadDir(dir)
			for _, name := range names {
				if err == nil && strings.HasSuffix(name, ".snapshot") {
					err = fs.Remove(path.Join(dir, name))
				}
			}
			if err == nil {
				err = fs.SyncDir(dir)
			}
			if err != nil {
				return err
			}
			return fs.Rename(from, to)
		}}
	}},
}

// TestWhatIsPlantedIsFound: a judge that finds nothing wrong must be able to.
// What it finds is found again at the place that it names.
func TestWhatIsPlantedIsFound(t *testing.T) {
	for what, plant := range plants {
		t.Run(what, func(t *testing.T) {
			in := func(fs wal.FS) wal.FS {
				p := plant.make(fs)
				p.FS = fs
				return p
			}
			bounds := few
			bounds.harms, bounds.kills = 0, 1
			_, failed := explore(&explorer{kind: plant.kind, bounds: bounds, plant: in})
			if failed == nil {
				t.Fatal("nobody objects")
			}
			t.Logf("%.200s", failed.Error())
			at, err := parsePlace(failed.Where)
			if err != nil {
				t.Fatal(err)
			}
			again, err := (&explorer{bounds: bounds, plant: in}).replay(at)
			if err != nil || again == nil || again.Why.Error() != failed.Why.Error() {
				t.Errorf("at that place, what is wrong is %v, %v", again, err)
			}
		})
	}
}
