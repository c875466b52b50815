package crash

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"

	"paxos/internal/node"
	"paxos/internal/snapshot"
	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

// learnerOwner is a learner, with its snapshots. States that it asked the
// keeper to save are there from the answer on; one transfer at a time comes in.
type learnerOwner struct {
	cluster  paxos.ClusterID
	stores   []paxos.StoreID // one of which is the disk's
	fresh    paxos.StoreID   // the last that was drawn
	starting starting
	bound    bool // the disk is known to belong to the cluster
	binding  bool // it may
	sizes    snapshot.Sizes

	saved  []image // acknowledged, the newest first, two at most
	saving *image  // under way
	coming *transfer
	spoilt []string // the names of snapshots that were harmed in this life
	under  string

	fs   wal.FS
	mem  *memfs.Disk
	disk *node.LearnerDisk
}

// image is a snapshot; its digest is zero until it was told.
type image struct {
	state  toy
	digest paxos.Digest
}

func (i image) slot() paxos.Slot { return i.state.slot }

// transfer is a snapshot on its way from another learner.
type transfer struct {
	image image
	whole paxos.SnapshotPart // all of its bytes
	sent  int                // at most so many are there
	next  int                // is asked for next; -1 after a start: not known
}

// toy is a state that is its slot and some bytes.
type toy struct {
	slot paxos.Slot
	body []byte
}

func (s toy) Applied() paxos.Slot { return s.slot + 1 }

func (s toy) WriteTo(w io.Writer) (int64, error) {
	b := binary.LittleEndian.AppendUint64(nil, uint64(s.slot))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.body)))
	n, err := w.Write(append(b, s.body...))
	return int64(n), err
}

func readToy(r io.Reader) (paxos.State, error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(head[8:])
	if n > 1<<20 {
		return nil, fmt.Errorf("a state of %d bytes", n)
	}
	s := toy{paxos.Slot(binary.LittleEndian.Uint64(head[:])), make([]byte, n)}
	_, err := io.ReadFull(r, s.body)
	return s, err
}

func (l *learnerOwner) fork() owner {
	out := *l
	out.stores = l.stores[:len(l.stores):len(l.stores)]
	out.saved = l.saved[:len(l.saved):len(l.saved)]
	out.spoilt = l.spoilt[:len(l.spoilt):len(l.spoilt)]
	if l.saving != nil {
		saving := *l.saving
		out.saving = &saving
	}
	if l.coming != nil {
		coming := *l.coming
		out.coming = &coming
	}
	out.fs, out.mem, out.disk = nil, nil, nil
	return &out
}

func (l *learnerOwner) doing() string { return l.under }

func (l *learnerOwner) close() error {
	if err := l.disk.Close(); err != nil {
		return objection("close: %v", err)
	}
	return nil
}

func (l *learnerOwner) options(store paxos.StoreID) node.LearnerOptions {
	return node.LearnerOptions{Node: "l1", Configuration: configuration, FreshStore: store, Decode: readToy, Sizes: l.sizes}
}

func (l *learnerOwner) open(fs wal.FS, mem *memfs.Disk) error {
	l.fs, l.mem, l.under = fs, mem, "start"
	l.starting.tries++
	if l.starting.told == 0 {
		l.fresh++
		l.stores = append(l.stores, l.fresh)
	}
	if l.coming != nil {
		l.coming.next = -1
	}
	disk, found, err := node.OpenLearnerDisk(fs, dir, l.options(l.fresh))
	if err != nil {
		return objection("open: %v", err)
	}
	l.disk = disk
	return l.judge(disk, found)
}

func (l *learnerOwner) newest() (slot paxos.Slot) {
	if len(l.saved) > 0 {
		slot = l.saved[0].slot()
	}
	return slot
}

