package snapshot_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"paxos/internal/snapshot"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

// contentOf is the snapshot of a state, as it is on a disk.
func contentOf(tb testing.TB, s toy, chunk int) []byte {
	tb.Helper()
	disk := newDisk(tb)
	o := options(disk)
	o.Sizes.Chunk = chunk
	k, _, err := snapshot.Open(o)
	must(tb, err)
	mustSave(tb, k, s)
	content, err := disk.Content(files(disk, ".snapshot")[0])
	must(tb, err)
	return content
}

// readAnyToy is readToy for bytes that nobody meant: it takes memory as they come.
func readAnyToy(r io.Reader) (paxos.State, error) {
	var head [16]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint64(head[8:])
	if size > 1<<20 {
		return nil, errUnreadable
	}
	var body bytes.Buffer
	if _, err := io.CopyN(&body, r, int64(size)); err != nil {
		return nil, err
	}
	return toy{applied: paxos.Slot(binary.LittleEndian.Uint64(head[:])), body: body.Bytes()}, nil
}

// payload is what the chunks of a sound container hold, and how long its end is.
func payload(content []byte) (whole []byte, end int) {
	b := content[64:]
	for n := binary.LittleEndian.Uint32(b); n != 1<<32-1; n = binary.LittleEndian.Uint32(b) {
		whole, b = append(whole, b[8:8+n]...), b[8+n:]
	}
	return whole, len(b)
}

// FuzzContainer puts any bytes where the snapshot of slot 7 is, as they are or
// with sound checksums. They are one, of the very state that is in them; or they
// are refused, as damaged, of another cluster, or of a version nobody here knows.
func FuzzContainer(f *testing.F) {
	add := func(content []byte) {
		f.Add(content, false)
		f.Add(content, true)
	}
	for _, size := range []int{0, 5, 300} {
		for _, chunk := range []int{0, 16, 100} {
			add(contentOf(f, stateAt(7, size), chunk))
		}
	}
	sound := contentOf(f, stateAt(7, 300), 100)
	add(snapshot.WithVersion(sound, 2))
	add(contentOf(f, stateAt(8, 5), 0))
	add(append(bytes.Clone(sound), 0))
	add(sound[:len(sound)-1])
	later := bytes.Clone(sound)
	later[64+8]++ // in the state: the slots that it has applied
	add(later)
	longer := contentOf(f, toy{applied: 8, body: []byte("and more")}, 0)
	longer[64+8+8]-- // in the state: how long it is
	add(longer)
	f.Fuzz(func(t *testing.T, content []byte, sealed bool) {
		if sealed {
			content = snapshot.Sealed(content)
		}
		disk := newDisk(t)
		const name = dir + "/0000000000000007.snapshot"
		must(t, disk.Put(name, content))
		o := options(disk)
		o.Decode = readAnyToy
		_, found, err := snapshot.Open(o)
		if err != nil {
			var unknown *snapshot.UnknownError
			var foreign *snapshot.ForeignError
			if !errors.As(err, &unknown) && !errors.As(err, &foreign) {
				t.Fatalf("neither a snapshot nor refused: %v", err)
			}
			if now, err := disk.Content(name); err != nil || !bytes.Equal(now, content) {
				t.Fatalf("it was refused, and is not as it was: %v", err)
			}
			return
		}
		if found.State == nil {
			if len(found.Damaged) != 1 || found.Kept != (paxos.SnapshotSaved{}) {
				t.Fatalf("it is not taken, and what is said is %+v", found)
			}
			return
		}
		var written bytes.Buffer
		_, err = found.State.WriteTo(&written)
		must(t, err)
		if whole, end := payload(content); found.Kept.Slot != 7 || found.State.Applied() != 8 || len(found.Damaged) > 0 || !bytes.Equal(written.Bytes(), whole) || end != 48 {
			t.Fatalf("it is taken for %+v, with %d bytes of %d, and %d at its end", found.Kept, written.Len(), len(whole), end)
		}
		disk.Crash(memfs.Lose)
		if _, again, err := snapshot.Open(o); err != nil || again.Kept != found.Kept {
			t.Fatalf("read again it is %+v, and was %+v: %v", again.Kept, found.Kept, err)
		}
	})
}
