package node_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"paxos/acceptor"
	"paxos/internal/node"
	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

const dir = "/data"

// small makes segments of 4 KiB, and the same operations every time.
var small = wal.Options{SegmentBytes: 4096, Inline: true}

var (
	config         = paxos.Configuration{Acceptors: []paxos.NodeID{"a1"}, Learners: []paxos.NodeID{"l1"}}
	memberConfig   = acceptor.Config{Node: "a1", Configuration: config, FreshCluster: paxos.ClusterID{1}, FreshStore: 11, PageBytes: 1 << 20}
	stores         = []paxos.StoreOf{{Acceptor: "a1", Store: 11}}
	formingOne     = paxos.Identity{Standing: paxos.Forming, Cluster: paxos.ClusterID{1}, Node: "a1", Store: 11, Config: config}
	memberIdentity = paxos.Identity{Standing: paxos.Member, Cluster: paxos.ClusterID{1}, Node: "a1", Store: 11, Config: config, Stores: stores}
	member         = paxos.Header{Node: "p1", Cluster: paxos.ClusterID{1}, Config: config.Stamp()}
)

func newDisk(t testing.TB) *memfs.Disk {
	t.Helper()
	disk := memfs.New()
	must(t, disk.Mkdir(dir))
	must(t, disk.SyncDir("/"))
	return disk
}

func open(t testing.TB, fs wal.FS) (*node.Disk, node.Found) {
	t.Helper()
	d, found, err := node.OpenDisk(fs, dir, "a1", small)
	must(t, err)
	return d, found
}

func promised(n int) paxos.Record {
	return paxos.PromisedRecord{Ballot: paxos.Ballot{Number: paxos.Number(n), Proposer: "p1", Start: 1}}
}

func accepted(n int, body string) paxos.Record {
	return paxos.AcceptedRecord{Ballot: paxos.Ballot{Number: paxos.Number(n), Proposer: "p1", Start: 1}, Proposals: []paxos.Proposal{
		{Slot: paxos.Slot(n), Value: paxos.Value{Time: 1, Commands: []paxos.Command{{Session: 1, Sequence: 1, Body: []byte(body)}}}}}}
}

// newMember gives a member's disk with a promise on it, closed.
func newMember(t testing.TB) *memfs.Disk {
	t.Helper()
	disk := newDisk(t)
	d, _ := open(t, disk)
	must(t, d.Keep([]paxos.Record{paxos.IdentityRecord{Identity: formingOne}, paxos.IdentityRecord{Identity: memberIdentity}}))
	must(t, d.Keep([]paxos.Record{promised(1)}))
	must(t, d.Close())
	return disk
}

func image(t testing.TB, disk *memfs.Disk) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, name := range disk.Files() {
		content, err := disk.Content(name)
		must(t, err)
		files[name] = content
	}
	return files
}

func TestABlankDirectoryIsBlankAndStaysSo(t *testing.T) {
	disk := newDisk(t)
	for range 2 {
		d, found := open(t, disk)
		if diff := cmp.Diff(node.Found{}, found); diff != "" {
			t.Fatal(diff)
		}
		if d.Starts() != 0 || d.Stats() != (wal.Stats{}) || len(disk.Files()) != 0 {
			t.Fatalf("a blank disk counts %d starts and holds %v", d.Starts(), disk.Files())
		}
		must(t, d.Close())
	}
	d, _ := open(t, disk)
	if err := d.Keep([]paxos.Record{promised(1)}); err == nil {
		t.Fatal("a blank disk keeps a promise")
	}
}

func TestWhatWasKeptIsFoundAgain(t *testing.T) {
	disk := newDisk(t)
	d, _ := open(t, disk)
	must(t, d.Keep([]paxos.Record{paxos.IdentityRecord{Identity: formingOne}}))
	must(t, d.Close())
	d, found := open(t, disk)
	if diff := cmp.Diff(node.Found{Identity: formingOne}, found); diff != "" {
		t.Fatal(diff)
	}
	must(t, d.Keep([]paxos.Record{paxos.IdentityRecord{Identity: memberIdentity}, promised(1), accepted(2, "x")}))
	must(t, d.Keep([]paxos.Record{promised(3)}))
	if s := d.Stats(); s.Records != 3 || s.Syncs != 2 {
		t.Fatalf("two calls of Keep made %+v", s)
	}
	must(t, d.Close())
	_, found = open(t, disk)
	want := node.Found{Identity: memberIdentity, Records: []paxos.Record{promised(1), accepted(2, "x"), promised(3)}}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Fatal(diff)
	}
}

func TestEveryStartWithAnIdentityIsCounted(t *testing.T) {
	disk := newMember(t)
	for want := uint64(2); want < 6; want++ {
		d, _ := open(t, disk)
		if d.Starts() != want {
			t.Fatalf("start %d is counted as %d", want, d.Starts())
		}
		must(t, d.Close())
	}
}