func (l *learnerOwner) do(s step) error {
	switch s.what {
	case "restart":
		if err := l.close(); err != nil {
			return err
		}
		return l.open(l.fs, l.mem)
	case "adopt":
		l.under, l.binding = "identity", true
		if err := l.disk.Adopt(l.cluster); err != nil {
			return objection("adopt: %v", err)
		}
		l.bound = true
		return nil
	case "save":
		return l.save(s.sizes[0], paxos.Slot(1+s.n))
	case "part":
		return l.part(s)
	case "rest":
		for first := true; first || l.coming != nil; first = false {
			if err := l.part(s); err != nil {
				return err
			}
		}
		return nil
	}
	return l.spoil()
}

func (l *learnerOwner) save(size int, ahead paxos.Slot) error {
	slot := l.newest() + ahead
	l.under, l.binding = "snapshot", true
	l.saving = &image{state: toy{slot, filler(uint64(slot), size)}}
	answers, err := l.disk.Keeper.Do(paxos.SaveSnapshot{Cluster: l.cluster, Config: configuration.Stamp(), State: l.saving.state})
	if err != nil || len(answers) != 1 {
		return objection("save: %v, %v", answers, err)
	}
	return l.isSaved(answers[0])
}

// isSaved takes the keeper's word that what was under way is there.
func (l *learnerOwner) isSaved(answer paxos.Message) error {
	told, ok := answer.(paxos.SnapshotSaved)
	if !ok || told.Slot != l.saving.slot() || told.Previous != l.newest() {
		return objection("the snapshot of slot %d follows that of slot %d, and the keeper answers %+v", l.saving.slot(), l.newest(), answer)
	}
	l.saving.digest = told.Digest
	l.keep(*l.saving)
	l.bound = true
	return nil
}

// keep makes an image the newest; what could only bring an older one is over.
func (l *learnerOwner) keep(i image) {
	list := []image{i}
	l.saved = append(list, l.saved[:min(1, len(l.saved))]...)
	l.saving = nil
	if l.coming != nil && l.coming.image.slot() <= i.slot() {
		l.coming = nil
	}
}

// part hands over some bytes of the snapshot that is on its way. After a start
// nobody knows how many of them are there: the first part is offered again, and the
// keeper says from where on it wants more.
func (l *learnerOwner) part(s step) error {
	if l.coming == nil {
		if err := l.fetch(s); err != nil {
			return err
		}
	}
	c := l.coming
	l.under, l.binding = "transfer", true
	part, size := c.whole, len(c.whole.Bytes)
	from := max(c.next, 0)
	to := min(size, from+max(s.n, 1))
	part.Offset, part.Bytes = paxos.Number(from), part.Bytes[from:to]
	if c.sent = max(c.sent, to); c.sent == size {
		l.saving = &image{state: c.image.state, digest: c.image.digest}
	}
	answers, err := l.disk.Keeper.Do(paxos.WritePart{From: "l2", Part: part})
	if err != nil || len(answers) == 0 {
		return objection("a part: %v, %v", answers, err)
	}
	written, ok := answers[len(answers)-1].(paxos.PartWritten)
	switch {
	case !ok || written.From != "l2" || written.Slot != c.image.slot() || written.Damaged != "":
		return objection("a part is answered by %+v", answers)
	case written.State == nil && (int(written.Next) > c.sent || int(written.Next) >= size || len(answers) != 1):
		return objection("%d bytes of %d were sent, and the keeper answers %+v", c.sent, size, answers)
	case written.State == nil:
		// What it did not take up is not there, and without the last byte nothing
		// is saved: a start may not find this snapshot.
		c.next, c.sent, l.saving = int(written.Next), int(written.Next), nil
		return nil
	case len(answers) != 2 || l.saving == nil || !same(written.State, c.image.state):
		return objection("%d bytes of %d were sent, and the keeper has another state than that: %+v", c.sent, size, answers)
	}
	return l.isSaved(answers[0])
}

