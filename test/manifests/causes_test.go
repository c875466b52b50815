package manifests

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// methods lists the methods of a package of the product, as Type.method.
func methods(t *testing.T, pkg string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	fsys := os.DirFS(filepath.Join(repository, pkg))
	names, err := fs.Glob(fsys, "*.go")
	if err != nil || len(names) == 0 {
		t.Fatalf("there is no package %s: %v", pkg, err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil {
				if star, ok := f.Recv.List[0].Type.(*ast.StarExpr); ok {
					if on, ok := star.X.(*ast.Ident); ok {
						found[on.Name+"."+f.Name.Name] = true
					}
				}
			}
		}
	}
	return found
}

// TestTheTablesCausesExist: a line whose cause is gone has lost its reason.
func TestTheTablesCausesExist(t *testing.T) {
	known := map[string]map[string]bool{}
	for _, l := range whom {
		for cause := range strings.FieldsSeq(l.cause) {
			pkg, method, _ := strings.Cut(cause, ".")
			if known[pkg] == nil {
				known[pkg] = methods(t, pkg)
			}
			if !known[pkg][method] {
				t.Errorf("%s speaks to %s because of %s, which is not there any more", l.from, l.to, cause)
			}
		}
	}
}
