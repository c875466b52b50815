package manifests

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// line says that the nodes of one role open connections to those of another, and
// which functions make them do so: package.Type.method, all of which must exist.
type line struct {
	from, to string
	first    bool // it has something to say first; else it only answers
	cause    string
}

// whom is who may speak to whom over HTTP. A role that has a message for a node
// opens a stream to it (rest.Hub.send), unless that node has opened one already.
// So who speaks first always does; who only answers does when the stream on
// which it was asked has just broken, and tries for ever from then on (rest.link.run).
// All that is not here is refused: client services have nothing to say to each
// other.
var whom = []line{
	{"proposer", "acceptor", true, "proposer.Proposer.survey proposer.Proposer.prepare proposer.Proposer.pump proposer.Proposer.beat"},
	{"proposer", "proposer", true, "proposer.Proposer.tickStopping"},
	{"proposer", "client", false, "proposer.Proposer.Flush proposer.Proposer.refuse"},
	{"proposer", "learner", false, "proposer.Proposer.Flush proposer.Proposer.refuse"},
	{"acceptor", "acceptor", true, "acceptor.Acceptor.ask acceptor.Acceptor.whereDoYouStand acceptor.Acceptor.initialise"},
	{"acceptor", "learner", true, "acceptor.Acceptor.Flush"},
	{"acceptor", "proposer", false, "acceptor.Acceptor.survey acceptor.Acceptor.prepare acceptor.Acceptor.accept acceptor.Acceptor.heartbeat acceptor.Acceptor.nack"},
	{"acceptor", "client", false, "acceptor.Acceptor.survey"},
	{"learner", "acceptor", true, "learner.Learner.Tick learner.Learner.ask learner.Learner.sendQuestion learner.Learner.report"},
	{"learner", "learner", true, "learner.Learner.ask learner.Learner.askPart learner.Learner.report"},
	{"learner", "proposer", true, "learner.Learner.finish learner.Learner.tickChores"},
	{"learner", "client", true, "learner.Learner.Tick learner.Learner.notify"},
	{"client", "proposer", true, "client/session.Session.propose"},
	{"client", "acceptor", true, "client/session.Session.Tick"},
	{"client", "learner", true, "internal/rest.Server.consult internal/rest.relay.from"},
}

func mayOpen(from, to string) bool {
	return slices.ContainsFunc(whom, func(l line) bool { return l.from == from && l.to == to })
}

// numbers are the roles' ports, named http.
var numbers = map[string]int32{"proposer": 3000, "acceptor": 4000, "learner": 5000, "client": 6000}

// asked are all ports that are tried at everybody.
var asked = []int32{22, 53, 80, 443, 3000, 4000, 5000, 6000, 6443, 7946, 9153}

// opening is what a rendering opens besides: everybody's http to everybody
// outside, to Prometheus, or to the API server.
type opening struct{ nodeports, prometheus, server bool }

var openings = map[string]opening{
	"base": {}, "kind": {nodeports: true}, "minikube": {nodeports: true}, "five-acceptors": {nodeports: true}, "production": {prometheus: true, server: true},
	combined + "nodeports": {nodeports: true}, combined + "monitoring": {prometheus: true}, combined + "ingress": {}, combined + "operators": {server: true},
}

// expected says what the table says of a connection. The role of who is no node
// is "".
func expected(o opening, from, to end, port int32, protocol corev1.Protocol) bool {
	sender, receiver := roleOf(from), roleOf(to)
	own := func(e end) bool { return e.namespace == namespace && roleOf(e) == "" }
	switch {
	case own(from) || own(to):
		return false // a pod of the namespace that is none of the nodes
	case sender != "" && receiver != "" && port == 7946:
		return true // gossip, by TCP and by UDP
	case sender != "" && to.name == "coredns":
		return port == 53
	case sender != "" && receiver != "":
		return protocol == tcp && port == numbers[receiver] && mayOpen(sender, receiver)
	case sender != "":
		return false
	case protocol != tcp || port != numbers[receiver]:
		return false
	}
	return receiver == "client" || o.nodeports || o.prometheus && from.name == "prometheus" || o.server && from.name == "api server"
}

func roleOf(e end) string {
	if e.namespace != namespace {
		return ""
	}
	return e.labels["role"]
}

