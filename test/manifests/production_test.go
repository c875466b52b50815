package manifests

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

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
