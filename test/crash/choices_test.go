package crash

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
)

func newDice(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// pending gives a disk on which so many sectors of a file are not durable.
func pending(t *testing.T, sectors int) *memfs.Disk {
	t.Helper()
	d, err := newDisk()
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.Create(dir + "/f")
	if err == nil {
		err = d.SyncDir(dir)
	}
	if err == nil {
		_, err = f.WriteAt(make([]byte, sectors*wal.SectorBytes), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		_, err = f.WriteAt([]byte(strings.Repeat("x", sectors*wal.SectorBytes)), 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAllThatMaySurviveIsTriedOnce(t *testing.T) {
	images := map[uint64]bool{}
	var list []string
	survivals(pending(t, 6), 64, 10, newDice(1), func(after *memfs.Disk, took []int) bool {
		images[after.Fingerprint()] = true
		list = append(list, fmt.Sprint(took))
		return true
	})
	if len(images) != 64 || len(list) != 64 {
		t.Errorf("%d tries gave %d disks, and there are 64", len(list), len(images))
	}
	if slices.Sort(list); len(slices.Compact(list)) != 64 {
		t.Error("the same was tried twice")
	}
}

func TestOfWhatIsTooMuchTheSystematicIsTriedFirst(t *testing.T) {
	var list []string
	survivals(pending(t, 10), 64, 200, newDice(1), func(after *memfs.Disk, took []int) bool {
		list = append(list, strings.Trim(strings.ReplaceAll(fmt.Sprint(took), " ", ""), "[]"))
		return true
	})
	if len(list) != 200 {
		t.Errorf("%d were tried, and were to be 200", len(list))
	}
	for _, want := range []string{"0000000000", "1111111111", "0000100000", "1111011111", "1110000000", "0000000111"} {
		if !slices.Contains(list[:60], want) {
			t.Errorf("%s is not among the first", want)
		}
	}
	slices.Sort(list)
	if n := len(slices.Compact(list)); n != 200 {
		t.Errorf("of 200 tries %d differ", n)
	}
}

func TestTryingEndsWhenItIsTold(t *testing.T) {
	for _, whole := range []int{1, 1 << 20} {
		n := 0
		survivals(pending(t, 8), whole, 100, newDice(1), func(*memfs.Disk, []int) bool { n++; return n < 7 })
		if n != 7 {
			t.Errorf("%d tries, and the 7th was to be the last", n)
		}
	}
}

func TestATapeTellsEveryPoint(t *testing.T) {
	d, err := newDisk()
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	tp := &tape{disk: d, hear: func(p point, d *memfs.Disk) {
		size := int64(-1)
		if f, err := d.Open(dir + "/b"); err == nil {
			size, _ = f.Size()
		}
		told = append(told, fmt.Sprint(p.change, p.sectors, p.failed, size))
	}}
	f, err := tp.Create(dir + "/a")
	if err == nil {
		err = tp.Rename(dir+"/a", dir+"/b")
	}
	if err == nil {
		_, err = f.WriteAt(make([]byte, 1200), 500)
	}
	if err == nil {
		err = f.SyncData()
	}
	if err == nil {
		_, err = tp.Open(dir + "/b")
	}
	if err == nil {
		err = tp.Remove(dir + "/b")
	}
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"0 0 false -1", "1 0 false -1", "2 0 false 0", "2 1 false 512", "2 2 false 1024", "2 3 false 1536", "3 0 false 1700", "3 0 true 1700", "4 0 false 1700"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

func TestAPlaceIsReadAsItIsWritten(t *testing.T) {
	for _, text := range []string{"acceptor:7", "acceptor:0/105+4!0.1.0.1/4fk/9!0", "learner:0/3k/0!0.0.2", "learner:12/7!0"} {
		p, err := parsePlace(text)
		if err != nil || p.String() != text {
			t.Errorf("%s is read as %v, %v", text, p, err)
		}
	}
	for _, text := range []string{"", "acceptor", "proposer:1", "acceptor:x", "acceptor:1/2", "acceptor:1/!0", "acceptor:1/2!x", "acceptor:1/2+!0", "acceptor:1//"} {
		if p, err := parsePlace(text); err == nil {
			t.Errorf("%s is read as %v", text, p)
		}
	}
}
