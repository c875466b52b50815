package manifests

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// end is one end of a connection: a pod, or an address that is none's.
type end struct {
	name      string
	namespace string // "" outside of the cluster
	labels    labels.Set
	ports     []corev1.ContainerPort
	address   netip.Addr
}

func (e end) pod() bool { return e.namespace != "" }

// judge says which connections NetworkPolicies let through, by the rules of the
// API's documentation (networking.k8s.io/v1, and the page "Network Policies").
// What the documentation leaves to the network plugin (pods in the machine's own
// network, ipBlocks that name pods) it takes literally.
type judge struct {
	policies   []networkingv1.NetworkPolicy
	namespaces map[string]labels.Set
	compiled   map[*metav1.LabelSelector]labels.Selector
}

// allows judges one connection to a port of a pod, as it arrives there: behind
// the Service.
func (j *judge) allows(from, to end, port int32, protocol corev1.Protocol) bool {
	if from.pod() && from.namespace == to.namespace && from.name == to.name {
		return true // a pod cannot be kept from itself
	}
	return j.oneWay(networkingv1.PolicyTypeEgress, from, to, to, port, protocol) &&
		j.oneWay(networkingv1.PolicyTypeIngress, to, from, to, port, protocol)
}

// oneWay judges one direction, at the end that it concerns: a pod that no policy
// selects is not isolated, and what several policies allow adds up.
func (j *judge) oneWay(direction networkingv1.PolicyType, self, other, target end, port int32, protocol corev1.Protocol) bool {
	if !self.pod() {
		return true
	}
	isolated := false
	for i := range j.policies {
		p := &j.policies[i]
		if p.Namespace != self.namespace || !j.selects(&p.Spec.PodSelector, self.labels) || !slices.Contains(directions(p), direction) {
			continue
		}
		isolated = true
		for _, r := range rules(p, direction) {
			if j.peers(p, r.peers, other) && portsFit(r.ports, target, port, protocol) {
				return true
			}
		}
	}
	return !isolated
}

// directions are what a policy is for: if it does not say, Ingress always, and
// Egress if it has such a rule.
func directions(p *networkingv1.NetworkPolicy) []networkingv1.PolicyType {
	if len(p.Spec.PolicyTypes) > 0 {
		return p.Spec.PolicyTypes
	}
	list := []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
	if len(p.Spec.Egress) > 0 {
		list = append(list, networkingv1.PolicyTypeEgress)
	}
	return list
}

// rule is one of either direction.
type rule struct {
	peers []networkingv1.NetworkPolicyPeer
	ports []networkingv1.NetworkPolicyPort
}

func rules(p *networkingv1.NetworkPolicy, direction networkingv1.PolicyType) (list []rule) {
	if direction == networkingv1.PolicyTypeIngress {
		for _, r := range p.Spec.Ingress {
			list = append(list, rule{r.From, r.Ports})
		}
		return list
	}
	for _, r := range p.Spec.Egress {
		list = append(list, rule{r.To, r.Ports})
	}
	return list
}

// peers reports whether a rule means the other end. No list means everybody.
func (j *judge) peers(p *networkingv1.NetworkPolicy, list []networkingv1.NetworkPolicyPeer, other end) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(peer networkingv1.NetworkPolicyPeer) bool {
		switch {
		case peer.IPBlock != nil:
			return inBlock(peer.IPBlock, other.address)
		case !other.pod():
			return false
		case peer.NamespaceSelector == nil && other.namespace != p.Namespace:
			return false
		case peer.NamespaceSelector != nil && !j.selects(peer.NamespaceSelector, j.namespaces[other.namespace]):
			return false
		}
		// In one entry both selectors must fit; a missing one leaves it open.
		return peer.PodSelector == nil && peer.NamespaceSelector != nil || j.selects(peer.PodSelector, other.labels)
	})
}

