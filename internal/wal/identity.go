package wal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"

	"paxos/paxos"
)

const (
	identityName = "identity"
	// IdentityFormat is the version of the identity file that is written here.
	IdentityFormat = 1
	// maxIdentityBytes is far above what any configuration needs.
	maxIdentityBytes = 1 << 20
)

// Stored is the content of the identity file.
type Stored struct {
	// Format is the file's version; WriteIdentity sets it.
	Format uint32 `json:"format"`
	// Starts counts the starts of the acceptor with this disk. A disk whose
	// count went back is a copy, or was restored.
	Starts uint64 `json:"starts,string"`
	paxos.Identity
}

// ReadIdentity reads the identity in dir; found is false when there is none.
// A file that is there and not exactly as it was written, or of an unknown
// format, is a *DamageError. What was found is durable, name included.
func ReadIdentity(fsys FS, dir string) (s Stored, found bool, err error) {
	name := filepath.Join(dir, identityName)
	text, err := readAll(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return Stored{}, false, nil
	}
	if err != nil {
		return Stored{}, false, err
	}
	s, reason := decodeIdentity(text)
	if reason != "" {
		return Stored{}, false, damage(name, 0, "%s", reason)
	}
	// Whoever renamed it may have died before the sync.
	if err := fsys.SyncDir(dir); err != nil {
		return Stored{}, false, err
	}
	return s, true, nil
}

// WriteIdentity replaces the identity in dir, durably when it returns nil. A
// crash leaves either the old one or the new one. After an error, either may be
// there and the caller must end.
func WriteIdentity(fsys FS, dir string, s Stored) error {
	s.Format = IdentityFormat
	text, err := encodeIdentity(s)
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	if _, reason := decodeIdentity(text); reason != "" {
		return fmt.Errorf("this identity could not be read back: %s", reason)
	}
	name := filepath.Join(dir, identityName)
	temp := name + tempSuffix
	if err := fsys.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeAll(fsys, temp, text); err != nil {
		return err
	}
	if err := fsys.Rename(temp, name); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

// encodeIdentity gives JSON for people, and a last line with the CRC32C of all
// that comes before it.
func encodeIdentity(s Stored) ([]byte, error) {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, err
	}
	text = append(text, '\n')
	return append(text, sumLine(text)...), nil
}

func sumLine(text []byte) []byte {
	return fmt.Appendf(nil, "crc32c %08x\n", crc32.Checksum(text, castagnoli))
}

// decodeIdentity gives the identity, or what is wrong with the text. It takes
// only what encodeIdentity gives, byte for byte.
func decodeIdentity(text []byte) (s Stored, reason string) {
	cut := bytes.LastIndexByte(bytes.TrimSuffix(text, []byte{'\n'}), '\n') + 1
	if !bytes.Equal(text[cut:], sumLine(text[:cut])) {
		return s, "the last line is not the CRC32C of the lines before it"
	}
	var version struct{ Format uint32 }
	if err := json.Unmarshal(text[:cut], &version); err != nil {
		return s, err.Error()
	}
	if version.Format != IdentityFormat {
		return s, fmt.Sprintf("format %d is unknown here, which reads format %d", version.Format, IdentityFormat)
	}
	if err := json.Unmarshal(text[:cut], &s); err != nil {
		return s, err.Error()
	}
	if again, err := encodeIdentity(s); err != nil || !bytes.Equal(again, text) {
		return s, "it says more, or other, than an identity does"
	}
	return s, ""
}

func readAll(fsys FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > maxIdentityBytes {
		return nil, damage(name, maxIdentityBytes, "it has %d bytes", size)
	}
	text := make([]byte, size)
	if n, err := f.ReadAt(text, 0); n < len(text) {
		return nil, errors.Join(io.ErrUnexpectedEOF, err)
	}
	return text, nil
}

func writeAll(fsys FS, name string, text []byte) error {
	f, err := fsys.Create(name)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(text, 0)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
