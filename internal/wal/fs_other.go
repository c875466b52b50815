//go:build !linux

package wal

import "os"

// CheckFileSystem allows every directory: only Linux tells the kinds apart.
func CheckFileSystem(string) error { return nil }

// SpaceOf tells nothing here: the zero Space.
func SpaceOf(string) (Space, error) { return Space{}, nil }

func fdatasync(f *os.File) error { return f.Sync() }
