package style

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// source is one Go file.
type source struct {
	path string // from the module's root, with slashes
	pkg  string // the folder, with slashes
	test bool
	file *ast.File
	fset *token.FileSet
}

// nested are the modules inside this one: the same laws hold for their files.
// Any other module in the tree is none of the house.
var nested = []string{"bench", "test/etcd", "test/manifests"}

// sources parses every Go file of the module, and of those in nested.
func sources(t *testing.T) []source {
	t.Helper()
	var list []source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "paxos-data" || name == "node_modules" || otherModule(path)) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		pkg := filepath.ToSlash(filepath.Dir(rel))
		list = append(list, source{rel, pkg, strings.HasSuffix(name, "_test.go"), file, fset})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 50 {
		t.Fatalf("only %d files found: the test looks in the wrong place", len(list))
	}
	return list
}

func otherModule(dir string) bool {
	found, _ := filepath.Glob(filepath.Join(dir, "go.mod"))
	rel, err := filepath.Rel(root, dir)
	return len(found) > 0 && (err != nil || !slices.Contains(nested, filepath.ToSlash(rel)))
}

func imports(s source) []string {
	var list []string
	for _, i := range s.file.Imports {
		list = append(list, strings.Trim(i.Path.Value, `"`))
	}
	return list
}

func (s source) line(n ast.Node) int { return s.fset.Position(n.Pos()).Line }
