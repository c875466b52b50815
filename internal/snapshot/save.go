package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"paxos/internal/failpoint"
	"paxos/internal/wal"
	"paxos/paxos"
)

// save makes a state durable: written aside, synced, read back, and only then
// given its name. A state that is not newer than what is kept changes nothing,
// and the answer is what is kept.
func (k *Keeper) save(m paxos.SaveSnapshot) ([]paxos.Message, error) {
	h := header{m.Cluster, m.Config, m.State.Applied() - 1}
	if h.slot == 0 || m.Cluster.IsZero() {
		return nil, fmt.Errorf("a snapshot of slot %d of cluster %q was asked for", h.slot, m.Cluster.String())
	}
	name := wholeName(h.slot)
	if err := checkHeader(name, h, k.opts.Cluster, k.opts.Config); err != nil {
		return nil, err
	}
	if last, _ := k.slots(); h.slot <= last {
		return []paxos.Message{k.saved()}, nil
	}
	begin := time.Now()
	aside := strings.TrimSuffix(name, wholeSuffix) + asideSuffix
	w, err := k.writeAside(aside, h, m.State)
	if err != nil {
		return nil, err
	}
	failpoint.Hit("snapshot-before-rename")
	err = k.keep(aside, w, m.Cluster, func() { failpoint.Hit("snapshot-before-dir-sync") })
	if err != nil {
		return nil, err
	}
	failpoint.Hit("snapshot-after-dir-sync")
	k.stats.took.Store(int64(time.Since(begin)))
	k.stats.saved.Add(1)
	return []paxos.Message{k.saved()}, k.prune()
}

// writeAside writes a state to a file of that name, syncs it, and reads it back.
func (k *Keeper) writeAside(name string, h header, state paxos.State) (which, error) {
	if err := k.opts.FS.Remove(k.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return which{}, err
	}
	file, err := k.opts.FS.Create(k.path(name))
	if err != nil {
		return which{}, err
	}
	w, err := k.writeAll(file, name, h, state)
	return w, errors.Join(err, file.Close())
}

func (k *Keeper) writeAll(file wal.File, name string, h header, state paxos.State) (which, error) {
	s, err := newSink(file, h, k.opts.Sizes, k.breathe)
	if err != nil {
		return which{}, err
	}
	if _, err := state.WriteTo(s); err != nil {
		return which{}, err
	}
	digest, err := s.finish()
	if err != nil {
		return which{}, err
	}
	read, w, err := verify(file, k.path(name), k.breathe)
	if err != nil {
		return which{}, fmt.Errorf("reading it back: %w", err)
	}
	if read != h || w.digest != digest {
		return which{}, fmt.Errorf("%s: what is read back is not what was written", k.path(name))
	}
	return w, nil
}
