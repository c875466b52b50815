package manifests

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"time"
)

// stopLimit is how long a node takes to stop at most, as internal/service says:
// to hand over, to end requests, to say goodbye. The constants are read from the
// source, for they are nobody else's.
func stopLimit() (time.Duration, error) {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(repository, "internal/service/service.go"), nil, parser.SkipObjectResolution)
	if err != nil {
		return 0, err
	}
	found := map[string]time.Duration{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			for i, name := range spec.Names {
				if i < len(spec.Values) {
					if d, ok := duration(spec.Values[i]); ok {
						found[name.Name] = d
					}
				}
			}
		}
		return true
	})
	// handOver waits half a second longer than the drain.
	sum := 500 * time.Millisecond
	for _, name := range []string{"drainLimit", "requestsLimit", "leaveLimit"} {
		if found[name] == 0 {
			return 0, fmt.Errorf("internal/service has no constant %s any more", name)
		}
		sum += found[name]
	}
	return sum, nil
}

// duration reads time.Second and 500 * time.Millisecond.
func duration(e ast.Expr) (time.Duration, bool) {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		d, ok := map[string]time.Duration{"Millisecond": time.Millisecond, "Second": time.Second, "Minute": time.Minute}[e.Sel.Name]
		return d, ok
	case *ast.BasicLit:
		n, err := strconv.Atoi(e.Value)
		return time.Duration(n), err == nil
	case *ast.BinaryExpr:
		x, ok := duration(e.X)
		y, also := duration(e.Y)
		return x * y, ok && also && e.Op == token.MUL
	}
	return 0, false
}
