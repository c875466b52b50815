package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/kind/pkg/cluster/nodeutils"

	"paxos/paxos"
)

// fromNothing: no cluster, two commands, ten ready pods and a leader; the same
// two commands again change nothing.
func fromNothing(w *world) {
	w.must(kind().Delete(name, kubeconfig))
	w.forget()
	began := time.Now()
	deployed := w.deploy()
	w.t.Logf("deploy-paxos-k8s.sh: %v", deployed.took.Round(100*time.Millisecond))
	run := w.start()
	w.t.Logf("run.sh: %v; from nothing in %v", run.took.Round(100*time.Millisecond), time.Since(began).Round(100*time.Millisecond))
	w.up()
	if !w.healthy() {
		w.t.Fatalf("ten nodes are expected to be ready, and one to lead; %v are: %v", w.readyNodes(), run)
	}
	if leader := w.leader(); !strings.Contains(run.stdout, string(leader.Node)) {
		w.t.Errorf("%s leads, and run.sh does not say so: %v", leader.Node, run)
	}

	before := w.objects()
	again, rerun := w.deploy(), w.start()
	w.t.Logf("again: %v and %v", again.took.Round(100*time.Millisecond), rerun.took.Round(100*time.Millisecond))
	after := w.objects()
	for object, is := range after {
		if was, known := before[object]; !known || was != is {
			w.t.Errorf("the second run changed %s: it was %q, it is %q", object, was, is)
		}
	}
	if len(after) != len(before) || len(after) < 40 {
		w.t.Errorf("there were %d objects, there are %d; more than 40 are expected", len(before), len(after))
	}
}

// objects gives of everything that is deployed what changes when somebody
// changes it, and does not when its status does; of pods also the restarts.
func (w *world) objects() map[string]string {
	w.t.Helper()
	var list struct {
		Items []struct {
			Kind     string `json:"kind"`
			Metadata struct {
				Name            string `json:"name"`
				UID             string `json:"uid"`
				Generation      int    `json:"generation"`
				ResourceVersion string `json:"resourceVersion"`
			} `json:"metadata"`
		} `json:"items"`
	}
	p := w.kubectl("get", "deployments,services,configmaps,secrets,persistentvolumeclaims,poddisruptionbudgets,networkpolicies,"+
		"validatingadmissionpolicies,validatingadmissionpolicybindings", "-o", "json")
	w.must(json.Unmarshal([]byte(p.stdout), &list))
	found := map[string]string{}
	for _, o := range list.Items {
		is := fmt.Sprintf("%s generation %d", o.Metadata.UID, o.Metadata.Generation)
		if o.Metadata.Generation == 0 {
			is = o.Metadata.UID + " version " + o.Metadata.ResourceVersion
		}
		found[o.Kind+" "+o.Metadata.Name] = is
	}
	for pod, restarts := range w.starts() {
		found["Pod "+pod] = fmt.Sprint(restarts)
	}
	return found
}

// upgrade deploys another image under load; the next deployment is then one of
// the first image again. The image is loaded by kind's library, as by its tool.
func upgrade(w *world) {
	const image = "paxos:e2e-upgrade"
	before := w.image("client1")
	p := w.run(scriptLimit, fmt.Sprintf("FROM %s\nLABEL drill=%d\n", before, time.Now().UnixNano()), "docker", "build", "--quiet", "--tag", image, "-")
	if p.exit != 0 {
		w.t.Fatal(p)
	}
	defer w.do(kubectlLimit, "docker", "image", "rm", image)
	w.load(image)
	l := w.write(4)
	l.goesOn(50)
	p = w.do(scriptLimit, "scripts/deploy-paxos-k8s.sh", "--cluster", name, "--lang", "en", "--image", image)
	w.t.Logf("deployed another image in %v", p.took.Round(100*time.Millisecond))
	l.goesOn(50)
	l.end()
	for _, id := range ids {
		if now := w.image(id); now == before {
			w.t.Errorf("%s runs %s still", id, now)
		}
	}
	w.back(ids...)
	w.judge()
}

