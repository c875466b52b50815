package node_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"paxos/internal/node"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

// mark is a state that is the number of its slot.
type mark paxos.Slot

func (m mark) Applied() paxos.Slot { return paxos.Slot(m) + 1 }

func (m mark) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(binary.LittleEndian.AppendUint64(nil, uint64(m)))
	return int64(n), err
}

func readMark(r io.Reader) (paxos.State, error) {
	var b [8]byte
	_, err := io.ReadFull(r, b[:])
	return mark(binary.LittleEndian.Uint64(b[:])), err
}

var learnerOptions = node.LearnerOptions{Node: "l1", Configuration: config, FreshStore: 21, Decode: readMark}

func openLearner(t testing.TB, disk *memfs.Disk, store paxos.StoreID) *node.LearnerDisk {
	t.Helper()
	opts := learnerOptions
	opts.FreshStore = store
	d, _, err := node.OpenLearnerDisk(disk, dir, opts)
	must(t, err)
	return d
}

func saveMark(d *node.LearnerDisk, slot paxos.Slot, cluster paxos.ClusterID) error {
	_, err := d.Keeper.Do(paxos.SaveSnapshot{Cluster: cluster, Config: config.Stamp(), State: mark(slot)})
	return err
}

func TestALearnersStoreStaysAndItsStartsAreCounted(t *testing.T) {
	disk := newDisk(t)
	for start := uint64(1); start < 5; start++ {
		d := openLearner(t, disk, paxos.StoreID(20+start))
		if d.Store() != 21 || d.Starts() != start || !d.Cluster().IsZero() {
			t.Fatalf("start %d: store %v, %d starts, cluster %v", start, d.Store(), d.Starts(), d.Cluster())
		}
		must(t, d.Close())
		disk.Crash(memfs.Lose)
	}
}

func TestALearnersDiskIsBoundToTheClusterOfItsFirstSnapshot(t *testing.T) {
	disk := newDisk(t)
	d := openLearner(t, disk, 21)
	must(t, saveMark(d, 10, paxos.ClusterID{1}))
	if err := saveMark(d, 20, paxos.ClusterID{2}); err == nil {
		t.Fatal("the snapshot of another cluster is kept")
	}
	if err := d.Adopt(paxos.ClusterID{2}); err == nil || !strings.Contains(err.Error(), "belongs to cluster 0100") {
		t.Fatalf("another cluster is adopted: %v", err)
	}
	must(t, d.Adopt(paxos.ClusterID{1}))
	disk.Crash(memfs.Lose)
	d, found, err := node.OpenLearnerDisk(disk, dir, learnerOptions)
	must(t, err)
	if d.Cluster() != (paxos.ClusterID{1}) || found.Kept.Slot != 10 || found.State != mark(10) {
		t.Fatalf("found %+v of cluster %v", found, d.Cluster())
	}
}

func TestAnAdoptedClusterIsDurable(t *testing.T) {
	disk := newDisk(t)
	must(t, openLearner(t, disk, 21).Adopt(paxos.ClusterID{1}))
	disk.Crash(memfs.Lose)
	if d := openLearner(t, disk, 22); d.Cluster() != (paxos.ClusterID{1}) {
		t.Fatalf("the cluster is %v", d.Cluster())
	}
}

func TestALearnersDiskThatIsNotItsOwnIsRefused(t *testing.T) {
	for want, c := range map[string]struct {
		harm func(*memfs.Disk) error
		opts func(*node.LearnerOptions)
	}{
		"belongs to l1, this is l2":                      {opts: func(o *node.LearnerOptions) { o.Node = "l2" }},
		"made for the acceptors [a1], the configuration": {opts: func(o *node.LearnerOptions) { o.Configuration.Acceptors = []paxos.NodeID{"a1", "a2"} }},
		"identity is damaged at byte 0":                  {harm: func(d *memfs.Disk) error { return d.Put(dir+"/identity", []byte("{}")) }},
		"holds snapshots but no identity":                {harm: func(d *memfs.Disk) error { return d.Remove(dir + "/identity") }},
		"holds an acceptor's journal, and this is a learner": {harm: func(d *memfs.Disk) error {
			return d.Put(dir+"/0000000000000001.wal", nil)
		}},
		"holds an acceptor's journal, and": {harm: func(d *memfs.Disk) error { return d.Put(dir+"/x.wal", nil) }},
	} {
		disk := newDisk(t)
		d := openLearner(t, disk, 21)
		must(t, saveMark(d, 10, paxos.ClusterID{1}))
		opts := learnerOptions
		if c.opts != nil {
			c.opts(&opts)
		}
		if c.harm != nil {
			must(t, c.harm(disk))
			if strings.Contains(want, "journal") {
				must(t, disk.Remove(dir+"/identity"))
			}
		}
		if _, _, err := node.OpenLearnerDisk(disk, dir, opts); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "vote") {
			t.Errorf("%s: %v", want, err)
		}
	}
	// An acceptor's directory is not a learner's either.
	disk := newMember(t)
	if _, _, err := node.OpenLearnerDisk(disk, dir, learnerOptions); err == nil || !strings.Contains(err.Error(), "belongs to a1, this is l1") {
		t.Errorf("an acceptor's: %v", err)
	}
}