// strangers are all who are no nodes. The impostor has a node's labels, in
// another namespace; the intruder is in the namespace and has no role.
func strangers() []end {
	at := netip.MustParseAddr
	dns := []corev1.ContainerPort{{Name: "dns", ContainerPort: 53, Protocol: udp}, {Name: "dns-tcp", ContainerPort: 53}, {Name: "http", ContainerPort: 9153}}
	return []end{
		{name: "user", namespace: "default", labels: labels.Set{"app": "shop"}, address: at("10.1.0.1"), ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 80}}},
		{name: "impostor", namespace: "default", labels: labels.Set{"app": "acceptor1", "role": "acceptor", "app.kubernetes.io/name": "paxos",
			"app.kubernetes.io/part-of": "paxos", "k8s-app": "kube-dns"}, address: at("10.1.0.2"), ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 4000}}},
		{name: "prometheus", namespace: "monitoring", labels: labels.Set{"app.kubernetes.io/name": "prometheus"}, address: at("10.1.0.3")},
		{name: "coredns", namespace: "kube-system", labels: labels.Set{"k8s-app": "kube-dns"}, address: at("10.1.0.4"), ports: dns},
		{name: "kube-proxy", namespace: "kube-system", labels: labels.Set{"k8s-app": "kube-proxy"}, address: at("10.1.0.5"), ports: dns},
		{name: "intruder", namespace: namespace, labels: labels.Set{"app": "debug"}, address: at("10.1.0.6"), ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 80}}},
		{name: "outside", address: at("203.0.113.7")},
		// It runs in its machine's own network, at the address that the component has.
		{name: "api server", address: at("192.0.2.10")},
		{name: "machine", address: at("192.0.3.10")},
	}
}

func townOf(r *rendered) (judge, []end) {
	j := judge{namespaces: map[string]labels.Set{}}
	for _, name := range []string{"default", "monitoring", "kube-system"} {
		j.namespaces[name] = labels.Set{"kubernetes.io/metadata.name": name}
	}
	for _, n := range of[*corev1.Namespace](r) {
		// The API server adds this label by itself.
		j.namespaces[n.Name] = labels.Merge(n.Labels, labels.Set{"kubernetes.io/metadata.name": n.Name})
	}
	for _, p := range of[*networkingv1.NetworkPolicy](r) {
		j.policies = append(j.policies, *p)
	}
	ends := strangers()
	for i, d := range of[*appsv1.Deployment](r) {
		e := end{name: d.Name, namespace: d.Namespace, labels: d.Spec.Template.Labels, address: netip.AddrFrom4([4]byte{10, 2, 0, byte(i)})}
		for _, c := range d.Spec.Template.Spec.Containers {
			e.ports = append(e.ports, c.Ports...)
		}
		ends = append(ends, e)
	}
	return j, ends
}

// differences judges every connection of which at least one end is in the
// namespace, and gives those about which policies and table differ.
func differences(r *rendered, o opening) (found []string, judged int) {
	j, ends := townOf(r)
	for i := range j.policies {
		found = append(found, flaws(&j.policies[i])...)
	}
	for _, from := range ends {
		for _, to := range ends {
			if from.name == to.name || from.namespace != namespace && to.namespace != namespace {
				continue
			}
			for _, port := range asked {
				for _, protocol := range []corev1.Protocol{tcp, udp} {
					judged++
					want := expected(o, from, to, port, protocol)
					if got := j.allows(from, to, port, protocol); got != want {
						found = append(found, fmt.Sprintf("from %s to %s %s %d: the policies say %v, the table says %v", from.name, to.name, protocol, port, got, want))
					}
				}
			}
		}
	}
	return found, judged
}

func TestWhoMaySpeakToWhom(t *testing.T) {
	for _, r := range everything(t) {
		o, known := openings[r.name]
		if !known {
			t.Errorf("what %q opens is not said", r.name)
		}
		found, judged := differences(r, o)
		for _, f := range found[:min(len(found), 20)] {
			t.Errorf("%s: %s", r.name, f)
		}
		if nodes := len(of[*appsv1.Deployment](r)); nodes < 10 || judged < nodes*nodes*len(asked) {
			t.Errorf("%s: %d connections between %d nodes and others are not all", r.name, judged, nodes)
		}
		t.Logf("%-22s %d policies, %d connections judged", r.name, len(of[*networkingv1.NetworkPolicy](r)), judged)
	}
}

// TestTheTableKnowsEveryRole: two lines for one pair would hide a mistake.
func TestTheTableKnowsEveryRole(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range whom {
		pair := l.from + " to " + l.to
		if seen[pair] || numbers[l.from] == 0 || numbers[l.to] == 0 || strings.TrimSpace(l.cause) == "" {
			t.Errorf("the table's line from %s: twice, of no role, or without a cause", pair)
		}
		seen[pair] = true
	}
}
