package manifests

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// checkNodes: one Deployment for each node, which never has two pods.
func checkNodes(r *rendered) []string {
	var f findings
	var have []string
	for _, d := range nodes(r) {
		have = append(have, d.Name)
		if d.Spec.Replicas == nil || *d.Spec.Replicas != 1 {
			f.say("%s does not say that it has one replica", d.Name)
		}
		f.expect(d.Name+": strategy", d.Spec.Strategy.Type, appsv1.RecreateDeploymentStrategyType)
		f.expect(d.Name+": minReadySeconds", d.Spec.MinReadySeconds, 0)
	}
	slices.Sort(have)
	f.expect("the list of nodes", have, shapes[r.name].ids())
	return f
}

// checkNamespaces: everything is in the namespace, which enforces restricted.
func checkNamespaces(r *rendered) []string {
	var f findings
	for _, o := range r.objects {
		m, err := meta.Accessor(o)
		if err != nil {
			f.say("%v", err)
			continue
		}
		kind := o.GetObjectKind().GroupVersionKind().Kind
		want := namespace
		if slices.Contains([]string{"Namespace", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "ClusterRole", "ClusterRoleBinding"}, kind) {
			want = ""
		}
		f.expect(kind+" "+m.GetName()+": namespace", m.GetNamespace(), want)
		f.expect(kind+" "+m.GetName()+": label app.kubernetes.io/part-of", m.GetLabels()["app.kubernetes.io/part-of"], "paxos")
	}
	all := of[*corev1.Namespace](r)
	if len(all) != 1 || all[0].Name != namespace {
		f.say("there is not the one namespace %s", namespace)
		return f
	}
	f.expect("the profile that the namespace enforces", all[0].Labels["pod-security.kubernetes.io/enforce"], "restricted")
	f.expect("its version", all[0].Labels["pod-security.kubernetes.io/enforce-version"], "latest")
	return f
}

// checkLabels: what scripts, policies and people select by.
func checkLabels(r *rendered) []string {
	var f findings
	for _, d := range nodes(r) {
		want := map[string]string{"app": d.Name, "role": role(d.Name), "app.kubernetes.io/name": "paxos", "app.kubernetes.io/part-of": "paxos",
			"app.kubernetes.io/component": role(d.Name), "app.kubernetes.io/instance": d.Name}
		f.expect(d.Name+": labels of the pod", d.Spec.Template.Labels, want)
		f.expect(d.Name+": labels of the Deployment", d.Labels, want)
		if s := service(r, d.Name); s != nil {
			f.expect(d.Name+": labels of the Service", s.Labels, want)
		}
	}
	return f
}

// selected lists the nodes whose pods a selector selects.
func selected(r *rendered, s labels.Selector) (list []string) {
	for _, d := range nodes(r) {
		if s.Matches(labels.Set(d.Spec.Template.Labels)) {
			list = append(list, d.Name)
		}
	}
	slices.Sort(list)
	return list
}

func ofRole(r *rendered, wanted string) (list []string) {
	for _, d := range nodes(r) {
		if role(d.Name) == wanted {
			list = append(list, d.Name)
		}
	}
	slices.Sort(list)
	return list
}

// checkSelectors: a Deployment and a node's Service select just that node's pod,
// the others just those that they are for.
func checkSelectors(r *rendered) []string {
	var f findings
	by := func(s *metav1.LabelSelector) []string {
		selector, err := metav1.LabelSelectorAsSelector(s)
		if err != nil {
			f.say("%v", err)
			return nil
		}
		return selected(r, selector)
	}
	var all []string
	for _, d := range nodes(r) {
		all = append(all, d.Name)
		f.expect("what Deployment "+d.Name+" selects", by(d.Spec.Selector), []string{d.Name})
	}
	slices.Sort(all)
	for _, s := range of[*corev1.Service](r) {
		want := []string{s.Name}
		switch {
		case s.Name == "client":
			want = ofRole(r, "client")
		case s.Name == "paxos-gossip":
			want = all
		case numbers[role(s.Name)] == 0:
			want = nil
		}
		f.expect("what Service "+s.Name+" selects", selected(r, labels.SelectorFromValidatedSet(s.Spec.Selector)), want)
	}
	for _, b := range of[*policyv1.PodDisruptionBudget](r) {
		want := ofRole(r, role(b.Spec.Selector.MatchLabels["role"]))
		f.expect("what PodDisruptionBudget "+b.Name+" selects", by(b.Spec.Selector), want)
		f.expect("its name", b.Name, b.Spec.Selector.MatchLabels["role"]+"s")
	}
	return f
}

// checkServices: a Service for each node, one for gossip, one for users.
func checkServices(r *rendered) []string {
	var f findings
	for _, d := range nodes(r) {
		s := service(r, d.Name)
		if s == nil {
			f.say("%s has no Service", d.Name)
			continue
		}
		f.expect("Service "+s.Name+": publishNotReadyAddresses", s.Spec.PublishNotReadyAddresses, true)
		f.expect("Service "+s.Name+": ports", portsOf(s), []string{port("http", numbers[role(d.Name)], tcp)})
	}
	if s := service(r, "client"); s == nil {
		f.say("there is no Service client for users")
	} else {
		f.expect("Service client: publishNotReadyAddresses", s.Spec.PublishNotReadyAddresses, false)
		f.expect("Service client: ports", portsOf(s), []string{port("http", 6000, tcp)})
	}
	s := service(r, "paxos-gossip")
	if s == nil {
		f.say("there is no Service paxos-gossip")
		return f
	}
	f.expect("Service paxos-gossip: clusterIP", s.Spec.ClusterIP, corev1.ClusterIPNone)
	f.expect("Service paxos-gossip: publishNotReadyAddresses", s.Spec.PublishNotReadyAddresses, true)
	f.expect("Service paxos-gossip: ports", portsOf(s), []string{port("gossip", 7946, tcp), port("gossip-udp", 7946, udp)})
	return f
}

func port(name string, number int32, protocol corev1.Protocol) string {
	return string(protocol) + " " + name + " " + itoa(number) + " to " + name
}

func portsOf(s *corev1.Service) (list []string) {
	for _, p := range s.Spec.Ports {
		list = append(list, string(p.Protocol)+" "+p.Name+" "+itoa(p.Port)+" to "+p.TargetPort.String())
	}
	return list
}

// checkClaims: who remembers has a disk of its own, and nobody else has one.
func checkClaims(r *rendered) []string {
	var f findings
	var have, want []string
	for _, c := range of[*corev1.PersistentVolumeClaim](r) {
		have = append(have, c.Name)
		f.expect(c.Name+": label app of the claim", c.Labels["app"], c.Name)
		if len(c.Spec.AccessModes) != 1 || c.Spec.AccessModes[0] != corev1.ReadWriteOnce && c.Spec.AccessModes[0] != corev1.ReadWriteOncePod {
			f.say("%s: access modes are %v", c.Name, c.Spec.AccessModes)
		}
		if c.Spec.Resources.Requests.Storage().IsZero() {
			f.say("%s asks for no storage", c.Name)
		}
	}
	for _, d := range nodes(r) {
		if !hasDisk(d.Name) {
			continue
		}
		want = append(want, d.Name)
		found := slices.ContainsFunc(d.Spec.Template.Spec.Volumes, func(v corev1.Volume) bool {
			return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == d.Name
		})
		if !found {
			f.say("%s does not mount the claim %s", d.Name, d.Name)
		}
	}
	slices.Sort(have)
	slices.Sort(want)
	f.expect("the list of claims", have, want)
	return f
}
