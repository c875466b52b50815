package manifests

import (
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// plant is a defect: what it does to a rendering, which check must see it, and
// what that check must speak of.
type plant struct {
	check, says string
	damage      func(*rendered)
}

// inPod damages a node's pod, inMap the ConfigMap.
func inPod(id string, damage func(*corev1.PodSpec, *corev1.Container)) func(*rendered) {
	return inNode(id, func(d *appsv1.Deployment) {
		damage(&d.Spec.Template.Spec, &d.Spec.Template.Spec.Containers[0])
	})
}

func inNode(id string, damage func(*appsv1.Deployment)) func(*rendered) {
	return func(r *rendered) {
		for _, d := range nodes(r) {
			if d.Name == id {
				damage(d)
			}
		}
	}
}

func inMap(key, value string) func(*rendered) {
	return func(r *rendered) {
		data := configMap(r, configName).Data
		if data[key] = value; value == "" {
			delete(data, key)
		}
	}
}

func inService(name string, damage func(*corev1.Service)) func(*rendered) {
	return func(r *rendered) { damage(service(r, name)) }
}

// inPolicy damages a NetworkPolicy, or takes it out.
func inPolicy(name string, damage func(*networkingv1.NetworkPolicySpec)) func(*rendered) {
	return func(r *rendered) {
		for _, p := range of[*networkingv1.NetworkPolicy](r) {
			if p.Name == name {
				damage(&p.Spec)
			}
		}
	}
}

// without takes out the first object of that name and type.
func without[T metav1.Object](name string) func(*rendered) {
	return func(r *rendered) {
		for i, o := range r.objects {
			if m, ok := o.(T); ok && m.GetName() == name {
				r.objects = append(r.objects[:i:i], r.objects[i+1:]...)
				return
			}
		}
	}
}

func set(c *corev1.Container, name, value string) {
	for i := range c.Env {
		if c.Env[i].Name == name {
			c.Env[i].Value = value
		}
	}
}

func pointer[T any](v T) *T { return &v }

// planted are defects by what is wrong.
func planted() map[string]plant {
	all := map[string]plant{
		"two replicas":                     {"nodes", "acceptor1", inNode("acceptor1", func(d *appsv1.Deployment) { d.Spec.Replicas = pointer[int32](2) })},
		"a rolling update":                 {"nodes", "acceptor1", inNode("acceptor1", func(d *appsv1.Deployment) { d.Spec.Strategy.Type = appsv1.RollingUpdateDeploymentStrategyType })},
		"a node is missing":                {"nodes", "list of nodes", without[*appsv1.Deployment]("learner2")},
		"a label is missing":               {"labels", "client1", inNode("client1", func(d *appsv1.Deployment) { delete(d.Spec.Template.Labels, "role") })},
		"a Service of all acceptors":       {"selectors", "acceptor1", inService("acceptor1", func(s *corev1.Service) { s.Spec.Selector = map[string]string{"role": "acceptor"} })},
		"a Deployment takes another's pod": {"selectors", "learner1", inNode("learner1", func(d *appsv1.Deployment) { d.Spec.Selector.MatchLabels = map[string]string{"role": "learner"} })},
		"gossip finds ready nodes only":    {"services", "publishNotReady", inService("paxos-gossip", func(s *corev1.Service) { s.Spec.PublishNotReadyAddresses = false })},
		"gossip has no UDP":                {"services", "paxos-gossip", inService("paxos-gossip", func(s *corev1.Service) { s.Spec.Ports = s.Spec.Ports[:1] })},
		"a node has no Service":            {"services", "acceptor3", without[*corev1.Service]("acceptor3")},
		"a disk is missing":                {"claims", "list of claims", without[*corev1.PersistentVolumeClaim]("learner1")},
		"another's disk": {"claims", "acceptor1", inPod("acceptor1", func(p *corev1.PodSpec, _ *corev1.Container) {
			for i := range p.Volumes {
				if c := p.Volumes[i].PersistentVolumeClaim; c != nil {
					c.ClaimName = "acceptor2"
				}
			}
		})},
		"another port":                {"containers", "proposer1", inPod("proposer1", func(_ *corev1.PodSpec, c *corev1.Container) { c.Ports[0].ContainerPort = 3001 })},
		"listens for itself only":     {"containers", "PAXOS_LISTEN", inPod("proposer1", func(_ *corev1.PodSpec, c *corev1.Container) { set(c, "PAXOS_LISTEN", "127.0.0.1:3000") })},
		"a variable before its own":   {"containers", "POD_IP", inPod("proposer1", func(_ *corev1.PodSpec, c *corev1.Container) { c.Env = append(c.Env[1:], c.Env[0]) })},
		"liveness asks for readiness": {"probes", "/readyz", inPod("acceptor1", func(_ *corev1.PodSpec, c *corev1.Container) { c.LivenessProbe.HTTPGet.Path = "/readyz" })},
		"no startup probe":            {"probes", "startup", inPod("acceptor1", func(_ *corev1.PodSpec, c *corev1.Container) { c.StartupProbe = nil })},
		"an impatient liveness probe": {"probes", "gives up", inPod("acceptor1", func(_ *corev1.PodSpec, c *corev1.Container) { c.LivenessProbe.FailureThreshold = 1 })},
		"a token":                     {"hardening", "automount", inPod("client1", func(p *corev1.PodSpec, _ *corev1.Container) { p.AutomountServiceAccountToken = nil })},
		"variables of Services":       {"hardening", "enableServiceLinks", inPod("client1", func(p *corev1.PodSpec, _ *corev1.Container) { p.EnableServiceLinks = nil })},
		"a root that can be written":  {"hardening", "read-only", inPod("client1", func(_ *corev1.PodSpec, c *corev1.Container) { c.SecurityContext.ReadOnlyRootFilesystem = nil })},
		"another user":                {"hardening", "65532", inPod("client1", func(p *corev1.PodSpec, _ *corev1.Container) { p.SecurityContext.RunAsUser = pointer[int64](1000) })},
		"no seccomp profile":          {"restricted", "seccomp", inPod("client1", func(p *corev1.PodSpec, _ *corev1.Container) { p.SecurityContext.SeccompProfile = nil })},
		"a capability":                {"restricted", "capabilities", inPod("client1", func(_ *corev1.PodSpec, c *corev1.Container) { c.SecurityContext.Capabilities.Drop = nil })},
		"an acceptor that is held back": {"resources", "processor", inPod("acceptor1", func(_ *corev1.PodSpec, c *corev1.Container) {
			c.Resources.Limits[corev1.ResourceCPU] = *c.Resources.Requests.Cpu()
		})},
		"GOMEMLIMIT at the limit":    {"resources", "GOMEMLIMIT", inPod("learner1", func(_ *corev1.PodSpec, c *corev1.Container) { set(c, "GOMEMLIMIT", "1024MiB") })},
		"GOMEMLIMIT in another unit": {"resources", "GOMEMLIMIT", inPod("learner1", func(_ *corev1.PodSpec, c *corev1.Container) { set(c, "GOMEMLIMIT", "900Mi") })},
		"nothing requested":          {"resources", "request", inPod("learner1", func(_ *corev1.PodSpec, c *corev1.Container) { c.Resources.Requests = nil })},
		"killed while it hands over": {"stopping", "proposer2", inPod("proposer2", func(p *corev1.PodSpec, _ *corev1.Container) { p.TerminationGracePeriodSeconds = pointer[int64](4) })},
		"another version":            {"images", "client2", inPod("client2", func(_ *corev1.PodSpec, c *corev1.Container) { c.Image = "paxos:older" })},
		"always pulled":              {"images", "Always", inPod("client2", func(_ *corev1.PodSpec, c *corev1.Container) { c.ImagePullPolicy = corev1.PullAlways })},
	}
	for what, p := range plantedAround() {
		all[what] = p
	}
	return all
}

// plantedAround are those around the pods.
func plantedAround() map[string]plant {
	budget := func(n int) func(*rendered) {
		return func(r *rendered) {
			for _, b := range of[*policyv1.PodDisruptionBudget](r) {
				if b.Name == "acceptors" {
					b.Spec.MinAvailable = pointer(intstr.FromInt(n))
				}
			}
		}
	}
	everybody := func(s *networkingv1.NetworkPolicySpec) { s.Ingress[0].From = nil }
	return map[string]plant{
		"an eviction takes the quorum": {"disruption", "acceptors", budget(1)},
		"no machine can be drained":    {"disruption", "must stay", budget(3)},
		"scale is not asked about": {"admission", "scale", func(r *rendered) {
			p := of[*admissionv1.ValidatingAdmissionPolicy](r)[0]
			p.Spec.MatchConstraints.ResourceRules[0].Resources = []string{"deployments"}
		}},
		"a second pod is only warned of": {"admission", "binding", func(r *rendered) {
			b := of[*admissionv1.ValidatingAdmissionPolicyBinding](r)[0]
			b.Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Warn}
		}},
		"no admission policy":           {"admission", "paxos-one-pod", without[*admissionv1.ValidatingAdmissionPolicy]("paxos-one-pod-per-node")},
		"no profile is enforced":        {"namespaces", "enforces", func(r *rendered) { delete(of[*corev1.Namespace](r)[0].Labels, "pod-security.kubernetes.io/enforce") }},
		"an object elsewhere":           {"namespaces", "default", inService("client", func(s *corev1.Service) { s.Namespace = "default" })},
		"a tunable is missing":          {"tunables", "PAXOS_WINDOW", inMap("PAXOS_WINDOW", "")},
		"a tunable that there is not":   {"tunables", "PAXOS_WINDOWS", inMap("PAXOS_WINDOWS", "4")},
		"a value that is not read":      {"tunables", "PAXOS_TICK", inMap("PAXOS_TICK", "10")},
		"another value, unexplained":    {"tunables", "PAXOS_WINDOW", inMap("PAXOS_WINDOW", "8")},
		"a node's own value for all":    {"tunables", "PAXOS_ID", inMap("PAXOS_ID", "acceptor1")},
		"an acceptor that is not there": {"configuration", "acceptor4", inMap("PAXOS_ACCEPTORS", "acceptor1,acceptor2,acceptor3,acceptor4")},
		"a learner too few":             {"configuration", "LEARNERS", inMap("PAXOS_LEARNERS", "learner1")},
		"joins a Service that is none":  {"configuration", "JOIN", inMap("PAXOS_JOIN", "gossip:7946")},
		"settings that contradict":      {"settings", "would not start", inMap("PAXOS_HEARTBEAT", "200ms")},
		"a variable misspelt": {"settings", "PAXOS_GOSSIPLISTEN", inPod("client1", func(_ *corev1.PodSpec, c *corev1.Container) {
			c.Env = append(c.Env, corev1.EnvVar{Name: "PAXOS_GOSSIPLISTEN", Value: "x"})
		})},
		"a journal beyond the memory": {"room", "memory", inMap("PAXOS_DISK_LIMIT_BYTES", "4294967296")},
		"another ConfigMap": {"references", "others", inPod("client1", func(_ *corev1.PodSpec, c *corev1.Container) {
			c.EnvFrom[0].ConfigMapRef.Name = "others"
		})},
		"another Secret": {"references", "others", inPod("client1", func(p *corev1.PodSpec, _ *corev1.Container) {
			p.Volumes[len(p.Volumes)-1].Secret.SecretName = "others"
		})},
		"a volume that is not mounted":   {"volumes", "nowhere", inPod("acceptor1", func(_ *corev1.PodSpec, c *corev1.Container) { c.VolumeMounts = c.VolumeMounts[1:] })},
		"data beside the disk":           {"volumes", "PAXOS_DATA", inPod("acceptor1", func(_ *corev1.PodSpec, c *corev1.Container) { set(c, "PAXOS_DATA", "/paxos") })},
		"a node port twice":              {"node ports", "30401", inService("acceptor2", func(s *corev1.Service) { s.Spec.Ports[0].NodePort = 30401 })},
		"a node without a port":          {"node ports", "learner1", inService("learner1", func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeClusterIP })},
		"nothing is denied":              {"who speaks", "from", without[*networkingv1.NetworkPolicy]("default-deny")},
		"gossip without UDP":             {"who speaks", "UDP 7946", inPolicy("gossip", func(s *networkingv1.NetworkPolicySpec) { s.Ingress[0].Ports = s.Ingress[0].Ports[:1] })},
		"gossip for everybody":           {"who speaks", "7946", inPolicy("gossip", everybody)},
		"no DNS":                         {"who speaks", "coredns", without[*networkingv1.NetworkPolicy]("dns")},
		"DNS of any pod of the system's": {"who speaks", "kube-proxy", inPolicy("dns", func(s *networkingv1.NetworkPolicySpec) { s.Egress[0].To[0].PodSelector = nil })},
		"DNS anywhere": {"who speaks", "impostor", inPolicy("dns", func(s *networkingv1.NetworkPolicySpec) {
			s.Egress[0].To[0].NamespaceSelector = &metav1.LabelSelector{}
		})},
		"votes do not reach learners": {"who speaks", "from acceptor1 to learner1", inPolicy("acceptor", func(s *networkingv1.NetworkPolicySpec) {
			s.Egress[0].To[0].PodSelector.MatchExpressions[0].Values = []string{"proposer", "acceptor"}
		})},
		"a number of another role": {"who speaks", "TCP 5000", inPolicy("learner", func(s *networkingv1.NetworkPolicySpec) {
			s.Ingress[0].Ports[0].Port = pointer(intstr.FromInt32(4000))
		})},
		"clients speak to clients": {"who speaks", "from client1 to client2", inPolicy("client", func(s *networkingv1.NetworkPolicySpec) {
			s.Egress[0].To[0].PodSelector = &metav1.LabelSelector{}
		})},
		"a policy that no server takes": {"who speaks", "nobody", inPolicy("gossip", func(s *networkingv1.NetworkPolicySpec) {
			s.Ingress[0].From = append(s.Ingress[0].From, networkingv1.NetworkPolicyPeer{})
		})},
	}
}