// selects applies a selector; an empty one selects everything, a missing one
// nothing.
func (j *judge) selects(s *metav1.LabelSelector, set labels.Set) bool {
	selector := j.compiled[s]
	if selector == nil {
		var err error
		if selector, err = metav1.LabelSelectorAsSelector(s); err != nil {
			selector = labels.Nothing()
		}
		if j.compiled == nil {
			j.compiled = map[*metav1.LabelSelector]labels.Selector{}
		}
		j.compiled[s] = selector
	}
	return selector.Matches(set)
}

func inBlock(b *networkingv1.IPBlock, address netip.Addr) bool {
	within := func(cidr string) bool {
		prefix, err := netip.ParsePrefix(cidr)
		return err == nil && prefix.Contains(address)
	}
	return address.IsValid() && within(b.CIDR) && !slices.ContainsFunc(b.Except, within)
}

// portsFit reports whether a rule means this port of the target. No list means
// every port; a name is one of the target's containers'.
func portsFit(list []networkingv1.NetworkPolicyPort, target end, port int32, protocol corev1.Protocol) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(p networkingv1.NetworkPolicyPort) bool {
		wanted := corev1.ProtocolTCP
		if p.Protocol != nil {
			wanted = *p.Protocol
		}
		switch {
		case wanted != protocol:
			return false
		case p.Port == nil:
			return true
		case p.Port.Type == intstr.String:
			return slices.ContainsFunc(target.ports, func(c corev1.ContainerPort) bool {
				return c.Name == p.Port.StrVal && c.ContainerPort == port && protocolOf(c) == protocol
			})
		case p.EndPort != nil:
			return p.Port.IntVal <= port && port <= *p.EndPort
		}
		return p.Port.IntVal == port
	})
}

func protocolOf(c corev1.ContainerPort) corev1.Protocol {
	if c.Protocol == "" {
		return corev1.ProtocolTCP
	}
	return c.Protocol
}

// flaws tells what an API server would refuse in a policy, which decodes all the
// same. The judge means nothing by it.
func flaws(p *networkingv1.NetworkPolicy) (found []string) {
	say := func(format string, args ...any) {
		found = append(found, fmt.Sprintf("NetworkPolicy %s: %s", p.Name, fmt.Sprintf(format, args...)))
	}
	selector := func(s *metav1.LabelSelector) {
		if _, err := metav1.LabelSelectorAsSelector(s); err != nil {
			say("%v", err)
		}
	}
	selector(&p.Spec.PodSelector)
	for _, t := range p.Spec.PolicyTypes {
		if t != networkingv1.PolicyTypeIngress && t != networkingv1.PolicyTypeEgress {
			say("there is no policy type %q", t)
		}
	}
	for _, r := range append(rules(p, networkingv1.PolicyTypeIngress), rules(p, networkingv1.PolicyTypeEgress)...) {
		for _, peer := range r.peers {
			switch {
			case peer.IPBlock == nil && peer.PodSelector == nil && peer.NamespaceSelector == nil:
				say("a peer names nobody")
			case peer.IPBlock != nil && (peer.PodSelector != nil || peer.NamespaceSelector != nil):
				say("a peer is an ipBlock and a selector at once")
			case peer.IPBlock != nil:
				found = append(found, flawsOfBlock(p.Name, peer.IPBlock)...)
			}
			selector(peer.PodSelector)
			selector(peer.NamespaceSelector)
		}
		for _, port := range r.ports {
			if port.EndPort != nil && (port.Port == nil || port.Port.Type == intstr.String || *port.EndPort < port.Port.IntVal) {
				say("endPort %d has no port below it", *port.EndPort)
			}
		}
	}
	return found
}

func flawsOfBlock(name string, b *networkingv1.IPBlock) (found []string) {
	outer, err := netip.ParsePrefix(b.CIDR)
	if err != nil {
		return []string{fmt.Sprintf("NetworkPolicy %s: %v", name, err)}
	}
	for _, e := range b.Except {
		inner, err := netip.ParsePrefix(e)
		if err != nil || !outer.Contains(inner.Addr()) || inner.Bits() <= outer.Bits() {
			found = append(found, fmt.Sprintf("NetworkPolicy %s: except %s is not within %s", name, e, b.CIDR))
		}
	}
	return found
}
