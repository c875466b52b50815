package crash

import (
	"crypto/sha256"
	"fmt"
	"path"
	"slices"
	"strings"

	"paxos/internal/node"
	"paxos/internal/snapshot"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

// judge holds what was found against what is known, and knows it from then on.
func (l *learnerOwner) judge(disk *node.LearnerDisk, found snapshot.Found) error {
	if err := l.starting.is(disk.Starts()); err != nil {
		return err
	}
	if !slices.Contains(l.stores, disk.Store()) {
		return objection("the store is %v, and was %v", disk.Store(), l.stores)
	}
	l.stores = []paxos.StoreID{disk.Store()}
	switch disk.Cluster() {
	case l.cluster:
		if !l.binding {
			return objection("the disk belongs to cluster %v, which nobody adopted", disk.Cluster())
		}
		l.bound = true
	case paxos.ClusterID{}:
		if l.bound {
			return objection("the disk has forgotten its cluster")
		}
		l.binding = false
	default:
		return objection("the disk belongs to cluster %v, and should to %v", disk.Cluster(), l.cluster)
	}
	if len(found.Damaged) > 1 || len(found.Damaged) == 1 && (len(l.spoilt) == 0 || !strings.Contains(found.Damaged[0], l.spoilt[len(l.spoilt)-1])) {
		return objection("snapshots are said to be damaged that only lost their power: %q (harmed: %q)", found.Damaged, l.spoilt)
	}
	if l.saving != nil && found.Kept.Slot == l.saving.slot() {
		l.keep(*l.saving)
	}
	l.saving = nil
	if err := l.holds(found); err != nil {
		return err
	}
	return l.tidy()
}

// holds demands that the newest snapshots are those that are known, whole.
func (l *learnerOwner) holds(found snapshot.Found) error {
	var want paxos.SnapshotSaved
	if len(l.saved) > 0 {
		want.Slot, want.Digest = l.saved[0].slot(), l.saved[0].digest
	}
	if len(l.saved) > 1 {
		want.Previous = l.saved[1].slot()
	}
	if want.Slot != 0 && want.Digest == (paxos.Digest{}) {
		content, err := l.mem.Content(path.Join(dir, snapshotName(want.Slot)))
		if err != nil || len(content) < 48 {
			return objection("the snapshot of slot %d: %v", want.Slot, err)
		}
		want.Digest = sha256.Sum256(content[:len(content)-48])
		l.saved[0].digest = want.Digest
	}
	if found.Kept != want {
		return objection("the snapshots found are %+v, and should be %+v", found.Kept, want)
	}
	if want.Slot == 0 {
		if found.State != nil {
			return objection("there is a state, and nobody saved one")
		}
		return nil
	}
	if !same(found.State, l.saved[0].state) {
		return objection("the state of slot %d is not what was saved", want.Slot)
	}
	return nil
}

func snapshotName(slot paxos.Slot) string { return fmt.Sprintf("%016x.snapshot", uint64(slot)) }

// tidy demands that there are the two newest snapshots, what is on its way, and
// nothing else.
func (l *learnerOwner) tidy() error {
	var want []string
	for _, i := range l.saved {
		want = append(want, snapshotName(i.slot()))
	}
	slices.Sort(want)
	if have := named(l.mem, ".snapshot"); !slices.Equal(have, want) {
		return objection("the snapshots there are %v, and should be %v", have, want)
	}
	if temps := named(l.mem, ".tmp"); len(temps) > 0 {
		return objection("%v is left of a crash", temps)
	}
	if incoming := named(l.mem, ".incoming"); len(incoming) > 1 || len(incoming) == 1 && l.coming == nil {
		return objection("%v is there, and what is on its way is %v", incoming, l.coming)
	}
	return nil
}

// harmed allows a disk to be as before, to be refused naming a file, or to say
// that a snapshot is damaged and to go on from the one before it. A snapshot
// that is gone altogether is not missed: the log reaches back to the one before.
// A transfer that was harmed must still end with the whole state.
func (l *learnerOwner) harmed(mem *memfs.Disk, h harm) (verdict, error) {
	disk, found, err := node.OpenLearnerDisk(mem, dir, l.options(1))
	if err != nil {
		if !slices.ContainsFunc(h.files, func(f string) bool { return strings.Contains(err.Error(), path.Base(f)) }) {
			return "", objection("%v was harmed, and the reason given is: %v", h.files, err)
		}
		return refusedDisk, nil
	}
	if disk.Starts() != l.starting.told+1 || disk.Store() != l.stores[0] || l.bound != (disk.Cluster() == l.cluster) {
		return "", objection("start %d of store %v of cluster %v", disk.Starts(), disk.Store(), disk.Cluster())
	}
	l.starting.told++
	l.mem, l.disk = mem, disk
	verdict := asBefore
	for _, file := range h.files {
		said := slices.ContainsFunc(found.Damaged, func(s string) bool { return strings.Contains(s, path.Base(file)) })
		if said || h.missing && strings.HasSuffix(file, ".snapshot") {
			verdict = refusedFile
			l.saved = slices.DeleteFunc(slices.Clone(l.saved), func(i image) bool { return snapshotName(i.slot()) == path.Base(file) })
		}
	}
	if err := l.holds(found); err != nil {
		return "", err
	}
	if l.coming == nil {
		return verdict, nil
	}
	l.coming.next = -1
	return verdict, l.finish()
}

// finish ends a transfer of which a part on the disk may be harmed. What is not
// whole is thrown away with a word, and asked for again.
func (l *learnerOwner) finish() error {
	whole := l.coming.whole
	next, size := 0, len(whole.Bytes)
	for tries := 0; tries < 10; tries++ {
		part := whole
		part.Offset, part.Bytes = paxos.Number(next), whole.Bytes[next:]
		answers, err := l.disk.Keeper.Do(paxos.WritePart{From: "l2", Part: part})
		if err != nil || len(answers) == 0 {
			return objection("a part: %v, %v", answers, err)
		}
		written := answers[len(answers)-1].(paxos.PartWritten)
		switch {
		case written.State != nil:
			if !same(written.State, l.coming.image.state) {
				return objection("the transfer ended with another state")
			}
			return nil
		case int(written.Next) >= size:
			return objection("the keeper asks for byte %d of %d", written.Next, size)
		}
		next = int(written.Next)
	}
	return objection("the transfer does not end")
}
