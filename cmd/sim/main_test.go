package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"paxos/internal/figures"
)

func try(args ...string) (code int, said string) {
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return code, out.String() + errs.String()
}

func TestWrongUsageIsExitCode2(t *testing.T) {
	for why, args := range map[string][]string{
		"there are only flags":        {"x"},
		"is needed":                   {},
		"must not be negative":        {"-seeds", "3", "-within", "-1s"},
		"-within are for many seeds":  {"-seed", "3", "-within", "1s"},
		"-sums, -last and -within":    {"-seed", "3", "-last", "x"},
		"give one of them":            {"-seeds", "3", "-last", "x", "-sums", "y"},
		"-sums chooses the seeds":     {"-seeds", "3", "-seed", "2", "-sums", "y"},
		"at most; long runs are many": {"-for", "2h"},
	} {
		if code, said := try(args...); code != 2 || !strings.Contains(said, why) {
			t.Errorf("%v: exit code %d, %q, which should say %q", args, code, said, why)
		}
	}
	if code, said := try("-h"); code != 0 || !strings.Contains(said, "-within") {
		t.Errorf("-h: exit code %d, %q", code, said)
	}
}

func TestARunThatTakesTooLongIsNoSuccess(t *testing.T) {
	for within, want := range map[string]int{"1ns": 1, "10m": 0} {
		if code, said := try("-seeds", "2", "-within", within); code != want || strings.Contains(said, "-within demands") != (want == 1) {
			t.Errorf("-within %s: exit code %d\n%s", within, code, said)
		}
	}
}

func TestTheLastShortRunIsKeptAndLongOnesAddUp(t *testing.T) {
	last, sums := filepath.Join(t.TempDir(), "last.json"), filepath.Join(t.TempDir(), "sums.json")
	for i, flag := range []string{"-last", "-last", "-sums", "-sums"} {
		path := map[string]string{"-last": last, "-sums": sums}[flag]
		if code, said := try("-seeds", "2", flag, path); code != 0 {
			t.Fatalf("run %d: exit code %d\n%s", i, code, said)
		}
	}
	short, err := figures.Read(last)
	long, err2 := figures.Read(sums)
	if err != nil || err2 != nil || len(short.Legs) != 1 || short.Sums()["seeds"] != 2 || len(long.Legs) != 2 || long.Sums()["seeds"] != 4 || len(long.Notes()) != 0 {
		t.Fatalf("%v, %v\n%+v\n%+v", err, err2, short, long)
	}
	if code, said := try("-seeds", "2", "-last", sums); code != 1 || !strings.Contains(said, "name another file") {
		t.Errorf("the file of another test: exit code %d\n%s", code, said)
	}
}

func TestALegThatWasInterruptedSaysSo(t *testing.T) {
	sums := filepath.Join(t.TempDir(), "sums.json")
	ctx, cancel := context.WithCancel(t.Context())
	var out, errs bytes.Buffer
	o := options{workers: 1, seed: 7, length: time.Hour, sums: sums, output: "text"}
	// Progress is told after some seconds; then it is over.
	code := o.swarm(ctx, &out, canceller{&errs, cancel})
	file, err := figures.Read(sums)
	if code != 1 || err != nil || len(file.Legs) != 1 || !strings.Contains(file.Notes()["the leg from seed 7 on"], "was interrupted after") || !strings.Contains(errs.String(), "interrupted after") {
		t.Errorf("exit code %d, %v\n%+v\n%s", code, err, file, &errs)
	}
}

type canceller struct {
	*bytes.Buffer
	cancel func()
}

func (c canceller) Write(b []byte) (int, error) {
	c.cancel()
	return c.Buffer.Write(b)
}
