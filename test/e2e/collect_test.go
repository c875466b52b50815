package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// collect writes down all that may tell why a drill failed, and says where.
func (w *world) collect() {
	w.t.Helper()
	dir, err := os.MkdirTemp(os.Getenv("PAXOS_E2E_LOGS"), "paxos-e2e-"+strings.NewReplacer("/", "-", " ", "-").Replace(w.t.Name())+"-")
	if err != nil {
		w.t.Logf("nothing can be collected: %v", err)
		return
	}
	w.t.Logf("collected: %s", dir)
	save := func(file, text string) {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			w.t.Logf("not collected: %v", err)
		}
	}
	for file, args := range map[string][]string{
		"objects.txt":  {"get", "all,pvc,pv,networkpolicies,pdb", "-o", "wide"},
		"describe.txt": {"describe", "pods,deployments,pvc"},
		"events.txt":   {"get", "events", "--sort-by=.lastTimestamp"},
	} {
		save(file, w.tryKubectl(args...).all())
	}
	pods := w.tryKubectl("get", "pods", "-o", "name")
	for _, pod := range strings.Fields(pods.stdout) {
		save(filepath.Base(pod)+".log", w.tryKubectl("logs", pod).all())
		if p := w.tryKubectl("logs", "--previous", pod); p.exit == 0 {
			save(filepath.Base(pod)+".previous.log", p.all())
		}
	}
	for _, id := range ids {
		for file, path := range map[string]string{"health": "/health", "view-logs": "/view-logs?limit=10000"} {
			var answer json.RawMessage
			if get(id, path, &answer) != 0 {
				save(string(id)+"."+file+".json", string(answer))
			}
		}
	}
	if err := kind().CollectLogs(name, filepath.Join(dir, "kind")); err != nil {
		w.t.Logf("not collected: %v", err)
	}
}