func TestACrashWhileALearnersDiskIsBoundLeavesABlankOneOrABoundOne(t *testing.T) {
	for name, pick := range pickers() {
		for n := 1; ; n++ {
			disk := newDisk(t)
			cut(disk, n)
			var store paxos.StoreID
			d, _, err := node.OpenLearnerDisk(disk, dir, learnerOptions)
			if err == nil {
				store = d.Store()
				err = saveMark(d, 10, paxos.ClusterID{1})
			}
			if err == nil {
				break
			}
			disk.Crash(pick)
			what := fmt.Sprintf("crash before operation %d, %s survives", n, name)
			opts := learnerOptions
			opts.FreshStore = 22
			d, found, err := node.OpenLearnerDisk(disk, dir, opts)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if store != 0 && d.Store() != store || found.Kept.Slot != 0 && d.Cluster().IsZero() {
				t.Fatalf("%s: store %v, cluster %v, %+v", what, d.Store(), d.Cluster(), found.Kept)
			}
			must(t, saveMark(d, 20, paxos.ClusterID{1}))
		}
	}
}

// tasks is a keeper that notes what it was given.
type tasks []paxos.Message

func (k *tasks) Take(m paxos.Message) { *k = append(*k, m) }

func TestTasksGoToTheKeeperAndItsAnswersToTheRole(t *testing.T) {
	w, k := &world{}, &tasks{}
	var answers []paxos.Envelope
	r := &puppet{step: func(e paxos.Envelope) paxos.Effects {
		if e.From == paxos.Keeper {
			answers = append(answers, e)
			return paxos.Effects{}
		}
		return paxos.Effects{Persist: []paxos.Record{promised(1)}, Send: []paxos.Envelope{
			header.Envelope(paxos.Keeper, paxos.ReadPart{To: "l2"}), header.Envelope("p1", paxos.Survey{}), header.Envelope(paxos.Keeper, paxos.ReadPart{To: "l3"})}}
	}}
	l := node.New(node.Options{Role: r, Store: w, Network: w, Keeper: k, Tick: time.Millisecond, Now: time.Now})
	must(t, l.Turn([]node.Item{{Envelope: beat(1)}}, 0))
	if diff := cmp.Diff(tasks{paxos.ReadPart{To: "l2"}, paxos.ReadPart{To: "l3"}}, *k); diff != "" {
		t.Fatal(diff)
	}
	acts := w.did()
	if len(acts) != 2 || len(acts[1].sent) != 1 || acts[1].sent[0].To != "p1" {
		t.Fatalf("the loop did %+v", acts)
	}
	must(t, l.Turn([]node.Item{{Envelope: node.FromKeeper("a1", paxos.SnapshotSaved{Slot: 7})}}, 0))
	if len(answers) != 1 || answers[0].Message != (paxos.SnapshotSaved{Slot: 7}) {
		t.Fatalf("the role heard %+v", answers)
	}
	// What is not durable is not told to the keeper either.
	*k, w.fail = nil, errDisk
	wantError(t, l.Turn([]node.Item{{Envelope: beat(2)}}, 0), errDisk)
	if len(*k) != 0 {
		t.Fatalf("the keeper was given %+v", *k)
	}
}

func TestANodeWithoutAKeeperLosesWhatIsForIt(t *testing.T) {
	w := &world{}
	r := &puppet{tick: func() paxos.Effects {
		return paxos.Effects{Send: []paxos.Envelope{header.Envelope(paxos.Keeper, paxos.ReadPart{})}}
	}}
	must(t, newLoop(r, w).Turn(nil, 1))
	if acts := w.did(); len(acts) != 0 {
		t.Fatalf("it went to the network: %+v", acts)
	}
}
