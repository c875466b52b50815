package wal_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

// A walk over everything that can be wrong with one small directory. What is
// demanded is, exactly:
//
//   - any flipped byte, in any file: refused as damage. Nothing is ever
//     truncated for a flipped byte, the last batch is no exception;
//   - any file cut, grown or gone: refused, but for the prepared segment
//     that no batch has announced, which nobody needs;
//   - any sectors of the last batch unwritten: that batch is gone as a whole,
//     all others are there, and the journal goes on;
//   - any sectors of an earlier batch unwritten: refused.
type walk struct {
	im     image
	stored wal.Stored
	want   []string // the records of all batches
	last   int      // how many of them are in the last batch
	from   int      // the last batch's first sector in segment 2
	to     int      // and the one after its last
}

const identity = "identity"

func newWalk(t *testing.T) walk {
	t.Helper()
	disk := newDisk(t)
	w := walk{stored: wal.Stored{Format: wal.IdentityFormat, Starts: 1 << 60, Identity: paxos.Identity{
		Standing: paxos.Member, Cluster: bind.Cluster, Node: "acceptor1", Store: bind.Store,
		Config: paxos.Configuration{Acceptors: []paxos.NodeID{"acceptor1"}},
		Stores: []paxos.StoreOf{{Acceptor: "acceptor1", Store: bind.Store}},
	}}}
	must(t, wal.WriteIdentity(disk, dir, w.stored))
	j, _ := mustOpen(t, disk, small(true))
	for _, sizes := range [][]int{{3, 400, 0}, {1000}, {700}, {20}, {5}} {
		w.want = append(w.want, put(t, j, sizes...)...)
	}
	if j.Position().Segment != 2 {
		t.Fatalf("position: %+v", j.Position())
	}
	before := j.Stats().WrittenBytes
	w.from = 3
	w.want = append(w.want, put(t, j, 300, 0, 900)...)
	w.last = 3
	w.to = w.from + int(j.Stats().WrittenBytes-before)/wal.SectorBytes
	w.im = imageOf(t, disk)
	if s := w.im[segment(2)]; len(w.im) != 4 || w.to != 6 || bytes.Equal(s[w.from*512:w.to*512], make([]byte, 3*512)) ||
		!bytes.Equal(s[w.to*512:], make([]byte, 2*512)) {
		t.Fatalf("the walk's journal is not the one that its tests are about")
	}
	return w
}

// open reads identity and journal, as an acceptor does that is a member. It
// spares itself the identity when another file is the one that was changed.
func (w walk) open(t *testing.T, disk *memfs.Disk, changed string) (*wal.Journal, []string, error) {
	t.Helper()
	if changed != identity {
		return read(disk, small(false))
	}
	stored, found, err := wal.ReadIdentity(disk, dir)
	if err != nil {
		return nil, nil, err
	}
	if !found {
		if exists, err := wal.Exists(disk, dir); err != nil || !exists {
			t.Fatalf("no identity, and Exists says %v, %v", exists, err)
		}
		return nil, nil, fmt.Errorf("identity is damaged at byte 0: it is gone, must not vote: %w", &wal.DamageError{})
	}
	if !reflect.DeepEqual(stored, w.stored) {
		t.Fatalf("the identity has become %+v", stored)
	}
	return read(disk, small(false))
}

func TestWalkUntouched(t *testing.T) {
	w := newWalk(t)
	_, got, err := w.open(t, w.im.disk(t), identity)
	must(t, err)
	same(t, got, w.want)
}

func TestWalkFlippedBytes(t *testing.T) {
	w := newWalk(t)
	// One disk for all: an Open that is refused changes nothing.
	disk := w.im.disk(t)
	for name, content := range w.im {
		for at := range content {
			// The last mask makes the byte zero: were there a byte that alone
			// makes a written sector look unwritten, this would find it.
			for _, mask := range []byte{0x01, 0xff, content[at]} {
				flipped := bytes.Clone(content)
				flipped[at] ^= mask
				if mask == 0 {
					continue
				}
				must(t, disk.Put(filepath.Join(dir, name), flipped))
				_, _, err := w.open(t, disk, name)
				wantDamage(t, err, name)
			}
		}
		must(t, disk.Put(filepath.Join(dir, name), content))
	}
	_, got, err := w.open(t, disk, identity)
	must(t, err)
	same(t, got, w.want)
}

func TestWalkCutAndGrownFiles(t *testing.T) {
	w := newWalk(t)
	for name, content := range w.im {
		for n := range content {
			_, _, err := w.open(t, w.im.with(name, content[:n:n]).disk(t), name)
			wantDamage(t, err, name)
		}
		for _, n := range []int{1, 512, 4096} {
			_, _, err := w.open(t, w.im.with(name, append(bytes.Clone(content), make([]byte, n)...)).disk(t), name)
			wantDamage(t, err, name)
		}
		_, got, err := w.open(t, w.im.with(name, nil).disk(t), name)
		if name == segment(3) && err == nil {
			same(t, got, w.want)
			continue
		}
		wantDamage(t, err, name)
	}
}

func TestWalkTornLastBatch(t *testing.T) {
	w := newWalk(t)
	for lost := 1; lost < 1<<(w.to-w.from); lost++ {
		content := w.im[segment(2)]
		for i := range w.to - w.from {
			if lost>>i&1 == 1 {
				content = zeroed(content, w.from+i)
			}
		}
		im := w.im.with(segment(2), content)
		disk := im.disk(t)
		j, got := mustOpen(t, disk, small(false))
		want := slices.Clone(w.want[:len(w.want)-w.last])
		same(t, got, want)
		if tail := imageOf(t, disk)[segment(2)][w.from*512:]; !bytes.Equal(tail, make([]byte, len(tail))) {
			t.Fatalf("sectors %b lost: the torn batch was not removed", lost)
		}
		want = append(want, put(t, j, 50)...)
		_, got = mustOpen(t, disk, small(false))
		same(t, got, want)

		// A flipped byte in what is left of the batch, on top.
		for at := w.from * 512; at < w.to*512; at++ {
			if content[at] == 0 {
				continue
			}
			flipped := bytes.Clone(content)
			flipped[at] ^= 0xff
			if _, got, err := w.open(t, im.with(segment(2), flipped).disk(t), segment(2)); err == nil {
				same(t, got, w.want[:len(w.want)-w.last])
			}
		}
	}
}

func TestWalkUnwrittenSectorsElsewhere(t *testing.T) {
	w := newWalk(t)
	for _, name := range []string{segment(1), segment(2)} {
		for sector := range 8 {
			content := w.im[name]
			gone := zeroed(content, sector)
			if bytes.Equal(gone, content) || name == segment(2) && sector >= w.from {
				continue
			}
			_, _, err := w.open(t, w.im.with(name, gone).disk(t), name)
			wantDamage(t, err, name)
			// The same with all that follows in that segment.
			clear(gone[sector*512:])
			if name == segment(1) {
				_, _, err = w.open(t, w.im.with(name, gone).disk(t), name)
				wantDamage(t, err, "")
			}
		}
	}
}
