package audit

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"paxos/paxos"
)

// resealed gives each frame that is whole a sound checksum.
func resealed(content []byte) []byte {
	b := append([]byte(nil), content...)
	for at := 0; len(b)-at >= frameHead+frameTail; {
		length := uint64(binary.LittleEndian.Uint32(b[at:]))
		if length < 1 || length > uint64(len(b)-at-4-frameTail) {
			return b
		}
		end := at + 4 + int(length)
		binary.LittleEndian.PutUint32(b[end:], crc32.Checksum(b[at:end], castagnoli))
		at = end + frameTail
	}
	return b
}

// FuzzTraces reads any bytes for a trace, as they are or with sound checksums.
// They are refused, and it is said where; or they are judged, whatever is in them,
// and to the same thing each time. What is read of one never goes past its end.
func FuzzTraces(f *testing.F) {
	dir := f.TempDir()
	start := Start{Node: "acceptor1", Process: 7, Configuration: configuration(), Started: time.Unix(5, 6)}
	w, err := Create(dir, start)
	value := named(1, 1)
	m := w.Machine(&machine{applied: 1})
	_, applied := m.Apply(paxos.Entry{Slot: 1, Ballot: b(1, 1), Value: value})
	sent := []paxos.Envelope{{From: "acceptor1", Cluster: memberOf("acceptor1").Cluster, Config: configuration().Stamp(), Message: learn("acceptor1", b(1, 1), 1, value)}}
	err = errors.Join(err, applied, w.Found(memberOf("acceptor1"), []paxos.Record{paxos.PromisedRecord{Ballot: b(1, 1)}}, ""), w.Found(memberOf("acceptor1"), nil, "damaged"),
		w.Turned([]paxos.Record{paxos.AcceptedRecord(accept(b(1, 1), 1, 1, value))}, sent), m.Restore(nil), w.Close())
	files, globbed := filepath.Glob(filepath.Join(dir, "*"))
	if err := errors.Join(err, globbed); err != nil || len(files) != 1 {
		f.Fatal(err, files)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		f.Fatal(err)
	}
	for _, content := range [][]byte{whole, whole[:len(whole)-1], whole[:len(whole)/2], nil} {
		f.Add(content, false)
		f.Add(content, true)
	}
	for i := range whole {
		other := append([]byte(nil), whole...)
		other[i] ^= 0xff
		f.Add(other, true)
	}
	f.Fuzz(func(t *testing.T, content []byte, sealed bool) {
		if sealed {
			content = resealed(content)
		}
		dir := t.TempDir()
		path := filepath.Join(dir, "x"+traceSuffix)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		one, err := ReadDir(dir)
		two, again := ReadDir(dir)
		if (err == nil) != (again == nil) || err != nil && err.Error() != again.Error() {
			t.Fatalf("read twice: %v, then %v", err, again)
		}
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, errTorn) {
				t.Fatalf("the end of a trace is no failure of it: %v", err)
			}
			return
		}
		if len(one.Files) != 1 || one.Files[0].Bytes > int64(len(content)) || one.Files[0].Torn != two.Files[0].Torn || one.Counts() != two.Counts() || len(one.Objections()) != len(two.Objections()) {
			t.Fatalf("%d bytes are judged to %+v, and again to %+v", len(content), one.Counts(), two.Counts())
		}
	})
}
