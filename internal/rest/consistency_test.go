package rest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"paxos/client"
	"paxos/kv"
	"paxos/paxos"
)

// TestAReadIsAsFreshAsItSays: without a quorum a linearizable read is refused,
// and whoever wants less gets it, labelled.
func TestAReadIsAsFreshAsItSays(t *testing.T) {
	w := newTown(t)
	written := w.put(t, "k", "x")
	// How old a state is, a learner knows once it has asked the acceptors.
	if status, b := w.learner.get(t, "/kv/k"); status != http.StatusOK {
		t.Fatalf("%d %s", status, b)
	}
	for _, n := range w.both() {
		for query, want := range map[string]string{"": linearizable, "?consistency=bounded&max_age=10s": bounded, "?consistency=stale": stale,
			"?consistency=session": afterSession, "?consistency=session&session_token=" + written.SessionToken: afterSession} {
			r, b := n.call(t, http.MethodGet, "/kv/k"+query, nil)
			if r.StatusCode != http.StatusOK || string(b) != "x" || r.Header.Get(client.HeaderConsistency) != want || r.Header.Get(client.HeaderAge) == "" {
				t.Errorf("%s at %s: %d %v %s", query, n.id, r.StatusCode, r.Header, b)
			}
		}
		r, b := n.call(t, http.MethodGet, "/kv/k?consistency=session&timeout=100ms", nil, client.HeaderToken, tokenOf(1000))
		wantProblem(t, "what nobody has seen", r, b, http.StatusGatewayTimeout, "urn:paxos:not-applied-yet", "slot 1000")
	}
	w.acceptor.stop()
	for _, n := range w.both() {
		r, b := n.call(t, http.MethodGet, "/kv/k?timeout=200ms", nil)
		wantProblem(t, "without a quorum", r, b, http.StatusServiceUnavailable, "urn:paxos:no-quorum", `"acceptors_answering":0,"acceptors_needed":1`)
		r, b = n.call(t, http.MethodGet, "/watch?prefix=&timeout=200ms", nil)
		wantProblem(t, "a watch from now on", r, b, http.StatusServiceUnavailable, "urn:paxos:no-quorum")
		r, b = n.call(t, http.MethodGet, "/kv/k?consistency=bounded&max_age=1ms&timeout=200ms", nil)
		wantProblem(t, "what is older", r, b, http.StatusServiceUnavailable, "urn:paxos:no-quorum")
		for _, query := range []string{"?consistency=stale", "?consistency=bounded&max_age=1h", "?consistency=session&session_token=" + written.SessionToken} {
			if status, b := n.get(t, "/kv/k"+query); status != http.StatusOK || string(b) != "x" {
				t.Errorf("%s at %s: %d %s", query, n.id, status, b)
			}
		}
	}
}

func TestASnapshotIsFollowedByItsDigest(t *testing.T) {
	w := newTown(t)
	w.put(t, "k", strings.Repeat("x", 1<<20))
	r, err := web.Get("http://" + w.learner.address + "/snapshot")
	must(t, err)
	b, err := io.ReadAll(r.Body)
	must(t, err)
	must(t, r.Body.Close())
	digest := sha256.Sum256(b)
	if got := r.Trailer.Get(client.HeaderDigest); got != hex.EncodeToString(digest[:]) || r.Header.Get(client.HeaderCluster) != (paxos.ClusterID{7}).String() {
		t.Errorf("the digest is %q; %v", got, r.Header)
	}
	view, err := kv.Read(strings.NewReader(string(b)))
	must(t, err)
	if got, ok := view.Get("k"); !ok || len(got.Value) != 1<<20 || fmt.Sprint(view.Applied()) != r.Header.Get(client.HeaderApplied) {
		t.Errorf("the state has %d bytes of k, and is applied below %d; %v", len(got.Value), view.Applied(), r.Header)
	}
}
