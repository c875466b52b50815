package figures

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// Leg is one finished run of a command.
type Leg struct {
	Command string            `json:"command"` // as typed, e.g. "go run ./cmd/sim -seeds 5000"
	Commit  string            `json:"commit"`  // short hash of HEAD, with "+" if the tree differed
	Date    string            `json:"date"`    // 2006-01-02, UTC
	Seconds float64           `json:"seconds"` // wall time
	Sums    map[string]int64  `json:"sums"`    // counts that add up over legs: "events", "faults", "states"…
	Notes   map[string]string `json:"notes,omitempty"`
}

// File is one kind of test's legs and their sums.
type File struct {
	Test string `json:"test"`
	Legs []Leg  `json:"legs"`
}

// Read reads a file of sums. One that is missing is an empty File.
func Read(path string) (File, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return File{}, nil
	}
	if err != nil {
		return File{}, err
	}
	var f File
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return File{}, fmt.Errorf("%s is no file of sums: %w", path, err)
	}
	if d.More() {
		return File{}, fmt.Errorf("%s is no file of sums: there is more behind its end", path)
	}
	if f.Test == "" {
		return File{}, fmt.Errorf("%s is no file of sums: it does not say of which test", path)
	}
	for i, leg := range f.Legs {
		if err := leg.check(); err != nil {
			return File{}, fmt.Errorf("%s, leg %d: %w", path, i+1, err)
		}
	}
	return f, nil
}

// check refuses a leg of which nobody could tell how it was got.
func (l Leg) check() error {
	switch {
	case l.Command == "" || l.Commit == "" || l.Date == "":
		return errors.New("a leg needs its command, commit and date")
	case len(l.Sums) == 0:
		return errors.New("a leg without a sum counts nothing")
	case l.Seconds < 0 || math.IsNaN(l.Seconds) || math.IsInf(l.Seconds, 0):
		return fmt.Errorf("a leg cannot take %v s", l.Seconds)
	}
	for name, n := range l.Sums {
		if name == "" || n < 0 {
			return fmt.Errorf("the sum %q is %d: it needs a name, and counts from 0", name, n)
		}
	}
	return nil
}

// Sums adds up the legs.
func (f File) Sums() map[string]int64 {
	sums := map[string]int64{}
	for _, leg := range f.Legs {
		for name, n := range leg.Sums {
			sums[name] += n
		}
	}
	return sums
}

// Seconds is the wall time of all legs.
func (f File) Seconds() float64 {
	var s float64
	for _, leg := range f.Legs {
		s += leg.Seconds
	}
	return s
}

// Notes are those of all legs; what a later one says of the same counts.
func (f File) Notes() map[string]string {
	notes := map[string]string{}
	for _, leg := range f.Legs {
		maps.Copy(notes, leg.Notes)
	}
	return notes
}

// Add reads a file, adds a leg, and writes the file so that it is the old one
// or the new one whatever happens. Two commands that end at once wait for one
// another.
func Add(path, test string, leg Leg) (File, error) {
	return change(path, test, leg, func(legs []Leg) []Leg { return append(slices.Clip(legs), leg) })
}

// Replace is Add for a run that is the same each time: the file holds the last
// one, and nothing is summed.
func Replace(path, test string, leg Leg) (File, error) {
	return change(path, test, leg, func([]Leg) []Leg { return []Leg{leg} })
}

func change(path, test string, leg Leg, with func([]Leg) []Leg) (File, error) {
	if err := leg.check(); err != nil {
		return File{}, err
	}
	if test == "" {
		return File{}, errors.New("sums need the name of their test")
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return File{}, err
	}
	lock, err := os.Open(dir)
	if err != nil {
		return File{}, err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return File{}, fmt.Errorf("lock of %s: %w", dir, err)
	}
	f, err := Read(path)
	if err != nil {
		return File{}, err
	}
	if f.Test != "" && f.Test != test {
		return File{}, fmt.Errorf("%s holds the sums of %q, not of %q: name another file", path, f.Test, test)
	}
	f.Test, f.Legs = test, with(f.Legs)
	return f, f.write(path)
}

func (f File) write(path string) error {
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return replace(path, append(text, '\n'))
}

// replace gives a file another content, in one step.
func replace(path string, text []byte) error {
	aside, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(aside.Name()) // it is gone when all went well
	_, err = aside.Write(text)
	err = errors.Join(err, aside.Chmod(0o644), aside.Sync(), aside.Close())
	if err != nil {
		return err
	}
	return os.Rename(aside.Name(), path)
}