func TestAForeignDiskIsMuteAndUntouched(t *testing.T) {
	disk := newMember(t)
	before := image(t, disk)
	d, found, err := node.OpenDisk(disk, dir, "a2", small)
	must(t, err)
	if !strings.Contains(found.Mute, "belongs to a1, this is a2") || found.Records != nil || d.Starts() != 0 {
		t.Fatalf("found %+v, %d starts", found, d.Starts())
	}
	if diff := cmp.Diff(before, image(t, disk)); diff != "" {
		t.Fatal("the foreign disk was changed")
	}
	if err := d.Keep([]paxos.Record{promised(9)}); err == nil {
		t.Fatal("a foreign disk keeps a promise")
	}
}

func TestADiskThatLostAPartOfItselfIsMute(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(*memfs.Disk) error
		want string
	}{
		"the identity": {func(d *memfs.Disk) error { return d.Remove(dir + "/identity") }, "a journal but no identity"},
		"the journal": {func(d *memfs.Disk) error {
			for _, f := range d.Files() {
				if strings.HasSuffix(f, ".wal") {
					if err := d.Remove(f); err != nil {
						return err
					}
				}
			}
			return nil
		}, "there is no journal in this directory, and there was one"},
		"a segment":         {func(d *memfs.Disk) error { return d.Remove(dir + "/0000000000000001.wal") }, "the segment is missing"},
		"identity's bytes":  {func(d *memfs.Disk) error { return d.Put(dir+"/identity", nil) }, "is damaged"},
		"a segment's name":  {func(d *memfs.Disk) error { return d.Put(dir+"/x.wal", nil) }, "no segment has this name"},
		"name, no identity": {func(d *memfs.Disk) error { _ = d.Remove(dir + "/identity"); return d.Put(dir+"/x.wal", nil) }, "no segment has this name"},
	} {
		disk := newMember(t)
		must(t, c.harm(disk))
		d, found := open(t, disk)
		if !strings.Contains(found.Mute, c.want) || len(found.Records) != 0 {
			t.Errorf("without %s: %+v", name, found)
		}
		must(t, d.Close())
	}
}

func TestARecordOfAnUnknownKindMakesMute(t *testing.T) {
	for name, c := range map[string]struct {
		kind    byte
		payload []byte
		want    string
	}{
		"an unknown kind":  {77, nil, "unknown kind of record 77"},
		"a cut record":     {byte(paxos.PromisedKind), []byte{1}, "record of kind 1"},
		"a longer one":     {byte(paxos.FloorKind), make([]byte, 14), "record of kind 5"},
		"an older one":     {3, make([]byte, 12), "written by an older version"},
		"an identity's id": {0, []byte{1}, "unknown kind of record 0"},
	} {
		disk := newMember(t)
		j, err := wal.Open(disk, dir, wal.Binding{Cluster: memberIdentity.Cluster, Store: memberIdentity.Store}, small,
			func(byte, []byte) error { return nil })
		must(t, err)
		j.Append(c.kind, c.payload)
		must(t, j.Sync())
		must(t, j.Close())
		_, found := open(t, disk)
		if !strings.Contains(found.Mute, c.want) || found.Records != nil {
			t.Errorf("%s: %+v", name, found)
		}
	}
}

func TestAJournalOfAnotherStoreMakesMute(t *testing.T) {
	disk := newMember(t)
	stored, _, err := wal.ReadIdentity(disk, dir)
	must(t, err)
	stored.Store, stored.Stores = 12, []paxos.StoreOf{{Acceptor: "a1", Store: 12}}
	must(t, wal.WriteIdentity(disk, dir, stored))
	_, found := open(t, disk)
	if !strings.Contains(found.Mute, "must not vote with another's journal") {
		t.Fatalf("found %+v", found)
	}
}

func TestADiskThatCannotBeReadEndsTheProcess(t *testing.T) {
	disk := newMember(t)
	disk.Inject(func(op memfs.Op) *memfs.Fault {
		if op.Kind == memfs.ReadOp {
			return &memfs.Fault{Err: errDisk}
		}
		return nil
	})
	_, _, err := node.OpenDisk(disk, dir, "a1", small)
	wantError(t, err, errDisk)
}

func TestAFailedKeepIsFinal(t *testing.T) {
	disk := newMember(t)
	d, _ := open(t, disk)
	disk.Inject(func(op memfs.Op) *memfs.Fault {
		if op.Kind == memfs.SyncDataOp {
			return &memfs.Fault{Err: errDisk}
		}
		return nil
	})
	wantError(t, d.Keep([]paxos.Record{promised(2)}), errDisk)
	disk.Inject(nil)
	ops := disk.Ops()
	for range 3 {
		wantError(t, d.Keep([]paxos.Record{promised(2)}), errDisk)
	}
	if disk.Ops() != ops {
		t.Fatal("after a failed sync the disk is touched again")
	}
}

func TestRecordsOfFoundAreTheirOwn(t *testing.T) {
	disk := newDisk(t)
	d, _ := open(t, disk)
	must(t, d.Keep([]paxos.Record{paxos.IdentityRecord{Identity: formingOne}, paxos.IdentityRecord{Identity: memberIdentity}}))
	var want []paxos.Record
	for i := range 40 {
		want = append(want, accepted(i+1, string(bytes.Repeat([]byte{byte('a' + i%26)}, 100))))
		must(t, d.Keep(want[i:]))
	}
	must(t, d.Close())
	_, found := open(t, disk)
	if diff := cmp.Diff(want, found.Records); diff != "" {
		t.Fatal(diff)
	}
}