// fetch makes another learner with a newer snapshot.
func (l *learnerOwner) fetch(s step) error {
	size := 900
	if len(s.sizes) > 0 {
		size = s.sizes[0]
	}
	slot := l.newest() + 3
	state := toy{slot, filler(uint64(slot), size)}
	disk, err := newDisk()
	if err != nil {
		return err
	}
	k, _, err := snapshot.Open(snapshot.Options{FS: disk, Dir: dir, Cluster: l.cluster, Config: configuration.Stamp(), Decode: readToy, Sizes: l.sizes})
	if err != nil {
		return err
	}
	if _, err := k.Do(paxos.SaveSnapshot{Cluster: l.cluster, Config: configuration.Stamp(), State: state}); err != nil {
		return err
	}
	answers, err := k.Do(paxos.ReadPart{To: "l1"})
	if err != nil {
		return err
	}
	whole := answers[0].(paxos.PartRead).Part
	l.coming = &transfer{image: image{state, whole.Digest}, whole: whole}
	return nil
}

func same(have paxos.State, want toy) bool {
	s, ok := have.(toy)
	return ok && s.slot == want.slot && bytes.Equal(s.body, want.body)
}

// spoil harms the newest snapshot while the learner is down, and starts it again.
func (l *learnerOwner) spoil() error {
	if err := l.close(); err != nil {
		return err
	}
	if len(l.saved) > 0 {
		name := fmt.Sprintf("%016x.snapshot", uint64(l.newest()))
		b, err := l.mem.Content(dir + "/" + name)
		if err != nil {
			return objection("the newest snapshot is not there: %v", err)
		}
		b[len(b)/2] ^= 4
		if err := l.mem.Put(dir+"/"+name, b); err != nil {
			return err
		}
		l.saved, l.spoilt = l.saved[1:], append(l.spoilt, name)
	}
	return l.open(l.fs, l.mem)
}

// learnerLife draws a life. That of seed 0 adopts its cluster, saves snapshots of
// none, one and many chunks until some are pruned, takes two in parts with starts in
// between, loses interest in a third, and finds its newest one damaged, twice.
func learnerLife(seed uint64, dice *rand.Rand) life {
	l := &learnerOwner{cluster: clusterOf(seed), fresh: paxos.StoreID(seed<<20 | 1<<10), sizes: snapshot.Sizes{Chunk: 600, Sync: 1500}}
	after := []step{{what: "rest", n: 700}, {what: "save", sizes: []int{700}}}
	if seed == 0 {
		return life{l, []step{
			{what: "restart"}, {what: "adopt"}, {what: "save", sizes: []int{0}}, {what: "save", sizes: []int{500}, n: 4}, {what: "restart"},
			{what: "save", sizes: []int{3100}}, {what: "part", sizes: []int{2500}, n: 700}, {what: "part", n: 100}, {what: "restart"}, {what: "part", n: 900},
			{what: "rest", n: 511}, {what: "spoil"}, {what: "save", sizes: []int{40}}, {what: "part", sizes: []int{900}, n: 300}, {what: "restart"},
			{what: "save", sizes: []int{1300}, n: 9}, {what: "rest", sizes: []int{1800}, n: 1 << 20}, {what: "spoil"}, {what: "save", sizes: []int{800}}, {what: "part", sizes: []int{1100}, n: 650},
		}, after}
	}
	l.sizes = snapshot.Sizes{Chunk: 100 + dice.IntN(1000), Sync: 300 + dice.IntN(3000)}
	var steps []step
	for range 7 + dice.IntN(8) {
		what := []string{"adopt", "save", "save", "save", "part", "part", "part", "rest", "restart", "spoil"}[dice.IntN(10)]
		steps = append(steps, step{what, []int{dice.IntN(1 + dice.IntN(4000))}, 1 + dice.IntN(1200)})
		if what == "save" {
			steps[len(steps)-1].n = dice.IntN(6)
		}
	}
	return life{l, append(steps, step{"save", []int{dice.IntN(1500)}, 0}), after}
}
