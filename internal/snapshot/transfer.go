package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"paxos/internal/failpoint"
	"paxos/internal/wal"
	"paxos/paxos"
)

// PartBytes is how much of a snapshot goes into one message.
const PartBytes = 1 << 20

// readPart serves a part of a whole snapshot. What is asked of one that is not
// here (slot 0 is none) is answered with the beginning of the newest.
func (k *Keeper) readPart(m paxos.ReadPart) ([]paxos.Message, error) {
	var part paxos.SnapshotPart
	if len(k.kept) > 0 {
		w, offset := k.kept[0], int64(0)
		for _, other := range k.kept {
			if other.slot == m.Ask.Slot {
				w, offset = other, int64(min(m.Ask.Offset, paxos.Number(other.size)))
			}
		}
		b, err := k.readAt(wholeName(w.slot), offset, min(PartBytes, w.size-offset))
		if err != nil {
			return nil, err
		}
		part = paxos.SnapshotPart{Slot: w.slot, Size: paxos.Number(w.size), Digest: w.digest, Offset: paxos.Number(offset), Bytes: b}
	}
	k.stats.partsRead.Add(1)
	return []paxos.Message{paxos.PartRead{To: m.To, Part: part}}, nil
}

func (k *Keeper) readAt(name string, offset, n int64) ([]byte, error) {
	file, err := k.opts.FS.Open(k.path(name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	b := make([]byte, n)
	if got, err := file.ReadAt(b, offset); int64(got) < n {
		return nil, fmt.Errorf("%s at byte %d: %w", k.path(name), offset+int64(got), errors.Join(io.ErrUnexpectedEOF, err))
	}
	return b, nil
}

// incoming is a snapshot on its way here. Its file is as long as it will be in
// the end only when the last byte is written.
type incoming struct {
	which
	file     wal.File // nil until the first part after a start
	next     int64    // everything before it is written
	unsynced int64
	sync     int64 // how much may be unsynced
}

func (i *incoming) name() string { return i.incomingName() }

// writePart takes the next part of a snapshot from elsewhere. One is under way
// at a time; a part of another one begins that one.
func (k *Keeper) writePart(m paxos.WritePart) ([]paxos.Message, error) {
	p := m.Part
	w := which{p.Slot, int64(p.Size), p.Digest}
	if why, err := k.refuse(w); why != "" || err != nil {
		return refused(m, why), err
	}
	if err := k.begin(w); err != nil {
		return nil, err
	}
	i := k.incoming
	if uint64(len(p.Bytes)) > uint64(p.Size-min(p.Offset, p.Size)) {
		why := fmt.Sprintf("a part of %d bytes from byte %d on is not in a snapshot of %d bytes", len(p.Bytes), p.Offset, p.Size)
		return refused(m, why), k.throwAway()
	}
	if int64(p.Offset) == i.next && len(p.Bytes) > 0 {
		if err := i.write(p.Bytes); err != nil {
			return nil, err
		}
	}
	if i.next < i.size {
		return []paxos.Message{paxos.PartWritten{From: m.From, Slot: p.Slot, Next: paxos.Number(i.next)}}, nil
	}
	return k.complete(m)
}

func refused(m paxos.WritePart, why string) []paxos.Message {
	return []paxos.Message{paxos.PartWritten{From: m.From, Slot: m.Part.Slot, Damaged: why}}
}

// refuse says why a snapshot is not taken, whatever its parts, "" if it may be.
func (k *Keeper) refuse(w which) (string, error) {
	last, _ := k.slots()
	switch {
	case w.slot == 0:
		return "it has no snapshot", nil
	case w.slot <= last:
		return fmt.Sprintf("it is of slot %d, and that of slot %d is here", w.slot, last), nil
	case w.size < smallest || w.size > MaxBytes:
		return fmt.Sprintf("a snapshot has %d to %d bytes, not %d", smallest, int64(MaxBytes), uint64(w.size)), nil
	case k.opts.Room == nil || k.incoming != nil && k.incoming.which == w:
		return "", nil
	}
	room, err := k.opts.Room()
	if err == nil && w.size > room {
		return fmt.Sprintf("it has %d bytes, and this disk has room for %d", w.size, room), nil
	}
	return "", err
}

// begin makes w the snapshot under way: a new one from its first byte, one that
// an earlier process began from where that was whole.
func (k *Keeper) begin(w which) error {
	if k.incoming != nil && k.incoming.which != w {
		if err := k.throwAway(); err != nil {
			return err
		}
	}
	if k.incoming == nil {
		file, err := k.opts.FS.Create(k.path(w.incomingName()))
		if err != nil {
			return err
		}
		k.incoming = &incoming{which: w, file: file, sync: int64(k.opts.Sizes.Sync)}
		return k.opts.FS.SyncDir(k.opts.Dir)
	}
	if k.incoming.file != nil {
		return nil
	}
	file, err := k.opts.FS.Open(k.path(w.incomingName()))
	if err != nil {
		return err
	}
	k.incoming.file = file
	return k.incoming.resume(k.path(w.incomingName()), k.breathe)
}

// resume finds how far an earlier process came, and writes all of that again,
// as it is: that process may have died of a failed sync, after which the system
// takes for clean what stands in memory only (internal/wal does the same).
func (i *incoming) resume(name string, breathe func() error) error {
	s, err := newSource(i.file, name)
	for err == nil {
		if err = i.again(s.at); err == nil {
			err = breathe()
		}
		if err == nil {
			_, err = s.next()
		}
	}
	if errors.Is(err, io.EOF) {
		return i.again(s.at)
	}
	var damage *DamageError
	var unknown *UnknownError
	if errors.As(err, &damage) || errors.As(err, &unknown) {
		return nil // from there on it is asked for anew
	}
	return err
}

func (i *incoming) again(to int64) error {
	b := make([]byte, to-i.next)
	if got, err := i.file.ReadAt(b, i.next); got < len(b) {
		return errors.Join(io.ErrUnexpectedEOF, err)
	}
	return i.write(b)
}

func (i *incoming) write(b []byte) error {
	failpoint.Hit("transfer-before-write")
	if _, err := i.file.WriteAt(b, i.next); err != nil {
		return err
	}
	failpoint.Hit("transfer-after-write")
	i.next += int64(len(b))
	if i.unsynced += int64(len(b)); i.unsynced < i.sync {
		return nil
	}
	i.unsynced = 0
	return i.file.Sync()
}

// throwAway removes what came of the transfer under way.
func (k *Keeper) throwAway() error {
	name := k.incoming.name()
	err := k.Close()
	k.incoming = nil
	if err != nil && !errors.Is(err, fs.ErrClosed) {
		return err
	}
	return k.remove([]string{name})
}

// complete ends a transfer: what came is synced, verified and understood before
// it gets the name of a whole snapshot.
func (k *Keeper) complete(m paxos.WritePart) ([]paxos.Message, error) {
	i := k.incoming
	failpoint.Hit("transfer-before-sync")
	if err := i.file.Sync(); err != nil {
		return nil, err
	}
	failpoint.Hit("transfer-after-sync")
	h, state, err := k.examine(i)
	if why := notWhole(err); why != "" {
		return refused(m, why), k.throwAway()
	}
	if err != nil {
		return nil, err
	}
	if err := k.Close(); err != nil {
		return nil, err
	}
	k.incoming = nil
	failpoint.Hit("transfer-before-rename")
	err = k.keep(i.name(), i.which, h.cluster, func() { failpoint.Hit("transfer-before-dir-sync") })
	if err != nil {
		return nil, err
	}
	failpoint.Hit("transfer-after-dir-sync")
	k.stats.taken.Add(1)
	if err := k.prune(); err != nil {
		return nil, err
	}
	return []paxos.Message{k.saved(), paxos.PartWritten{From: m.From, Slot: i.slot, State: state}}, nil
}

// examine verifies and decodes what came.
func (k *Keeper) examine(i *incoming) (header, paxos.State, error) {
	name := k.path(i.name())
	h, w, err := verify(i.file, name, k.breathe)
	if err != nil {
		return h, nil, err
	}
	if w.slot != i.slot || w.size != i.size || !bytes.Equal(w.digest[:], i.digest[:]) {
		return h, nil, &DamageError{name, 0, "it is another snapshot than its parts said"}
	}
	if err := checkHeader(name, h, k.opts.Cluster, k.opts.Config); err != nil {
		return h, nil, err
	}
	state, err := load(i.file, name, k.opts.Decode)
	return h, state, err
}

// notWhole tells what is wrong with a snapshot from elsewhere from what is
// wrong with the disk, or with this version: these are no reasons to refuse but
// to end. One that is whole and not understood comes from learners that
// understand more; to fetch it again and again would be to hide that.
func notWhole(err error) string {
	var damage *DamageError
	var foreign *ForeignError
	if errors.As(err, &damage) || errors.As(err, &foreign) {
		return err.Error()
	}
	return ""
}
