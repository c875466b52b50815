package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"paxos/client"
	"paxos/paxos"
)

// ids are the nodes, which are also the names of their Deployments and Services.
var ids = []paxos.NodeID{"proposer1", "proposer2", "proposer3", "acceptor1", "acceptor2", "acceptor3", "learner1", "learner2", "client1", "client2"}

// of gives the nodes of a role.
func of(role paxos.RoleName) []paxos.NodeID {
	var list []paxos.NodeID
	for _, id := range ids {
		if strings.HasPrefix(string(id), string(role)) {
			list = append(list, id)
		}
	}
	return list
}

// nodePorts are the first NodePort of each role, less one.
var nodePorts = map[paxos.RoleName]int{paxos.ProposerRole: 30300, paxos.AcceptorRole: 30400, paxos.LearnerRole: 30500, paxos.ClientRole: 30600}

// url is where a node's Service is reached from outside: k8s/kind.yaml maps the
// NodePorts to this machine.
func url(id paxos.NodeID) string {
	role := strings.TrimRight(string(id), "0123456789")
	var number int
	_, _ = fmt.Sscanf(string(id)[len(role):], "%d", &number)
	return fmt.Sprintf("http://127.0.0.1:%d", nodePorts[paxos.RoleName(role)]+number)
}

// web never keeps a connection: the next request must find the pod that is
// there then.
var web = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// get reads a node's JSON answer; it gives the status, 0 for no answer.
func get(id paxos.NodeID, path string, to any) int {
	response, err := web.Get(url(id) + path)
	if err != nil {
		return 0
	}
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(response.Body)
	if err != nil || json.Unmarshal(b, to) != nil {
		return 0
	}
	return response.StatusCode
}

// post sends a JSON body; it gives the status and the answer.
func post(id paxos.NodeID, path, body string) (int, string) {
	response, err := web.Post(url(id)+path, "application/json", strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(b)
}

// leading gives the proposer that leads, and its view; of two, the one with the
// higher ballot.
func (w *world) leading() (client.Leader, bool) {
	var addresses []string
	for _, id := range of(paxos.ProposerRole) {
		addresses = append(addresses, url(id))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	l, err := w.api.LeaderAmong(ctx, addresses)
	return l, err == nil
}

func (w *world) leader() client.Leader {
	w.t.Helper()
	var l client.Leader
	w.within(10*time.Second, "somebody leads", func() bool {
		var ok bool
		l, ok = w.leading()
		return ok
	})
	return l
}

// acceptorState is what an acceptor says of itself in /health.
type acceptorState struct {
	Status string `json:"status"`
	Why    string `json:"why"`
	State  struct {
		Standing string     `json:"standing"`
		Highest  paxos.Slot `json:"highest"`
	} `json:"state"`
}

// pods gives the pods, ended ones too, by node.
func (w *world) pods() map[paxos.NodeID][]core.Pod {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), kubectlLimit)
	defer cancel()
	list, err := w.kube.CoreV1().Pods(namespace).List(ctx, meta.ListOptions{LabelSelector: "app.kubernetes.io/name=paxos"})
	w.must(err)
	found := map[paxos.NodeID][]core.Pod{}
	for _, p := range list.Items {
		id := paxos.NodeID(p.Labels["app"])
		found[id] = append(found[id], p)
	}
	return found
}

// pod gives the node's pod that is ready, and when it became so.
func (w *world) pod(id paxos.NodeID) (core.Pod, time.Time, bool) {
	w.t.Helper()
	for _, p := range w.pods()[id] {
		if since, ok := ready(p); ok {
			return p, since, true
		}
	}
	return core.Pod{}, time.Time{}, false
}

func ready(p core.Pod) (since time.Time, ok bool) {
	if p.DeletionTimestamp != nil {
		return since, false
	}
	for _, c := range p.Status.Conditions {
		if c.Type == core.PodReady && c.Status == core.ConditionTrue {
			return c.LastTransitionTime.Time, true
		}
	}
	return since, false
}

// readyNodes lists the nodes with exactly one pod, which is ready.
func (w *world) readyNodes() []paxos.NodeID {
	w.t.Helper()
	var list []paxos.NodeID
	pods := w.pods()
	for _, id := range ids {
		if len(pods[id]) != 1 {
			continue
		}
		if _, ok := ready(pods[id][0]); ok {
			list = append(list, id)
		}
	}
	return list
}

// scale sets the replicas of nodes, as a user does.
func (w *world) scale(replicas int, nodes ...paxos.NodeID) {
	w.t.Helper()
	args := []string{"scale", fmt.Sprintf("--replicas=%d", replicas), "deployment"}
	for _, id := range nodes {
		args = append(args, string(id))
	}
	w.kubectl(args...)
}

// podLimit is the bound of Kubernetes' own work: a pod that ends gracefully, or
// starts until it is ready.
const podLimit = 30 * time.Second

func (w *world) gone(nodes ...paxos.NodeID) {
	w.t.Helper()
	w.within(podLimit, fmt.Sprintf("the pods of %v are gone", nodes), func() bool {
		pods := w.pods()
		for _, id := range nodes {
			if len(pods[id]) > 0 {
				return false
			}
		}
		return true
	})
}

func (w *world) back(nodes ...paxos.NodeID) {
	w.t.Helper()
	w.within(podLimit, fmt.Sprintf("the pods of %v are ready", nodes), func() bool {
		pods := w.pods()
		for _, id := range nodes {
			if len(pods[id]) != 1 {
				return false
			}
			if _, ok := ready(pods[id][0]); !ok {
				return false
			}
		}
		return true
	})
}

// starts tells of every pod how often its container was started.
func (w *world) starts() map[string]int32 {
	w.t.Helper()
	list := map[string]int32{}
	for id, pods := range w.pods() {
		for _, p := range pods {
			for _, c := range p.Status.ContainerStatuses {
				list[fmt.Sprintf("%s (%s)", id, p.UID)] += c.RestartCount
			}
		}
	}
	return list
}

// noRestarts fails if the container of any pod was started again since; a pod
// that is gone is no concern of this.
func (w *world) noRestarts(before map[string]int32) {
	w.t.Helper()
	for pod, n := range w.starts() {
		if was, known := before[pod]; n > was {
			w.t.Errorf("%s: its container was restarted %d times (known before: %t)", pod, n-was, known)
		}
	}
}

var built struct {
	once sync.Once
	path string
	err  string
}

// tool builds paxosctl, once.
func tool(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		built.path = filepath.Join(filepath.Dir(kubeconfig), "paxosctl")
		w := &world{t: t}
		if p := w.run(5*time.Minute, "", "go", "build", "-tags", "nomsgpack", "-o", built.path, "./cmd/paxosctl"); p.exit != 0 {
			built.err = p.String()
		}
	})
	if built.err != "" {
		t.Fatal(built.err)
	}
	if _, err := os.Stat(built.path); err != nil {
		t.Fatal(err)
	}
	return built.path
}
