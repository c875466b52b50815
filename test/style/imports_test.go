package style

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// tiers is the order of the house: a package imports only packages of lower
// tiers (model: Go's own go/build/deps_test.go). A package that is not listed
// fails the test, so that its place is chosen and not found.
var tiers = [][]string{
	{"paxos"},
	{"proposer", "acceptor", "learner", "kv", "client/session", "client/wire"},
	{"gossip", "client", "internal/wal", "internal/failpoint", "internal/logging", "internal/metrics", "internal/lean", "internal/quantile", "internal/raced", "internal/awake", "internal/sched"},
	// Both stand on wal.FS: the keeper of snapshots, and a disk for tests.
	{"internal/snapshot", "internal/wal/memfs"},
	// The judge of what nodes wrote and said: it shares the words of package
	// paxos with those it judges, and nothing else.
	{"audit", "internal/figures"},
	{"internal/node", "internal/config"},
	{"sim/topology"},
	{"internal/rest", "sim", "model"},
	// Above rest and below the programs: what the four programs and paxosctl
	// share, so that a local cluster runs the very code of the programs.
	{"internal/service", "internal/local", "internal/kube"},
	{"internal/ctl"},
	{"cmd/proposer", "cmd/acceptor", "cmd/learner", "cmd/client", "cmd/node", "cmd/paxosctl"},
	{"test/style", "test/ports", "test/history", "test/late", "test/markdown", "test/scenes", "test/netns", "test/crash", "test/mutants", "test/chaos/lossfs"},
	{"test/chaos", "test/partial"},
	{"test/integration", "test/scripts", "test/docs", "test/e2e"},
	// What proves, run by hand: a main each over one of the packages above.
	{"cmd/sim", "cmd/model", "cmd/crash", "cmd/chaos", "cmd/mutants", "cmd/figures", "cmd/bench"},
	// The bench is a module of its own: nothing of ours may import it.
	{"bench/wire", "bench/peers/dragonboat/command"},
	{"bench/system"},
	{"bench/load", "bench/report", "bench/peers/members", "bench/peers/dragonboat/member"},
	{"bench/peers/etcd", "bench/peers/dragonboat", "bench/peers/nats", "bench/peers/rqlite"},
	{"bench/peers"},
	{"bench/run"},
	{"bench"},
	{"test/etcd"},      // a module of its own: nothing may import it, and it may know etcd
	{"test/manifests"}, // the same, for what reads manifests and rules
}

// pure are the protocol's rooms: same input, same output.
var pure = []string{"paxos", "proposer", "acceptor", "learner", "kv", "client/session"}

// pureImports is all of the standard library that they may use.
var pureImports = []string{"bytes", "cmp", "crypto/sha256", "encoding", "encoding/binary", "encoding/hex", "encoding/json", "errors", "fmt",
	"io", "maps", "math", "reflect", "slices", "sort", "strconv", "strings", "unicode/utf8"}

// pureLibraries are what a pure room may import besides: kv keeps its state in
// copy-on-write trees, so that freezing it takes no time; they too give the
// same output for the same input.
var pureLibraries = map[string]string{"github.com/tidwall/btree": "kv"}

// owners are the libraries that only certain packages may know.
var owners = map[string][]string{
	"github.com/hashicorp/memberlist": {"gossip"},
	"github.com/gin-gonic/gin":        {"internal/rest"},
	"github.com/sirupsen/logrus":      {"internal/logging", "internal/rest", "internal/service"},
	"github.com/prometheus/":          {"internal/metrics", "test/manifests"},
	"github.com/spf13/cobra":          {"internal/service", "internal/ctl", "cmd/paxosctl"},
	"github.com/tidwall/btree":        {"kv"},
	"github.com/hanwen/go-fuse/":      {"test/chaos/lossfs"},
	"go.etcd.io/":                     {"test/etcd", "bench/peers/etcd"},
	"sigs.k8s.io/kind/":               {"test/e2e", "test/manifests"},
	"k8s.io/":                         {"internal/kube", "test/e2e", "test/manifests"},
}

