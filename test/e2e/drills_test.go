package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"paxos/client"
	"paxos/paxos"
	"paxos/test/history"
)

// drills are played in this order; each finds a whole cluster, and leaves one.
var drills = []struct {
	name string
	play func(*world)
	bare bool // it makes its own cluster, or wants none deployed
	// needs is what it takes on a slow machine.
	needs time.Duration
}{
	{"from nothing", fromNothing, true, 6 * time.Minute},
	{"script and monitor", scriptAndMonitor, false, time.Minute},
	{"the tool", theTool, false, time.Minute},
	{"one acceptor", oneAcceptor, false, time.Minute},
	{"no quorum", noQuorum, false, time.Minute},
	{"everything to zero", everythingToZero, false, time.Minute},
	{"leader", leaderDeleted, false, time.Minute},
	{"pod deleted", podDeleted, false, time.Minute},
	{"one pod per node", onePodPerNode, false, time.Minute},
	{"lost disk", lostDisk, false, time.Minute},
	{"rollout", rollout, false, time.Minute},
	{"upgrade", upgrade, false, 3 * time.Minute},
	{"verdict", verdict, false, 3 * time.Minute},
	{"cleanup", cleanup, false, 3 * time.Minute},
	{"handbook", handbook, true, 5 * time.Minute},
	{"overlays", overlays, true, time.Minute},
	{"deleted", deleted, true, 10 * time.Second},
}

// TestOnKubernetes plays the drills on one cluster. It ends with the cluster
// deleted, unless PAXOS_E2E_KEEP=1.
func TestOnKubernetes(t *testing.T) {
	api, err := client.New([]string{url("client1"), url("client2")})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{api: api}
	w.forget()
	t.Cleanup(func() {
		w.t = t
		if os.Getenv("PAXOS_E2E_KEEP") == "1" {
			t.Logf("the cluster is left: KUBECONFIG=%s kubectl --context %s -n %s get pods", kubeconfig, kubectx, namespace)
			return
		}
		if err := kind().Delete(name, kubeconfig); err != nil {
			t.Error(err)
		}
	})
	for _, d := range drills {
		t.Run(d.name, func(t *testing.T) {
			began := time.Now()
			w.t = t
			// To be ended in the middle would leave the cluster, and tell nothing.
			if end, limited := t.Deadline(); limited && time.Until(end) < d.needs {
				t.Skipf("%v are left, and it needs %v: go test -timeout 30m", time.Until(end).Round(time.Second), d.needs)
			}
			t.Cleanup(func() {
				w.t = t
				if t.Failed() {
					w.collect()
				}
			})
			if !d.bare {
				w.whole()
			}
			ready := time.Now()
			d.play(w)
			t.Logf("%s: %v, and %v to find the cluster whole", d.name, time.Since(ready).Round(100*time.Millisecond), ready.Sub(began).Round(100*time.Millisecond))
		})
	}
}

// forget begins a history: the data was wiped, or this is the beginning.
func (w *world) forget() {
	w.told = history.New(fmt.Sprintf("e2e-%08x-", rand.Uint32()))
}

// whole makes sure that all ten pods are ready and somebody leads. What a drill
// left in pieces is put together again; if that does not help, all is made anew.
func (w *world) whole() {
	w.t.Helper()
	if w.kube == nil {
		w.up()
	}
	if w.healthy() {
		// A drill that was killed may have left its policy out.
		if p := w.tryKubectl("get", "validatingadmissionpolicybinding", policy, "-o", "name"); p.exit != 0 {
			w.deploy()
		}
		return
	}
	if p := w.tryKubectl("get", "deployment", "-o", "name"); p.exit == 0 && len(strings.Fields(p.stdout)) == len(ids) {
		w.t.Log("not whole: scaled up again")
		w.kubectl("scale", "--replicas=1", "deployment", "--all")
		for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(time.Second) {
			if w.healthy() {
				return
			}
		}
	}
	w.t.Log("not whole: deployed anew, without the data")
	w.wipe()
	w.deploy()
	w.start()
	if !w.healthy() {
		w.t.Fatalf("not whole after a deployment from nothing: %v are ready", w.readyNodes())
	}
}

func (w *world) healthy() bool {
	w.t.Helper()
	if len(w.readyNodes()) != len(ids) {
		return false
	}
	l, leads := w.leading()
	return leads && l.Answering == len(of(paxos.AcceptorRole))
}

// Limits of the scripts: a build of the image on a slow machine is the longest.
const scriptLimit = 10 * time.Minute

func (w *world) deploy() process {
	w.t.Helper()
	return w.do(scriptLimit, "scripts/deploy-paxos-k8s.sh", "--cluster", name, "--lang", "en")
}

func (w *world) start() process {
	w.t.Helper()
	return w.do(scriptLimit, "scripts/run.sh", "--context", kubectx, "--lang", "en")
}

// nothing makes sure that there is a cluster, and nothing deployed to it.
func (w *world) nothing() {
	w.t.Helper()
	w.up()
	if p := w.tryKubectl("get", "namespace", namespace, "--ignore-not-found", "-o", "name"); p.stdout != "" {
		w.wipe()
	}
}

// wipe removes what is deployed, data included.
func (w *world) wipe() {
	w.t.Helper()
	w.do(scriptLimit, "scripts/cleanup-paxos-k8s.sh", "--context", kubectx, "--yes", "--lang", "en")
	w.forget()
}
