package snapshot_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"paxos/internal/snapshot"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(child); dir != "" {
		if err := live(dir); err != nil {
			_, _ = fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

const dir = "/data"

var (
	cluster  = paxos.ClusterID{1, 2, 3}
	stamp    = paxos.Stamp{Number: 1, Acceptors: 7}
	errPower = errors.New("the power is gone")
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// toy is a state that is some bytes.
type toy struct {
	applied paxos.Slot
	body    []byte
	piece   int // it is written in pieces of this size; 0 at once
}

func (s toy) Applied() paxos.Slot { return s.applied }

func (s toy) WriteTo(w io.Writer) (n int64, err error) {
	b := binary.LittleEndian.AppendUint64(nil, uint64(s.applied))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(s.body)))
	b = append(b, s.body...)
	for len(b) > 0 && err == nil {
		size := len(b)
		if s.piece > 0 {
			size = min(size, s.piece)
		}
		_, err = w.Write(b[:size])
		b, n = b[size:], n+int64(size)
	}
	return n, err
}

var errUnreadable = errors.New("version 9 is unknown")

func readToy(r io.Reader) (paxos.State, error) {
	var head [16]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	s := toy{applied: paxos.Slot(binary.LittleEndian.Uint64(head[:]))}
	s.body = make([]byte, binary.LittleEndian.Uint64(head[8:]))
	if _, err := io.ReadFull(r, s.body); err != nil {
		return nil, err
	}
	if strings.HasPrefix(string(s.body), "unreadable") {
		return nil, errUnreadable
	}
	return s, nil
}

// stateAt is the state that all learners have when slot is applied.
func stateAt(slot paxos.Slot, size int) toy {
	dice := rand.New(rand.NewPCG(uint64(slot), 5))
	body := make([]byte, size)
	for i := range body {
		body[i] = byte(dice.Uint32())
	}
	return toy{applied: slot + 1, body: body}
}

func same(a paxos.State, b toy) bool {
	s, ok := a.(toy)
	return ok && s.applied == b.applied && bytes.Equal(s.body, b.body)
}

func newDisk(t testing.TB) *memfs.Disk {
	t.Helper()
	disk := memfs.New()
	must(t, disk.Mkdir(dir))
	must(t, disk.SyncDir("/"))
	return disk
}

func options(disk *memfs.Disk) snapshot.Options {
	return snapshot.Options{FS: disk, Dir: dir, Cluster: cluster, Config: stamp, Decode: readToy}
}

func open(t testing.TB, disk *memfs.Disk) (*snapshot.Keeper, snapshot.Found) {
	t.Helper()
	k, found, err := snapshot.Open(options(disk))
	must(t, err)
	return k, found
}

func save(k *snapshot.Keeper, s paxos.State) (paxos.SnapshotSaved, error) {
	answers, err := k.Do(paxos.SaveSnapshot{Cluster: cluster, Config: stamp, State: s})
	if err != nil {
		return paxos.SnapshotSaved{}, err
	}
	if len(answers) != 1 {
		return paxos.SnapshotSaved{}, fmt.Errorf("%d answers", len(answers))
	}
	return answers[0].(paxos.SnapshotSaved), nil
}

func mustSave(t testing.TB, k *snapshot.Keeper, s paxos.State) paxos.SnapshotSaved {
	t.Helper()
	saved, err := save(k, s)
	must(t, err)
	return saved
}

func part(t testing.TB, k *snapshot.Keeper, slot paxos.Slot, offset paxos.Number) paxos.SnapshotPart {
	t.Helper()
	answers, err := k.Do(paxos.ReadPart{To: "l2", Ask: paxos.SnapshotAsk{Slot: slot, Offset: offset}})
	must(t, err)
	read := answers[0].(paxos.PartRead)
	if len(answers) != 1 || read.To != "l2" {
		t.Fatalf("%d answers, the first to %s", len(answers), read.To)
	}
	return read.Part
}

// write hands over a part and gives the last answer, and the one before it.
func write(k *snapshot.Keeper, p paxos.SnapshotPart) (written paxos.PartWritten, saved paxos.SnapshotSaved, err error) {
	answers, err := k.Do(paxos.WritePart{From: "l1", Part: p})
	if err != nil {
		return written, saved, err
	}
	written = answers[len(answers)-1].(paxos.PartWritten)
	if len(answers) == 2 {
		saved = answers[0].(paxos.SnapshotSaved)
	}
	if len(answers) > 2 || written.From != "l1" || written.Slot != p.Slot || (len(answers) == 2) != (written.State != nil) {
		return written, saved, fmt.Errorf("the answers are %v", answers)
	}
	return written, saved, nil
}

func mustWrite(t testing.TB, k *snapshot.Keeper, p paxos.SnapshotPart) (paxos.PartWritten, paxos.SnapshotSaved) {
	t.Helper()
	written, saved, err := write(k, p)
	must(t, err)
	return written, saved
}

// cut takes the power away before the n-th operation from now.
func cut(disk *memfs.Disk, n int) {
	last := disk.Ops() + n
	disk.Inject(func(op memfs.Op) *memfs.Fault {
		if op.N >= last {
			return &memfs.Fault{Err: errPower, Short: op.Size / 2}
		}
		return nil
	})
}

// pickers are ways to choose what survives.
func pickers() map[string]func(int) int {
	list := map[string]func(int) int{"nothing": memfs.Lose, "everything": memfs.Keep}
	for seed := range uint64(4) {
		list[fmt.Sprint("dice ", seed)] = rand.New(rand.NewPCG(seed, 7)).IntN
	}
	return list
}

func files(disk *memfs.Disk, suffix string) (list []string) {
	for _, name := range disk.Files() {
		if strings.HasSuffix(name, suffix) {
			list = append(list, name)
		}
	}
	return list
}
