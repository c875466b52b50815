package mutants

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Mutant is one planted bug.
type Mutant struct {
	Name    string
	Bug     string   // what is wrong
	Shipped string   // who shipped one like it, or of which kind it is
	Notice  string   // what should notice it
	Files   []string // that it touches, from the top of the repository
	patch   string
}

//go:embed *.diff
var diffs embed.FS

// All gives the mutants, by name.
func All() ([]Mutant, error) { return list(diffs) }

func list(from fs.FS) ([]Mutant, error) {
	files, err := fs.Glob(from, "*.diff")
	if err != nil {
		return nil, err
	}
	var all []Mutant
	for _, name := range files {
		text, err := fs.ReadFile(from, name)
		if err != nil {
			return nil, err
		}
		m, err := parse(strings.TrimSuffix(name, ".diff"), string(text))
		if err != nil {
			return nil, fmt.Errorf("test/mutants/%s: %w", name, err)
		}
		all = append(all, m)
	}
	return all, nil
}

// Select gives the mutants with these names, all of them if there is no name.
func Select(names []string) ([]Mutant, error) {
	all, err := All()
	if err != nil || len(names) == 0 {
		return all, err
	}
	var list []Mutant
	for _, name := range names {
		i := slices.IndexFunc(all, func(m Mutant) bool { return m.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no mutant %q; -list names them", name)
		}
		list = append(list, all[i])
	}
	return list, nil
}

// parse reads a patch and its head: lines that begin with "# ", of which those
// with a key begin a part and the others go on with it.
func parse(name, text string) (Mutant, error) {
	m := Mutant{Name: name}
	keys := []string{"Bug", "Shipped", "Notice"}
	parts := map[string]*string{"Bug": &m.Bug, "Shipped": &m.Shipped, "Notice": &m.Notice}
	var part *string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		comment, ok := strings.CutPrefix(line, "# ")
		if !ok {
			break
		}
		key, rest, keyed := strings.Cut(comment, ": ")
		switch {
		case keyed && parts[key] != nil:
			part = parts[key]
			*part = rest
		case part == nil:
			return m, fmt.Errorf("its head begins with %q, and not with %q and what is wrong", comment, "# Bug:")
		default:
			*part += " " + strings.TrimSpace(comment)
		}
	}
	for _, key := range keys {
		if *parts[key] == "" {
			return m, fmt.Errorf("its head does not say %q", "# "+key+":")
		}
	}
	for line := range strings.Lines(text) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "+++ b/"); ok {
			m.Files = append(m.Files, path)
		}
	}
	if len(m.Files) == 0 {
		return m, errors.New("it changes nothing")
	}
	m.patch = text
	return m, nil
}
