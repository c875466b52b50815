package mutants

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// planted builds the program with a mutant into a directory that end removes.
func (o *options) planted(ctx context.Context, m Mutant) (program string, end func(), err error) {
	root, err := Root(".")
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return "", nil, err
	}
	end = func() { os.RemoveAll(dir) }
	overlay, err := m.Plant(ctx, root, dir)
	program = filepath.Join(dir, "program")
	if err == nil {
		err = Build(ctx, root, overlay, o.program, program)
	}
	if err != nil {
		end()
		return "", nil, err
	}
	return program, end, nil
}

// shrink looks for a seed that shows a mutant, and prints the smallest scenario
// in which it still does: what sim/testdata keeps of a bug that was found.
func (o *options) shrink(ctx context.Context, m Mutant, stdout, stderr io.Writer) error {
	at := &progress{to: stderr}
	defer at.begin()()
	at.say("a seed that shows %s", m.Name)
	program, end, err := o.planted(ctx, m)
	if err != nil {
		return err
	}
	defer end()
	v, err := o.swarm.Judge(ctx, program)
	if err == nil && v.Checker == "" {
		err = fmt.Errorf("%d seeds, and none shows %s: more time is needed (-for), or other seeds (-seed)", v.Seeds, m.Name)
	}
	if err != nil {
		return err
	}
	at.say("the smallest scenario: %s, as at seed %d", v.Checker, v.Seed)
	var out, errs bytes.Buffer
	run := exec.CommandContext(ctx, program, "-seed", fmt.Sprint(v.Seed), "-shrink")
	run.Stdout, run.Stderr = &out, &errs
	// The simulator ends with 1 when it has shrunk a failure.
	var exit *exec.ExitError
	switch err := run.Run(); {
	case ctx.Err() != nil:
		return errors.New("interrupted before a smaller scenario was found")
	case !errors.As(err, &exit) || exit.ExitCode() != 1 || out.Len() == 0:
		return fmt.Errorf("seed %d failed, and does not shrink (%w): %s", v.Seed, err, bytes.TrimSpace(errs.Bytes()))
	}
	fmt.Fprintf(stderr, "seed %d: %s", v.Seed, errs.Bytes())
	_, err = stdout.Write(out.Bytes())
	return err
}
