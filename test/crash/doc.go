// Package crash loses the power at every point of a node's life with its disk.
//
// A life is what an acceptor or a learner does with its data directory: it is
// initialised, promises, accepts, rolls over segments, truncates, starts again,
// saves snapshots, takes one in parts from another learner. Before every system
// call of it that changes the disk (and within every write of several sectors)
// the power goes, and of what was not synced then anything may have survived:
// each sector in each of its versions, each change of a name, each growth of a
// file, for itself (ALICE, OSDI'14, section 3). Each of these states is recovered by
// the code that nodes run (internal/node, internal/wal, internal/snapshot,
// acceptor) and judged by what the life knew: what was acknowledged is there,
// exactly; what was under way is there wholly or not at all; starts only rise;
// and a disk that has only lost its power is never found damaged. Recoveries
// are taken down too, and what comes after them; and processes die without the
// power going, also of a failed sync, and their successors lose it.
//
// Sectors of 512 bytes are written wholly or not at all: that is the one thing
// the formats assume (internal/wal), so none is torn within. What disks do that
// break this, and other damage, is tried apart (harm.go): one flipped bit, one
// sector, one file at a time. The disk must then be as before, or refuse and
// name the file.
//
// It has no network and no second node: whether what is kept is enough for
// consensus is for sim and model to say. The disk is internal/wal/memfs. Real
// processes on real disks are killed in test/chaos and in internal/snapshot.
package crash
