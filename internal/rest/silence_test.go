package rest

import (
	"net/http"
	"testing"
)

func TestLearnersThatAreGoneAreNamed(t *testing.T) {
	w := newTown(t)
	address := w.learner.address
	w.learner.stop()
	for _, path := range []string{"/read", "/kv/a?consistency=stale&timeout=500ms", "/watch?prefix=a&timeout=500ms"} {
		r, b := w.client.call(t, http.MethodGet, path, nil)
		wantProblem(t, path, r, b, http.StatusServiceUnavailable, "urn:paxos:no-learner",
			`"detail":"learner1 at `+address+` does not answer (connection refused)"`, "start a learner; see /gossip/nodes for who is there")
	}
}

func TestALearnerThatHangsIsSaidToHaveGivenNoAnswer(t *testing.T) {
	f := newFakes(t, hangs)
	r, b := f.client.call(t, http.MethodGet, "/read?slot=1&timeout=300ms", nil)
	wantProblem(t, "both hang", r, b, http.StatusServiceUnavailable, "learner1 at 127.0.0.1:", "learner2 at 127.0.0.1:", " gave no answer within ")
}
