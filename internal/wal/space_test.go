package wal_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"runtime"
	"testing"

	"paxos/internal/wal"
)

func TestSpaceIsToldAndAMissingDirectoryIsAnError(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells")
	}
	s, err := wal.SpaceOf(t.TempDir())
	if err != nil || s.Used < 0 || s.Free <= 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	if _, err := wal.SpaceOf(filepath.Join(t.TempDir(), "no")); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("of a missing directory: %v", err)
	}
}

func TestForgottenContentIsReadFromTheDisk(t *testing.T) {
	f, err := wal.OS().Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	want := make([]byte, 1<<20)
	for i := range want {
		want[i] = byte(i * 7)
	}
	if _, err := f.WriteAt(want, 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if forgetful, ok := f.(interface{ Forget() error }); ok {
		if err := forgetful.Forget(); err != nil {
			t.Fatal(err)
		}
	} else if runtime.GOOS == "linux" {
		t.Fatal("the machine's files cannot forget")
	}
	got := make([]byte, len(want))
	if _, err := f.ReadAt(got, 0); err != nil || string(got) != string(want) {
		t.Fatalf("read back: %v", err)
	}
}
