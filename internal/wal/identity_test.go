package wal_test

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
	"paxos/paxos"
)

var someone = wal.Stored{Format: wal.IdentityFormat, Starts: 1<<64 - 1, Identity: paxos.Identity{
	Standing: paxos.Forming, Cluster: bind.Cluster, Node: "acceptor2", Store: bind.Store,
	Config: paxos.Configuration{Number: 3, Acceptors: []paxos.NodeID{"acceptor1", "acceptor2"}, Learners: []paxos.NodeID{"learner1"}},
}}

func TestIdentityIsReadAsItWasWritten(t *testing.T) {
	disk := newDisk(t)
	if _, found, err := wal.ReadIdentity(disk, dir); found || err != nil {
		t.Fatalf("an empty directory: found %v, %v", found, err)
	}
	for _, want := range []wal.Stored{someone, {Format: wal.IdentityFormat}} {
		must(t, wal.WriteIdentity(disk, dir, want))
		disk.Crash(memfs.Lose)
		got, found, err := wal.ReadIdentity(disk, dir)
		if !found || err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, found %v, %v; want %+v", got, found, err, want)
		}
	}
	text := imageOf(t, disk)["identity"]
	if !bytes.Contains(text, []byte("\n  \"standing\": \"blank\",\n")) {
		t.Errorf("not for people to read: %s", text)
	}
}

func TestIdentityThatCannotBeReadBackIsNotWritten(t *testing.T) {
	disk := newDisk(t)
	must(t, wal.WriteIdentity(disk, dir, someone))
	bad := someone
	bad.Standing = 77
	if err := wal.WriteIdentity(disk, dir, bad); err == nil {
		t.Error("an identity of unknown standing was written")
	}
	if got, _, err := wal.ReadIdentity(disk, dir); err != nil || !reflect.DeepEqual(got, someone) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// identityFile adds the last line to a text, as if it had been written so.
func identityFile(text string) []byte {
	return fmt.Appendf(nil, "%scrc32c %08x\n", text, crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli)))
}

func TestIdentityOfAnotherKindIsDamage(t *testing.T) {
	disk := newDisk(t)
	must(t, wal.WriteIdentity(disk, dir, someone))
	good := string(imageOf(t, disk)["identity"])
	json := good[:strings.LastIndex(good, "crc32c ")]
	cases := map[string]string{
		"empty":            "",
		"no JSON":          "hello\n",
		"next format":      strings.Replace(json, `"format": 1`, `"format": 2`, 1),
		"a new field":      strings.Replace(json, "{\n", "{\n  \"colour\": \"blue\",\n", 1),
		"a field less":     strings.Replace(json, "  \"node\": \"acceptor2\",\n", "", 1),
		"a field twice":    strings.Replace(json, "{\n", "{\n  \"starts\": \"1\",\n", 1),
		"other spaces":     strings.Replace(json, "  ", " ", 1),
		"another standing": strings.Replace(json, "forming", "king", 1),
		"something behind": json + "{}\n",
	}
	for name, text := range cases {
		if text == json {
			t.Fatalf("%s: the case changes nothing", name)
		}
		must(t, disk.Put(dir+"/identity", identityFile(text)))
		_, found, err := wal.ReadIdentity(disk, dir)
		if found {
			t.Errorf("%s: was taken for an identity", name)
		}
		wantDamage(t, err, "/identity")
	}
	must(t, disk.Put(dir+"/identity", identityFile(json)))
	if _, found, err := wal.ReadIdentity(disk, dir); !found || err != nil {
		t.Errorf("the good one: found %v, %v", found, err)
	}
	must(t, disk.Put(dir+"/identity", make([]byte, 2<<20)))
	_, _, err := wal.ReadIdentity(disk, dir)
	wantDamage(t, err, "/identity")
}

// At every operation the power goes, or the operation fails and the process
// ends. What is read next is the old or the new one, and stays what it is.
func TestIdentityCrashes(t *testing.T) {
	next := someone
	next.Standing, next.Starts = paxos.Member, 1
	for n := 1; ; n++ {
		disk := newDisk(t)
		must(t, wal.WriteIdentity(disk, dir, someone))
		failed := disk.Clone()
		until(disk, n)
		failAt(failed, n)
		err := wal.WriteIdentity(disk, dir, next)
		if err == nil {
			return
		}
		if !errors.Is(err, errPower) {
			t.Fatal(err)
		}
		outcomes(disk, func(pick func(int) int) {
			after := disk.Clone()
			after.Crash(pick)
			oldOrNew(t, after, next)
		})
		if err := wal.WriteIdentity(failed, dir, next); !errors.Is(err, errDisk) {
			t.Fatal(err)
		}
		failed.Kill()
		oldOrNew(t, failed, next)
	}
}

func oldOrNew(t *testing.T, disk *memfs.Disk, next wal.Stored) {
	t.Helper()
	got, found, err := wal.ReadIdentity(disk, dir)
	if !found || err != nil || !reflect.DeepEqual(got, someone) && !reflect.DeepEqual(got, next) {
		t.Fatalf("got %+v, found %v, %v", got, found, err)
	}
	disk.Crash(memfs.Lose)
	again, found, err := wal.ReadIdentity(disk, dir)
	if !found || err != nil || !reflect.DeepEqual(again, got) {
		t.Fatalf("read %+v, and after a crash %+v, found %v, %v", got, again, found, err)
	}
	must(t, wal.WriteIdentity(disk, dir, next))
}

func TestIdentityReportsWhatTheDiskSays(t *testing.T) {
	for n := 1; ; n++ {
		disk := newDisk(t)
		must(t, wal.WriteIdentity(disk, dir, someone))
		failAt(disk, n)
		_, found, err := wal.ReadIdentity(disk, dir)
		if err == nil {
			break
		}
		if found || !errors.Is(err, errDisk) {
			t.Fatalf("operation %d: found %v, %v", n, found, err)
		}
	}
}

func TestIdentityOnTheMachinesOwnDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	lock, err := wal.Lock(path, "acceptor2")
	must(t, err)
	for range 2 {
		must(t, wal.WriteIdentity(wal.OS(), path, someone))
	}
	if got, found, err := wal.ReadIdentity(wal.OS(), path); !found || err != nil || !reflect.DeepEqual(got, someone) {
		t.Errorf("got %+v, found %v, %v", got, found, err)
	}
	must(t, lock.Unlock())
}
