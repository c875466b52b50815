package system

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// Profile implements Profiled. The nodes need the flag --pprof.
func (o *Ours) Profile(ctx context.Context, dir string, seconds int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	nodes := o.cluster.Nodes()
	errs := make([]error, len(nodes))
	var running sync.WaitGroup
	for i, n := range nodes {
		running.Go(func() {
			text, err := fetch(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", n.Address, seconds))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, string(n.ID)+".pprof"), []byte(text), 0o644)
			}
			errs[i] = err
		})
	}
	running.Wait()
	return errors.Join(errs...)
}