func tier(pkg string) int {
	return slices.IndexFunc(tiers, func(t []string) bool { return slices.Contains(t, pkg) })
}

func TestImportsPointOneWay(t *testing.T) {
	for _, s := range sources(t) {
		own := tier(s.pkg)
		if own < 0 {
			t.Errorf("%s: package %q has no place in the order of the house (tiers)", s.path, s.pkg)
			continue
		}
		for _, path := range imports(s) {
			other, ours := strings.CutPrefix(path, "paxos/")
			if !ours || s.test {
				continue
			}
			if tier(other) < 0 || tier(other) >= own {
				t.Errorf("%s imports %s, which is not below it", s.path, path)
			}
		}
	}
}

func TestPureRoomsImportOnlyPureThings(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || !slices.Contains(pure, s.pkg) {
			continue
		}
		for _, path := range imports(s) {
			if path != "paxos/paxos" && !slices.Contains(pureImports, path) && pureLibraries[path] != s.pkg {
				t.Errorf("%s is in a pure room and imports %s", s.path, path)
			}
		}
	}
}

func TestPureRoomsHaveNoGoroutinesAndPrintNothing(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || !slices.Contains(pure, s.pkg) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt, *ast.SelectStmt, *ast.ChanType, *ast.SendStmt:
				t.Errorf("%s:%d: goroutines and channels do not belong into a pure room", s.path, s.line(n))
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "fmt" && strings.Contains(n.Sel.Name, "rint") && !strings.HasPrefix(n.Sel.Name, "Sprint") {
					t.Errorf("%s:%d: fmt.%s prints", s.path, s.line(n), n.Sel.Name)
				}
			}
			return true
		})
	}
}

func TestLibrariesStayInTheirRooms(t *testing.T) {
	for _, s := range sources(t) {
		for _, path := range imports(s) {
			for library, rooms := range owners {
				if strings.HasPrefix(path, library) && !slices.Contains(rooms, s.pkg) {
					t.Errorf("%s imports %s, which only %q may know", s.path, path, rooms)
				}
			}
		}
	}
}

// files are the functions by which a package would know files itself.
var files = []string{"Open", "OpenFile", "Create", "CreateTemp", "Mkdir", "MkdirAll", "Rename", "Remove", "RemoveAll", "WriteFile", "Truncate"}

func TestOnlyTheJournalAndTheSnapshotsKnowFiles(t *testing.T) {
	// internal/local, the tests and the bench handle a cluster's directories from outside.
	// internal/snapshot reaches its files through wal.FS alone, and internal/node
	// hands that through.
	// The proof's own files are no node's data: traces of what a node did, sums
	// of long runs, seeds that failed.
	proof := []string{"audit", "internal/figures", "cmd/sim", "cmd/figures"}
	allowed := append(proof, "internal/wal", "internal/local", "internal/ctl")
	for _, s := range sources(t) {
		if s.test || slices.Contains(allowed, s.pkg) || strings.HasPrefix(s.pkg, "test/") || strings.HasPrefix(s.pkg, "bench/") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "os" && slices.Contains(files, sel.Sel.Name) {
				t.Errorf("%s:%d: os.%s: only the journal knows files", s.path, s.line(n), sel.Sel.Name)
			}
			return true
		})
	}
}

// TestOnlyTheKeepersOfDisksNameTheFileSystem: who holds a wal.FS can write what
// no journal and no snapshot knows of.
func TestOnlyTheKeepersOfDisksNameTheFileSystem(t *testing.T) {
	allowed := []string{"internal/wal/memfs", "internal/snapshot", "internal/node", "test/crash", "test/chaos/lossfs"}
	for _, s := range sources(t) {
		if s.test || slices.Contains(allowed, s.pkg) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && (sel.Sel.Name == "FS" || sel.Sel.Name == "File") {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "wal" {
					t.Errorf("%s:%d: wal.%s: only %q handle files", s.path, s.line(n), sel.Sel.Name, allowed)
				}
			}
			return true
		})
	}
}