// load puts an image of the engine on the cluster's nodes.
func (w *world) load(image string) {
	w.t.Helper()
	archive := filepath.Join(w.t.TempDir(), "image.tar")
	w.do(scriptLimit, "docker", "save", "--output", archive, image)
	nodes, err := kind().ListInternalNodes(name)
	w.must(err)
	for _, n := range nodes {
		f, err := os.Open(archive)
		w.must(err)
		w.must(nodeutils.LoadImageArchive(n, f))
		w.must(f.Close())
	}
}

func (w *world) image(id paxos.NodeID) string {
	w.t.Helper()
	return w.kubectl("get", "deployment", string(id), "-o", "jsonpath={.spec.template.spec.containers[0].image}").stdout
}

// cleanup keeps the data when it is told to, and takes all when it is not.
func cleanup(w *world) {
	l := w.write(4)
	l.goesOn(200)
	l.end()
	p := w.do(scriptLimit, "scripts/cleanup-paxos-k8s.sh", "--context", kubectx, "--keep-data", "--yes", "--lang", "en")
	w.t.Logf("cleaned up, data kept, in %v", p.took.Round(100*time.Millisecond))
	if n := len(w.pods()); n > 0 {
		w.t.Errorf("%d nodes have pods after the cleanup", n)
	}
	w.deploy()
	w.start()
	w.judge()
	w.wipe()
	if p := w.tryKubectl("get", "namespace", namespace, "--ignore-not-found", "-o", "name"); p.exit != 0 || p.stdout != "" {
		w.t.Errorf("the namespace is still there: %v", p)
	}
	if p := w.tryKubectl("get", "validatingadmissionpolicies,validatingadmissionpolicybindings", "-o", "name"); strings.Contains(p.stdout, policy) {
		w.t.Errorf("the policy is still there: %v", p)
	}
}

// overlays: the API server takes base and every overlay as they stand, without
// a warning, where nothing is deployed yet; and it refuses a pod that wants more
// than the profile "restricted" allows.
func overlays(w *world) {
	w.nothing()
	w.do(kubectlLimit, "kubectl", "--context", kubectx, "apply", "-f", filepath.Join("k8s", "base", "namespace.yaml"))
	defer w.wipe()
	list := []string{filepath.Join("k8s", "base")}
	dirs, err := os.ReadDir(filepath.Join(root, "k8s", "overlays"))
	w.must(err)
	for _, d := range dirs {
		list = append(list, filepath.Join("k8s", "overlays", d.Name()))
	}
	if len(list) < 5 {
		w.t.Errorf("only %v are there", list)
	}
	for _, overlay := range list {
		p := w.run(kubectlLimit, "", "kubectl", "--context", kubectx, "apply", "-k", overlay, "--dry-run=server", "--warnings-as-errors")
		if p.exit != 0 || strings.Contains(p.stderr, "Warning") {
			w.t.Errorf("it must be accepted without a warning: %v", p)
		}
		w.t.Logf("%s: %d objects accepted in %v", overlay, strings.Count(p.stdout, "\n"), p.took.Round(100*time.Millisecond))
	}
	for _, more := range []string{`"securityContext":{"privileged":true},`, `"securityContext":{"runAsUser":0},`, ""} {
		pod := fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"intruder"},"spec":{"containers":[{%s"name":"c","image":"c"}]}}`, more)
		p := w.run(kubectlLimit, pod, "kubectl", "--context", kubectx, "--namespace", namespace, "create", "--dry-run=server", "-f", "-")
		if p.exit == 0 || !strings.Contains(p.stderr, "restricted") {
			w.t.Errorf("a pod with %q must be refused: %v", more, p)
		}
	}
}

// deleted: cleanup takes the cluster too when it is told to.
func deleted(w *world) {
	if os.Getenv("PAXOS_E2E_KEEP") == "1" {
		w.t.Log("PAXOS_E2E_KEEP=1: the cluster is left")
		return
	}
	w.up()
	w.do(scriptLimit, "scripts/cleanup-paxos-k8s.sh", "--cluster", name, "--delete-cluster", "--yes", "--lang", "en")
	names, err := kind().List()
	w.must(err)
	if slices.Contains(names, name) {
		w.t.Errorf("the cluster %s is still there", name)
	}
}
