package local

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Keep copies a program into the cluster's directory and gives the copy's
// path: "go run" removes its program when it ends, and a rebuild changes one
// under the feet of nodes that are restarted. The same program is copied once;
// copies of others are removed, which does not disturb those who run them.
func Keep(dir, program string) (string, error) {
	dir, err := filepath.Abs(filepath.Join(dir, "bin"))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	in, err := os.Open(program)
	if err != nil {
		return "", err
	}
	defer func() { _ = in.Close() }()
	hash := sha256.New()
	if _, err := io.Copy(hash, in); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "paxosctl-"+hex.EncodeToString(hash.Sum(nil))[:16])
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	unlock, err := lock(filepath.Dir(dir))
	if err != nil {
		return "", err
	}
	defer unlock()
	others, err := filepath.Glob(filepath.Join(dir, "paxosctl-*"))
	if err != nil {
		return "", err
	}
	if err := copyTo(path, in); err != nil {
		return "", err
	}
	for _, other := range others {
		if other != path {
			_ = os.Remove(other)
		}
	}
	return path, nil
}

// copyTo writes the program so that it is there whole or not at all.
func copyTo(path string, in *os.File) error {
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return err
	}
	out, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	err = errors.Join(err, out.Chmod(0o755), out.Close())
	if err == nil {
		err = os.Rename(out.Name(), path)
	}
	if err != nil {
		_ = os.Remove(out.Name())
	}
	return err
}
