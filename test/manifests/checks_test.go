package manifests

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// shape is what a rendering is meant to be.
type shape struct {
	acceptors int
	nodeports bool
}

var shapes = map[string]shape{
	"base": {3, false}, "kind": {3, true}, "minikube": {3, true}, "five-acceptors": {5, true}, "production": {3, false},
	combined + "nodeports": {3, true}, combined + "ingress": {3, false}, combined + "monitoring": {3, false}, combined + "operators": {3, false},
}

// checks are what every rendering must pass; each gives what it finds wrong.
var checks = map[string]func(*rendered) []string{
	"nodes": checkNodes, "labels": checkLabels, "selectors": checkSelectors, "services": checkServices, "claims": checkClaims,
	"containers": checkContainers, "probes": checkProbes, "hardening": checkHardening, "resources": checkResources, "stopping": checkStopping,
	"images": checkImages, "disruption": checkDisruption, "admission": checkAdmission, "namespaces": checkNamespaces,
	"tunables": checkTunables, "configuration": checkConfiguration, "settings": checkSettings, "room": checkRoom,
	"references": checkReferences, "volumes": checkVolumes, "node ports": checkNodePorts, "restricted": checkRestricted, "who speaks": checkWhom,
}

func TestEveryRenderingIsSound(t *testing.T) {
	for _, r := range everything(t) {
		if _, known := shapes[r.name]; !known {
			t.Errorf("what %q is meant to be is not said", r.name)
		}
		for _, name := range slices.Sorted(maps.Keys(checks)) {
			for _, finding := range checks[name](r) {
				t.Errorf("%s: %s: %s", r.name, name, finding)
			}
		}
	}
	t.Logf("%d checks of each rendering", len(checks))
}

// findings gathers what a check says.
type findings []string

func (f *findings) say(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// expect says so unless two texts are the same.
func (f *findings) expect(what string, got, want any) {
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		f.say("%s is %s, not %s", what, g, w)
	}
}

// ids are the nodes that a rendering must have, by role.
func (s shape) ids() []string {
	var list []string
	for _, r := range []struct {
		role string
		many int
	}{{"proposer", 3}, {"acceptor", s.acceptors}, {"learner", 2}, {"client", 2}} {
		for i := 1; i <= r.many; i++ {
			list = append(list, fmt.Sprintf("%s%d", r.role, i))
		}
	}
	slices.Sort(list)
	return list
}

func role(id string) string { return strings.TrimRight(id, "0123456789") }

func hasDisk(id string) bool { return role(id) == "acceptor" || role(id) == "learner" }

// nodes are the Deployments that are a node's.
func nodes(r *rendered) (list []*appsv1.Deployment) {
	for _, d := range of[*appsv1.Deployment](r) {
		if numbers[role(d.Name)] != 0 {
			list = append(list, d)
		}
	}
	return list
}

// container is a node's only one; checkContainers says if there are others.
func container(d *appsv1.Deployment) corev1.Container {
	if len(d.Spec.Template.Spec.Containers) == 0 {
		return corev1.Container{}
	}
	return d.Spec.Template.Spec.Containers[0]
}

func service(r *rendered, name string) *corev1.Service {
	for _, s := range of[*corev1.Service](r) {
		if s.Name == name {
			return s
		}
	}
	return nil
}

func configMap(r *rendered, name string) *corev1.ConfigMap {
	for _, c := range of[*corev1.ConfigMap](r) {
		if c.Name == name {
			return c
		}
	}
	return &corev1.ConfigMap{}
}

// env is the value of a variable that a container is given outright.
func env(c corev1.Container, name string) string {
	for _, v := range c.Env {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}
