package memfs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"paxos/internal/wal"
	"paxos/internal/wal/memfs"
)

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func write(t testing.TB, f wal.File, at int, c byte, n int) {
	t.Helper()
	must(f.WriteAt(slices.Repeat([]byte{c}, n), int64(at)))(t)
}

// sectors condenses a file to the first byte of each sector, '.' for zero.
func sectors(t testing.TB, d *memfs.Disk, name string) (out string) {
	t.Helper()
	content := must(d.Content(name))(t)
	for at := 0; at < len(content); at += wal.SectorBytes {
		if content[at] == 0 {
			content[at] = '.'
		}
		out += string(content[at])
	}
	return out
}

// after gives what every way out of a crash leaves of a disk, each once.
func after(d *memfs.Disk, see func(*memfs.Disk) string) (all []string) {
	ways := 1
	d.Clone().Crash(func(n int) int { ways *= n; return 0 })
	for way := range ways {
		after := d.Clone()
		after.Crash(func(n int) int { defer func() { way /= n }(); return way % n })
		all = append(all, see(after))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestUnsyncedSectorsSurviveEachForItself(t *testing.T) {
	d := memfs.New()
	f := must(d.Create("/f"))(t)
	write(t, f, 0, 'a', 1024)
	for _, err := range []error{f.Sync(), d.SyncDir("/")} {
		must(0, err)(t)
	}
	write(t, f, 512, 'b', 512)
	write(t, f, 0, 'c', 1024)
	got := after(d, func(d *memfs.Disk) string { return sectors(t, d, "/f") })
	if want := []string{"aa", "ab", "ac", "ca", "cb", "cc"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	must(0, f.SyncData())(t)
	if got := after(d, func(d *memfs.Disk) string { return sectors(t, d, "/f") }); !slices.Equal(got, []string{"cc"}) {
		t.Errorf("after a sync: %q", got)
	}
	write(t, f, 1024, 'd', 512)
	got = after(d, func(d *memfs.Disk) string { return sectors(t, d, "/f") })
	if want := []string{"cc", "cc.", "ccd"}; !slices.Equal(got, want) {
		t.Errorf("grown: got %q, want %q", got, want)
	}
}

func TestUnsyncedNamesSurviveEachForItself(t *testing.T) {
	d := memfs.New()
	must(d.Create("/a"))(t)
	must(0, d.SyncDir("/"))(t)
	must(0, d.Rename("/a", "/b"))(t)
	must(d.Create("/c"))(t)
	got := after(d, func(d *memfs.Disk) string { return fmt.Sprint(d.Files()) })
	if want := []string{"[/a /c]", "[/a]", "[/b /c]", "[/b]"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestACrashSaysWhatItAsksAbout(t *testing.T) {
	d := memfs.New()
	must(0, d.Mkdir("/dir"))(t)
	must(0, d.SyncDir("/"))(t)
	f := must(d.Create("/dir/a"))(t)
	must(d.Create("/dir/c"))(t)
	must(0, d.Rename("/dir/a", "/dir/b"))(t)
	must(0, d.Remove("/dir/c"))(t)
	write(t, f, 0, 'a', 600)
	write(t, f, 512, 'b', 10)
	var got []string
	d.CrashAt(func(x memfs.Doubt) int { got = append(got, fmt.Sprint(x)); return x.N - 1 })
	want := []string{
		"{name 2 /dir a  0}", "{name 2 /dir c  0}", "{name 2 /dir b a 0}", "{name 2 /dir  c 0}",
		"{growth 2 /dir b  600}", "{sector 2 /dir b  0}", "{sector 3 /dir b  1}",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAFailedSyncLeavesPagesCleanAndUnwritten(t *testing.T) {
	d := memfs.New()
	f := must(d.Create("/f"))(t)
	write(t, f, 0, 'a', 1024)
	for _, err := range []error{f.Sync(), d.SyncDir("/")} {
		must(0, err)(t)
	}
	write(t, f, 0, 'b', 1024)
	broken := errors.New("broken")
	d.Inject(func(memfs.Op) *memfs.Fault { return &memfs.Fault{Err: broken} })
	if err := f.SyncData(); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	d.Inject(nil)
	write(t, f, 512, 'c', 512)
	must(0, f.Sync())(t)
	if seen := sectors(t, d, "/f"); seen != "bc" {
		t.Errorf("seen: %s", seen)
	}
	got := after(d, func(d *memfs.Disk) string { return sectors(t, d, "/f") })
	if want := []string{"ac", "bc"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What is written as it was is no other outcome of a crash; and yet it is what
// makes a sync after a failed one write the sector.
func TestASectorWrittenAsItWasIsOneOutcomeAndIsWrittenBySync(t *testing.T) {
	d := memfs.New()
	f := must(d.Create("/f"))(t)
	write(t, f, 0, 'a', 512)
	for _, err := range []error{f.Sync(), d.SyncDir("/")} {
		must(0, err)(t)
	}
	ways := 0
	count := func() int {
		ways = 1
		d.Clone().Crash(func(n int) int { ways *= n; return 0 })
		return ways
	}
	write(t, f, 0, 'a', 512)
	write(t, f, 512, 0, 512)
	if n := count(); n != 2 {
		t.Errorf("a sector as it was, and one of zeros behind the end: %d outcomes; the file has grown or not", n)
	}
	must(0, f.Sync())(t)
	write(t, f, 0, 'b', 512)
	write(t, f, 0, 'b', 512)
	if n := count(); n != 2 {
		t.Errorf("a sector written twice alike has %d outcomes", n)
	}
	d.Inject(func(memfs.Op) *memfs.Fault { return &memfs.Fault{Err: errors.New("broken")} })
	if f.Sync() == nil {
		t.Fatal("the sync did not fail")
	}
	d.Inject(nil)
	must(0, f.Sync())(t)
	if got := after(d, func(d *memfs.Disk) string { return sectors(t, d, "/f") }); !slices.Equal(got, []string{"a.", "b."}) {
		t.Errorf("a sync after a failed one has written it: %q", got)
	}
	write(t, f, 0, 'b', 512)
	must(0, f.Sync())(t)
	if got := after(d, func(d *memfs.Disk) string { return sectors(t, d, "/f") }); !slices.Equal(got, []string{"b."}) {
		t.Errorf("written again and synced: %q", got)
	}
}

func TestACopyOfADiskIsADiskOfItsOwn(t *testing.T) {
	d := memfs.New()
	f := must(d.Create("/f"))(t)
	write(t, f, 0, 'a', 1024)
	for _, err := range []error{f.Sync(), d.SyncDir("/")} {
		must(0, err)(t)
	}
	write(t, f, 512, 'b', 512)
	copied := d.Clone()
	if d.Fingerprint() != copied.Fingerprint() {
		t.Error("a copy has another fingerprint")
	}
	g := must(copied.Open("/f"))(t)
	write(t, f, 0, 'c', 512)
	if d.Fingerprint() == copied.Fingerprint() {
		t.Error("two disks have one fingerprint")
	}
	write(t, g, 512, 'd', 1024)
	must(0, g.Sync())(t)
	all := func(d *memfs.Disk) []string {
		return after(d, func(d *memfs.Disk) string { return sectors(t, d, "/f") })
	}
	if got := all(d); sectors(t, d, "/f") != "cb" || !slices.Equal(got, []string{"aa", "ab", "ca", "cb"}) {
		t.Errorf("the first: %q", got)
	}
	if got := all(copied); sectors(t, copied, "/f") != "add" || !slices.Equal(got, []string{"add"}) {
		t.Errorf("the copy: %q", got)
	}
	copied.Crash(memfs.Lose)
	g = must(copied.Open("/f"))(t)
	write(t, g, 0, 'e', 512)
	copied.Crash(memfs.Lose)
	if got := sectors(t, copied, "/f"); got != "add" {
		t.Errorf("what was not synced after a crash stayed: %s", got)
	}
	before := copied.Fingerprint()
	must(0, copied.Rename("/f", "/g"))(t)
	if now := copied.Fingerprint(); now == before || now != copied.Clone().Fingerprint() {
		t.Error("the fingerprint does not follow the names")
	}
}

func TestHandlesDieWithTheirProcess(t *testing.T) {
	for name, end := range map[string]func(*memfs.Disk){"kill": (*memfs.Disk).Kill, "crash": func(d *memfs.Disk) { d.Crash(memfs.Keep) }} {
		d := memfs.New()
		f := must(d.Create("/f"))(t)
		write(t, f, 0, 'a', 512)
		end(d)
		if _, err := f.WriteAt([]byte{1}, 0); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s: write: %v", name, err)
		}
		if err := f.Sync(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s: sync: %v", name, err)
		}
		if seen := sectors(t, d, "/f"); seen != "a" {
			t.Errorf("%s: seen: %s", name, seen)
		}
	}
}

func TestFaultsAndShortWrites(t *testing.T) {
	d := memfs.New()
	f := must(d.Create("/f"))(t)
	broken := errors.New("broken")
	d.Inject(func(op memfs.Op) *memfs.Fault {
		if op.Changes() {
			return &memfs.Fault{Err: broken, Short: op.Size / 2}
		}
		return nil
	})
	if n, err := f.WriteAt(make([]byte, 100), 0); n != 50 || !errors.Is(err, broken) {
		t.Errorf("write: %d, %v", n, err)
	}
	if err := d.Mkdir("/x"); !errors.Is(err, broken) {
		t.Errorf("mkdir: %v", err)
	}
	if _, err := f.ReadAt(make([]byte, 50), 0); err != nil {
		t.Errorf("read: %v", err)
	}
}

func TestNamesAreAsInAFileSystem(t *testing.T) {
	d := memfs.New()
	must(0, d.Mkdir("/dir"))(t)
	must(d.Create("/dir/f"))(t)
	for name, c := range map[string]struct{ err, want error }{
		"create again":     {second(d.Create("/dir/f")), fs.ErrExist},
		"open missing":     {second(d.Open("/dir/g")), fs.ErrNotExist},
		"open directory":   {second(d.Open("/dir")), fs.ErrNotExist},
		"create nowhere":   {second(d.Create("/no/f")), fs.ErrNotExist},
		"list nowhere":     {second(d.ReadDir("/no")), fs.ErrNotExist},
		"sync nowhere":     {d.SyncDir("/no"), fs.ErrNotExist},
		"remove missing":   {d.Remove("/dir/g"), fs.ErrNotExist},
		"remove directory": {d.Remove("/dir"), fs.ErrInvalid},
		"rename missing":   {d.Rename("/dir/g", "/dir/h"), fs.ErrNotExist},
		"rename elsewhere": {d.Rename("/dir/f", "/f"), fs.ErrInvalid},
		"mkdir again":      {d.Mkdir("/dir"), fs.ErrExist},
		"mkdir the root":   {d.Mkdir("/"), fs.ErrInvalid},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: got %v, want %v", name, c.err, c.want)
		}
	}
	if names := must(d.ReadDir("dir"))(t); !slices.Equal(names, []string{"f"}) {
		t.Errorf("names: %q", names)
	}
}

func second[T any](_ T, err error) error { return err }
