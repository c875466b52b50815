package service

import (
	"fmt"
	"os"
	"time"

	"paxos/audit"
)

// beginTrace begins the trace of this process, if a test of real processes
// asks for it by audit.TraceVariable. Like failpoints it is no setting: nobody
// who runs a cluster wants a second log as large as the first.
func (r *running) beginTrace() error {
	dir := os.Getenv(audit.TraceVariable)
	if dir == "" {
		return nil
	}
	w, err := audit.Create(dir, audit.Start{Node: r.settings.ID, Process: random64(), Configuration: r.settings.Configuration(), Started: time.Now()})
	if err != nil {
		return fmt.Errorf("%s: %w", audit.TraceVariable, err)
	}
	r.trace = w
	r.log.Warnf("everything that this process does is written to %s, for a test", dir)
	return nil
}
