package manifests

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// TestThePolicyOfOperators: it means the API server's address, and nobody else.
func TestThePolicyOfOperators(t *testing.T) {
	for _, name := range []string{combined + "operators", "production"} {
		r := rendering(t, name)
		for says, damage := range map[string]func(*networkingv1.NetworkPolicySpec){
			"from outside to acceptor1 TCP 4000":    func(s *networkingv1.NetworkPolicySpec) { s.Ingress[0].From = nil },
			"from user to acceptor1 TCP 4000":       func(s *networkingv1.NetworkPolicySpec) { s.Ingress[0].From[0].IPBlock.CIDR = "10.0.0.0/8" },
			"from machine to learner2 TCP 5000":     func(s *networkingv1.NetworkPolicySpec) { s.Ingress[0].From[0].IPBlock.CIDR = "192.0.0.0/16" },
			"from api server to acceptor1 TCP 7946": func(s *networkingv1.NetworkPolicySpec) { s.Ingress[0].Ports = nil },
			"from api server to proposer1 TCP 3000": func(s *networkingv1.NetworkPolicySpec) {
				s.PodSelector.MatchExpressions[0].Values = []string{"acceptor", "learner"}
			},
			"from api server to learner1 TCP 5000": func(s *networkingv1.NetworkPolicySpec) { s.Ingress[0].From[0].IPBlock.CIDR = "198.51.100.0/24" },
		} {
			broken := r.clone()
			inPolicy("operators", damage)(broken)
			found, _ := differences(broken, openings[name])
			if !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, says+":") }) {
				t.Errorf("%s: not a word of %q", name, says)
			}
		}
	}
}

func TestProduction(t *testing.T) {
	for _, finding := range checkProduction(rendering(t, "production")) {
		t.Error(finding)
	}
}

// checkProduction: a failing machine takes one node of a role at most, and a
// disk is one pod's alone.
func checkProduction(r *rendered) []string {
	var f findings
	for _, d := range nodes(r) {
		pod := d.Spec.Template
		apart := false
		if a := pod.Spec.Affinity; a != nil && a.PodAntiAffinity != nil {
			for _, term := range a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
				apart = apart || term.TopologyKey == corev1.LabelHostname && keepsApart(r, d.Name, term.LabelSelector, term.MatchLabelKeys)
			}
		}
		if !apart {
			f.say("%s may share a machine with another %s", d.Name, role(d.Name))
		}
		spread := slices.ContainsFunc(pod.Spec.TopologySpreadConstraints, func(c corev1.TopologySpreadConstraint) bool {
			return c.TopologyKey == corev1.LabelTopologyZone && c.MaxSkew == 1 && keepsApart(r, d.Name, c.LabelSelector, c.MatchLabelKeys)
		})
		if !spread {
			f.say("%s is not spread over zones", d.Name)
		}
	}
	for _, c := range of[*corev1.PersistentVolumeClaim](r) {
		f.expect(c.Name+": access modes", c.Spec.AccessModes, []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOncePod})
		if c.Spec.StorageClassName == nil || *c.Spec.StorageClassName == "" {
			f.say("%s has no storage class", c.Name)
		}
	}
	return f
}

// keepsApart reports whether a node's term means just the nodes of its role.
// matchLabelKeys adds the node's own value of each such label.
func keepsApart(r *rendered, id string, s *metav1.LabelSelector, keys []string) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return false
	}
	var own labels.Set
	for _, d := range nodes(r) {
		if d.Name == id {
			own = d.Spec.Template.Labels
		}
	}
	var means []string
	for _, d := range nodes(r) {
		set := labels.Set(d.Spec.Template.Labels)
		same := !slices.ContainsFunc(keys, func(key string) bool { return set[key] != own[key] })
		if same && selector.Matches(set) {
			means = append(means, d.Name)
		}
	}
	slices.Sort(means)
	return slices.Equal(means, ofRole(r, role(id)))
}
