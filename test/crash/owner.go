package crash

import (
	"fmt"
	"math/rand/v2"
	"path"
	"strings"

	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

const dir = "/data"

// An owner is a node with a disk, and what it knows of it: what was
// acknowledged, and what is under way. The knowledge is what a disk is judged
// by; it is made from what the owner asked for and was told, never from the disk.
type owner interface {
	// fork gives an owner that knows the same and has nothing open.
	fork() owner
	// open starts the node on a disk (seen through fs; itself only to look at
	// names and bytes), judges what it finds, and knows that from then on. An
	// error is an objection.
	open(fs wal.FS, disk *memfs.Disk) error
	// do takes a step of a life; an error is an objection.
	do(step) error
	close() error
	// doing names the kind of thing that is under way, for the sums.
	doing() string
	// harmed starts the node on a disk of its own that was harmed since it was
	// closed, and says how it was found; an error is an objection.
	harmed(disk *memfs.Disk, h harm) (verdict, error)
}

// step is one thing that an owner does; what its numbers mean depends on what
// it is.
type step struct {
	what  string
	sizes []int // of values or states, in bytes
	n     int
}

// String shows the step to a person.
func (s step) String() string { return fmt.Sprintf("%s%v%d", s.what, s.sizes, s.n) }

// life is an owner at its birth and what it will do.
type life struct {
	owner owner
	steps []step
	after []step // what is done after a recovery
}

// kinds are the kinds of life, each made from a seed; 0 is one with everything
// in it, in order, others are drawn.
var kinds = map[string]func(seed uint64, dice *rand.Rand) life{
	"acceptor": acceptorLife,
	"learner":  learnerLife,
}

func birth(kind string, seed uint64) life {
	return kinds[kind](seed, rand.New(rand.NewPCG(seed, uint64(len(kind)))))
}

// newDisk is a disk with the empty directory that a node is given.
func newDisk() (*memfs.Disk, error) {
	d := memfs.New()
	if err := d.Mkdir(dir); err != nil {
		return nil, err
	}
	return d, d.SyncDir("/")
}

// named gives the names in the data directory that end so, sorted.
func named(d *memfs.Disk, suffix string) (list []string) {
	for _, name := range d.Files() {
		if strings.HasSuffix(name, suffix) {
			list = append(list, path.Base(name))
		}
	}
	return list
}

func objection(format string, args ...any) error { return fmt.Errorf(format, args...) }

var configuration = paxos.Configuration{Acceptors: []paxos.NodeID{"a1", "a2", "a3"}, Learners: []paxos.NodeID{"l1", "l2"}}

// clusterOf makes the disks of two lives differ in every file.
func clusterOf(seed uint64) (c paxos.ClusterID) {
	for i := range 8 {
		c[i] = byte(seed >> (8 * i))
	}
	c[15] = 1
	return c
}

// filler is n bytes that differ from one number to another; those of every
// third number are zero, as a disk is where nothing was written.
func filler(number uint64, n int) []byte {
	b := make([]byte, n)
	if number%3 == 0 {
		return b
	}
	x := number*2654435761 + 1
	for i := range b {
		x = x*6364136223846793005 + 1442695040888963407
		b[i] = byte(x >> 56)
	}
	return b
}

// starting keeps count of the starts that a disk counts.
type starting struct {
	told  uint64 // the highest count that a start gave
	tries uint64 // starts since then that may be counted
}

// is takes the count that a start gave.
func (s *starting) is(count uint64) error {
	if count <= s.told || count > s.told+s.tries {
		return objection("start %d was told before, %d more were tried, and this one calls itself start %d", s.told, s.tries, count)
	}
	s.told, s.tries = count, 0
	return nil
}