// TestPlantedDefectsAreSeen plants each defect into a copy and asks the check
// that it belongs to. Every check has at least one.
func TestPlantedDefectsAreSeen(t *testing.T) {
	fields := map[string]*rendered{}
	for name, check := range checks {
		fields[name] = rendering(t, "kind")
		if name == "who speaks" {
			fields[name] = rendering(t, "base") // in the other, node ports let in whoever comes
		}
		if found := check(fields[name]); len(found) > 0 {
			t.Fatalf("%s finds something before anything is planted: %q", name, found)
		}
	}
	tried := map[string]bool{}
	all := planted()
	for what, p := range all {
		broken := fields[p.check].clone()
		p.damage(broken)
		tried[p.check] = true
		if found := strings.Join(checks[p.check](broken), "\n"); !strings.Contains(found, p.says) {
			t.Errorf("%s: check %q does not speak of %q: %q", what, p.check, p.says, found)
		}
	}
	for name := range checks {
		if !tried[name] {
			t.Errorf("nothing is planted for check %q", name)
		}
	}
	t.Logf("%d defects planted", len(all))
}

func TestPlantedDefectsOfProductionAreSeen(t *testing.T) {
	r := rendering(t, "production")
	for what, damage := range map[string]func(*rendered){
		"no anti-affinity": inPod("acceptor1", func(p *corev1.PodSpec, _ *corev1.Container) { p.Affinity = nil }),
		"apart from everyone": inPod("acceptor1", func(p *corev1.PodSpec, _ *corev1.Container) {
			p.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution[0].MatchLabelKeys = nil
		}),
		"not spread": inPod("learner1", func(p *corev1.PodSpec, _ *corev1.Container) { p.TopologySpreadConstraints = nil }),
		"a disk of a machine's": func(r *rendered) {
			of[*corev1.PersistentVolumeClaim](r)[0].Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
		},
		"no storage class": func(r *rendered) { of[*corev1.PersistentVolumeClaim](r)[0].Spec.StorageClassName = nil },
	} {
		broken := r.clone()
		damage(broken)
		if len(checkProduction(broken)) == 0 {
			t.Errorf("%s is not seen", what)
		}
	}
}
