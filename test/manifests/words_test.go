package manifests

import (
	"fmt"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
)

// TestEveryWordOfThePoliciesCounts takes each policy, port and role out of the
// policies, one at a time: if no connection is judged otherwise, it was too many,
// or the table does not ask.
func TestEveryWordOfThePoliciesCounts(t *testing.T) {
	base := rendering(t, "base")
	tried := 0
	try := func(what string, damage func(*rendered)) {
		tried++
		broken := base.clone()
		damage(broken)
		if found, _ := differences(broken, openings["base"]); len(found) == 0 {
			t.Errorf("without %s all is judged as before", what)
		}
	}
	for _, p := range of[*networkingv1.NetworkPolicy](base) {
		try("policy "+p.Name, without[*networkingv1.NetworkPolicy](p.Name))
		for _, direction := range []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress} {
			for i, r := range rules(p, direction) {
				for n := range r.ports {
					try(fmt.Sprintf("port %d of %s %d of policy %s", n, direction, i, p.Name), inPolicy(p.Name, func(s *networkingv1.NetworkPolicySpec) {
						ports := portsIn(s, direction, i)
						if *ports = slices.Delete(*ports, n, n+1); len(*ports) == 0 {
							s.Ingress, s.Egress = keepOther(s, direction, i) // an empty list would mean all
						}
					}))
				}
				for n, peer := range r.peers {
					if peer.PodSelector == nil || len(peer.PodSelector.MatchExpressions) == 0 {
						continue
					}
					for v, value := range peer.PodSelector.MatchExpressions[0].Values {
						try(fmt.Sprintf("%s in %s %d of policy %s", value, direction, i, p.Name), inPolicy(p.Name, func(s *networkingv1.NetworkPolicySpec) {
							e := &peersIn(s, direction, i)[n].PodSelector.MatchExpressions[0]
							e.Values = slices.Delete(e.Values, v, v+1)
						}))
					}
				}
			}
		}
	}
	t.Logf("%d words taken out", tried)
	if tried < 30 {
		t.Errorf("only %d words were found", tried)
	}
}

func portsIn(s *networkingv1.NetworkPolicySpec, direction networkingv1.PolicyType, i int) *[]networkingv1.NetworkPolicyPort {
	if direction == networkingv1.PolicyTypeIngress {
		return &s.Ingress[i].Ports
	}
	return &s.Egress[i].Ports
}

func peersIn(s *networkingv1.NetworkPolicySpec, direction networkingv1.PolicyType, i int) []networkingv1.NetworkPolicyPeer {
	if direction == networkingv1.PolicyTypeIngress {
		return s.Ingress[i].From
	}
	return s.Egress[i].To
}

func keepOther(s *networkingv1.NetworkPolicySpec, direction networkingv1.PolicyType, i int) ([]networkingv1.NetworkPolicyIngressRule, []networkingv1.NetworkPolicyEgressRule) {
	if direction == networkingv1.PolicyTypeIngress {
		return slices.Delete(s.Ingress, i, i+1), s.Egress
	}
	return s.Ingress, slices.Delete(s.Egress, i, i+1)
}
