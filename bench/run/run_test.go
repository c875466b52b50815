package run

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"paxos/bench/peers"
	"paxos/bench/report"
)

// TestACellOfOursAndOfAPeerIsMeasured is a whole run, as short as it can be, with
// real processes.
func TestACellOfOursAndOfAPeerIsMeasured(t *testing.T) {
	here, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(".", "bench-data-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	file := filepath.Join(dir, "bench.json")
	var out, progress bytes.Buffer
	code := Command(t.Context(), []string{"-root", here, "-rows", "all-put-16", "-only", "paxos,etcd", "-dir", dir, "-json", file,
		"-warmup", "100ms", "-interval", "100ms", "-intervals", "2"}, &out, &progress)
	if code != 0 {
		t.Fatalf("exit %d\n%s\n%s", code, &progress, &out)
	}
	f, err := report.Read(file)
	if err != nil || len(f.Rows) != 1 || len(f.Rows[0].Pairs) != 1 {
		t.Fatalf("%+v, %v", f, err)
	}
	p := f.Rows[0].Pairs[0]
	measured := 0
	for _, r := range append(p.Peers, p.Ours) {
		if r.Failed == leftOut {
			continue
		}
		measured++
		if r.Failed != "" || r.Rate <= 0 || r.P50 <= 0 || r.P99 < r.P50 || r.CPU <= 0 || r.Written <= 0 || r.Memory < 10<<20 || r.Peak < r.Memory || r.Checked < 16 || r.Syncs == nil || *r.Syncs <= 0 {
			text, _ := json.Marshal(r)
			t.Errorf("%s", text)
		}
	}
	if measured != 3 {
		t.Errorf("%d cells were measured, not ours and etcd's two", measured)
	}
	if code := Command(t.Context(), []string{"-root", here, "-rows", "all-put-16", "-only", "paxos", "-dir", dir, "-json", file}, &out, &progress); code != 2 || !strings.Contains(progress.String(), "another file") {
		t.Errorf("a row without its peers takes the place of one with them: exit %d", code)
	}
	left, err := filepath.Glob(filepath.Join(dir, "bench-data-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if !strings.Contains(out.String(), "all-put-16") {
		t.Errorf("the table says nothing of the row:\n%s", &out)
	}
}

func TestWrongUsageIsSaid(t *testing.T) {
	for _, args := range [][]string{{"-rows", "nothing"}, {"-pairs", "0"}, {"-interval", "1ms"}, {"-sample", "10"}, {"-table", "x.md"}, {"word"}, {"-nothing"},
		{"-only", "cassandra"}, {"-only", "paxos/nix"}, {"-list", "yes"}, {"-root", "/nowhere"}, {"-dir", "/dev/shm", "-root", "../.."}, {"-rows", "["}} {
		var out, err bytes.Buffer
		if code := Command(t.Context(), args, &out, &err); code != 2 || err.Len() == 0 {
			t.Errorf("%v: exit %d, %q", args, code, &err)
		}
	}
	var out, err bytes.Buffer
	if code := Command(t.Context(), []string{"-h"}, &out, &err); code != 0 || !strings.Contains(out.String(), "-rows") {
		t.Errorf("-h: exit %d, %q", code, &out)
	}
}

// TestEveryRowCanBeMeasured: names are distinct, and each cell names a system and
// an operation that there are.
func TestEveryRowCanBeMeasured(t *testing.T) {
	rows, err := pick("all")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, r := range rows {
		if names[r.Name] || r.What == "" || r.Figure == "" {
			t.Errorf("row %q: twice, or without words", r.Name)
		}
		names[r.Name] = true
		for _, c := range append([]report.Cell{r.Ours}, r.Peers...) {
			kind, _, _ := strings.Cut(c.System, "/")
			if kind != "paxos" && !known(kind) {
				t.Errorf("row %q: there is no system %q", r.Name, c.System)
			}
			if c.Users < 1 || c.Size < 1 {
				t.Errorf("row %q: %v", r.Name, c)
			}
		}
	}
	for name, want := range map[string]bool{"paxos": true, "paxos/before": true, "etcd/in-batches": true, "etcd-tuned": true, "etcd/x": false, "x": false} {
		if measurable(name) != want {
			t.Errorf("%s can be measured: %v", name, !want)
		}
	}
	if some, err := pick("puts-*, failover"); err != nil || len(some) < 5 || len(some) >= len(rows) {
		t.Errorf("a pattern means %d of %d rows, %v", len(some), len(rows), err)
	}
}

func known(name string) bool {
	for _, n := range peers.Names() {
		if n == name {
			return true
		}
	}
	return false
}
