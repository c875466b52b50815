package snapshot

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"paxos/internal/failpoint"
	"paxos/internal/wal"
	"paxos/paxos"
)

// Options of Open.
type Options struct {
	FS  wal.FS
	Dir string // it must exist; it may hold other files as well
	// Cluster is whose snapshots belong here; zero if the disk has never been
	// used. Bind, unless nil, must then make durable whose it is, before the
	// first one is kept.
	Cluster paxos.ClusterID
	Bind    func(paxos.ClusterID) error
	Config  paxos.Stamp // under which snapshots must have been made
	// Decode reads what State.WriteTo wrote, and no byte more. Its error says
	// that it does not understand it.
	Decode func(io.Reader) (paxos.State, error)
	// Room, unless nil, is how many bytes may still be written to the disk.
	Room func() (int64, error)
	// Sizes are how snapshots are written; the zero value is what learners have.
	Sizes Sizes
}

// Sizes are the bytes in a full chunk, at most ChunkBytes, and those between two
// syncs; 0 is the usual. A snapshot of any chunks can be read. Others than the
// usual are for tests of crashes, which must see many chunks in little time:
// learners that differ in them would write different files of equal states.
type Sizes struct{ Chunk, Sync int }

func (s Sizes) complete() Sizes {
	return Sizes{cmp.Or(s.Chunk, ChunkBytes), cmp.Or(s.Sync, syncBytes)}
}

// Found is what Open found.
type Found struct {
	// State is that of the newest whole snapshot, nil if there is none.
	State paxos.State
	// Kept are the whole snapshots, as SnapshotSaved told of them; zero for none.
	Kept paxos.SnapshotSaved
	// Damaged says, a sentence for each, which snapshots had to be refused.
	Damaged []string
}

// Keeper keeps the snapshots of one learner in one directory. Do, and what it
// does, belongs to one goroutine: Run's, if that runs.
type Keeper struct {
	opts     Options
	kept     []which // whole ones, the newest first
	incoming *incoming
	breathe  func() error // called between parts of what takes long
	failed   error
	queue    queue
	stats    counts
}

// Open looks through the directory and takes up what it finds: the newest whole
// snapshot is decoded, an older one verified, what is damaged set aside, and
// what a crash left unfinished removed. Its errors are the disk's, or an
// *UnknownError, or a *ForeignError: after each of them the node must end.
func Open(opts Options) (*Keeper, Found, error) {
	opts.Sizes = opts.Sizes.complete()
	k := &Keeper{opts: opts, breathe: func() error { return nil }}
	k.queue.wake = make(chan struct{}, 1)
	var found Found
	// A name that a dead process made may not be durable yet.
	if err := opts.FS.SyncDir(opts.Dir); err != nil {
		return nil, found, fmt.Errorf("snapshots: %w", err)
	}
	names, err := opts.FS.ReadDir(opts.Dir)
	if err == nil {
		err = k.clean(names)
	}
	if err == nil {
		err = k.take(names, &found)
	}
	if err == nil {
		err = k.prune()
	}
	if err != nil {
		return nil, found, fmt.Errorf("snapshots: %w", err)
	}
	k.count()
	found.Kept = k.saved()
	return k, found, nil
}

func (k *Keeper) path(name string) string { return filepath.Join(k.opts.Dir, name) }

// clean removes what was being written, and takes up one incoming transfer.
func (k *Keeper) clean(names []string) error {
	var remove []string
	for _, name := range names {
		switch {
		case strings.HasSuffix(name, asideSuffix):
			remove = append(remove, name)
		case strings.HasSuffix(name, incomingSuffix):
			w, ok := whichIncoming(name)
			if !ok {
				remove = append(remove, name)
				continue
			}
			// Names are sorted: the last is that of the highest slot.
			if k.incoming != nil {
				remove = append(remove, k.incoming.name())
			}
			k.incoming = &incoming{which: w, sync: int64(k.opts.Sizes.Sync)}
		}
	}
	return k.remove(remove)
}

