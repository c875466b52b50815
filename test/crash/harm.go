package crash

import (
	"bytes"
	"math/rand/v2"
	"path"
	"slices"
	"strings"

	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
)

// harm is what a disk did to a file that was durable.
type harm struct {
	what    string
	files   []string
	content [][]byte // of each file; nil: the file is gone
	missing bool
	// unwritten says that a sector of the last batch is as it was before that
	// was written. Nobody can tell this from power that was lost in the middle.
	unwritten bool
}

// verdict is how a harmed disk was found.
type verdict string

const (
	asBefore    verdict = "as before"
	refusedDisk verdict = "refused"
	refusedFile verdict = "one file refused"
	asTorn      verdict = "as if torn"
)

// files gives the content of all files of a disk.
func files(d *memfs.Disk) (names []string, content map[string][]byte, err error) {
	content = map[string][]byte{}
	names = d.Files()
	for _, name := range names {
		if content[name], err = d.Content(name); err != nil {
			return nil, nil, err
		}
	}
	return names, content, nil
}

// harms tries every harm to a disk: every byte with a bit flipped, every sector
// zeroed, or only half of it, every file cut at each of its sectors and by a
// byte, gone, or with the content of each other of its kind.
func harms(d *memfs.Disk, batch extent, dice *rand.Rand, try func(harm) bool) error {
	names, content, err := files(d)
	if err != nil {
		return err
	}
	for _, name := range names {
		one := func(what string, b []byte, h harm) bool {
			h.what, h.files, h.content = what, []string{name}, [][]byte{b}
			return try(h)
		}
		if !flips(content[name], dice, one) || !sectors(name, content[name], batch, one) || !cuts(content[name], one) || !one("gone", nil, harm{missing: true}) {
			return nil
		}
		for _, other := range names {
			if other <= name || path.Ext(other) != path.Ext(name) || bytes.Equal(content[name], content[other]) {
				continue
			}
			if !try(harm{what: "swapped", files: []string{name, other}, content: [][]byte{content[other], content[name]}}) {
				return nil
			}
		}
	}
	return nil
}

func flips(content []byte, dice *rand.Rand, one func(string, []byte, harm) bool) bool {
	for i := range content {
		b := slices.Clone(content)
		b[i] ^= 1 << dice.IntN(8)
		if !one("flip", b, harm{}) {
			return false
		}
	}
	return true
}

func sectors(name string, content []byte, batch extent, one func(string, []byte, harm) bool) bool {
	for from := 0; from < len(content); from += wal.SectorBytes {
		to := min(from+wal.SectorBytes, len(content))
		last := name == batch.name && int64(from) >= batch.from && int64(from) < batch.to
		for _, at := range []int{from, from + (to-from)/2} {
			b := slices.Clone(content)
			clear(b[at:to])
			what := "sector zeroed"
			if at > from {
				what = "sector half zeroed"
			}
			if !bytes.Equal(b, content) && !one(what, b, harm{unwritten: last && at == from}) {
				return false
			}
		}
	}
	return true
}

func cuts(content []byte, one func(string, []byte, harm) bool) bool {
	for to := 0; to < len(content); to += wal.SectorBytes {
		if !one("cut", slices.Clone(content[:to]), harm{}) {
			return false
		}
	}
	return len(content) == 0 || one("cut", slices.Clone(content[:len(content)-1]), harm{})
}

// stale gives the harms by which one sector of a journal is again what it was
// on an earlier disk: a write that was acknowledged and never happened.
func stale(before, now *memfs.Disk, batch extent) (list []harm, err error) {
	names, content, err := files(now)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		old, err := before.Content(name)
		if !strings.HasSuffix(name, ".wal") || err != nil || len(old) != len(content[name]) {
			continue
		}
		for from := 0; from < len(old); from += wal.SectorBytes {
			was := old[from : from+wal.SectorBytes]
			if bytes.Equal(was, content[name][from:from+wal.SectorBytes]) {
				continue
			}
			b := slices.Clone(content[name])
			copy(b[from:], was)
			last := name == batch.name && int64(from) >= batch.from && int64(from) < batch.to
			list = append(list, harm{what: "stale sector", files: []string{name}, content: [][]byte{b},
				unwritten: last && bytes.Equal(was, make([]byte, wal.SectorBytes))})
		}
	}
	return list, nil
}

// do does the harm to a copy of a disk, durably.
func (h harm) do(to *memfs.Disk) (*memfs.Disk, error) {
	d := to.Clone()
	d.Crash(memfs.Lose)
	for i, name := range h.files {
		if h.content[i] != nil {
			if err := d.Put(name, h.content[i]); err != nil {
				return nil, err
			}
			continue
		}
		if err := d.Remove(name); err != nil {
			return nil, err
		}
	}
	return d, d.SyncDir(dir)
}
