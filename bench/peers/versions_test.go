package peers

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestThePageNamesTheVersionsThatAreMeasured, those of go.mod.
func TestThePageNamesTheVersionsThatAreMeasured(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	for peer, module := range map[string]string{"etcd": "go.etcd.io/etcd/server/v3", "dragonboat": "github.com/lni/dragonboat/v4", "NATS": "github.com/nats-io/nats-server/v2", "rqlite": "github.com/rqlite/rqlite/v8"} {
		found := regexp.MustCompile(`(?m)^\s+` + regexp.QuoteMeta(module) + ` v([0-9.]+)`).FindSubmatch(mod)
		if found == nil {
			t.Errorf("go.mod has no %s", module)
			continue
		}
		if row := "| " + peer + " | " + strings.TrimSuffix(string(found[1]), "."); !strings.Contains(string(page), row) {
			t.Errorf("the page has no %q", row)
		}
	}
}