func (k *Keeper) remove(names []string) error {
	for _, name := range names {
		if err := k.opts.FS.Remove(k.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if len(names) == 0 {
		return nil
	}
	return k.opts.FS.SyncDir(k.opts.Dir)
}

// take verifies whole snapshots from the newest on, until two are found.
func (k *Keeper) take(names []string, found *Found) error {
	var older []which // not looked at: there are two newer ones
	for i := len(names) - 1; i >= 0; i-- {
		slot := wholeSlot(names[i])
		if slot == 0 {
			continue
		}
		if len(k.kept) == 2 {
			older = append(older, which{slot: slot})
			continue
		}
		w, state, err := k.look(names[i], slot, len(k.kept) == 0)
		var damage *DamageError
		if errors.As(err, &damage) {
			found.Damaged = append(found.Damaged, damage.Error())
			err = k.setAside(names[i], names)
		} else if err == nil {
			k.kept = append(k.kept, w)
			if state != nil {
				found.State = state
			}
		}
		if err != nil {
			return err
		}
	}
	k.kept = append(k.kept, older...)
	return nil
}

// look verifies one file, and decodes it if that is asked for.
func (k *Keeper) look(name string, slot paxos.Slot, decode bool) (w which, state paxos.State, err error) {
	path := k.path(name)
	file, err := k.opts.FS.Open(path)
	if err != nil {
		return w, nil, err
	}
	defer func() { _ = file.Close() }()
	h, w, err := verify(file, path, k.breathe)
	if err != nil {
		return w, nil, err
	}
	if h.slot != slot {
		return w, nil, &DamageError{path, 0, fmt.Sprintf("it is the snapshot of slot %d under the name of another", h.slot)}
	}
	if k.opts.Cluster.IsZero() {
		return w, nil, &ForeignError{path, "cluster", h.cluster.String(), "none yet"}
	}
	if err := checkHeader(path, h, k.opts.Cluster, k.opts.Config); err != nil {
		return w, nil, err
	}
	if !decode {
		return w, nil, nil
	}
	state, err = load(file, path, k.opts.Decode)
	return w, state, err
}

// setAside keeps a damaged file for whoever wants to look at it, the newest one
// only.
func (k *Keeper) setAside(name string, names []string) error {
	to := strings.TrimSuffix(name, wholeSuffix) + damagedSuffix
	var remove []string
	for _, other := range names {
		if strings.HasSuffix(other, damagedSuffix) && other < to {
			remove = append(remove, other)
		}
	}
	if err := k.opts.FS.Rename(k.path(name), k.path(to)); err != nil {
		return err
	}
	if err := k.opts.FS.SyncDir(k.opts.Dir); err != nil {
		return err
	}
	return k.remove(remove)
}

// prune removes all whole snapshots but the newest two, and a transfer that
// could only bring what is older.
func (k *Keeper) prune() error {
	if last, _ := k.slots(); k.incoming != nil && k.incoming.slot <= last {
		if err := k.throwAway(); err != nil {
			return err
		}
	}
	if len(k.kept) <= 2 {
		return nil
	}
	var names []string
	for _, w := range k.kept[2:] {
		names = append(names, wholeName(w.slot))
	}
	k.kept = k.kept[:2:2]
	failpoint.Hit("snapshot-before-delete")
	return k.remove(names)
}

// keep gives a file that is whole, synced and verified its name; from then on
// it is the newest.
func (k *Keeper) keep(from string, w which, cluster paxos.ClusterID, renamed func()) error {
	if k.opts.Cluster.IsZero() {
		if k.opts.Bind != nil {
			if err := k.opts.Bind(cluster); err != nil {
				return err
			}
		}
		k.opts.Cluster = cluster
	}
	if err := k.opts.FS.Rename(k.path(from), k.path(wholeName(w.slot))); err != nil {
		return err
	}
	renamed()
	if err := k.opts.FS.SyncDir(k.opts.Dir); err != nil {
		return err
	}
	k.kept = append([]which{w}, k.kept...)
	return nil
}

// slots are those of the last two whole snapshots, 0 for none.
func (k *Keeper) slots() (last, previous paxos.Slot) {
	if len(k.kept) > 0 {
		last = k.kept[0].slot
	}
	if len(k.kept) > 1 {
		previous = k.kept[1].slot
	}
	return last, previous
}

func (k *Keeper) saved() paxos.SnapshotSaved {
	var s paxos.SnapshotSaved
	if s.Slot, s.Previous = k.slots(); s.Slot != 0 {
		s.Digest = k.kept[0].digest
	}
	return s
}

// Do does one task and gives the answers, in order. The first failed write or
// sync is final: nothing is known of the disk from then on, and the process
// must end; every later call gives that error again.
func (k *Keeper) Do(m paxos.Message) (answers []paxos.Message, err error) {
	if k.failed != nil {
		return nil, k.failed
	}
	switch m := m.(type) {
	case paxos.SaveSnapshot:
		answers, err = k.save(m)
	case paxos.ReadPart:
		answers, err = k.readPart(m)
	case paxos.WritePart:
		answers, err = k.writePart(m)
	default:
		err = fmt.Errorf("the keeper of snapshots takes no %T", m)
	}
	if err != nil {
		k.failed = fmt.Errorf("snapshots: %w", err)
		return nil, k.failed
	}
	k.count()
	return answers, nil
}

// Close lets go of the files; what was saved is durable already.
func (k *Keeper) Close() error {
	if k.incoming == nil || k.incoming.file == nil {
		return nil
	}
	err := k.incoming.file.Close()
	k.incoming.file = nil
	return err
}

// Exists reports whether dir holds any whole snapshot.
func Exists(fsys wal.FS, dir string) (bool, error) {
	names, err := fsys.ReadDir(dir)
	return slices.ContainsFunc(names, func(name string) bool { return wholeSlot(name) != 0 }), err
}
