package manifests

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func itoa(n int32) string { return strconv.Itoa(int(n)) }

// checkContainers: one program per pod, at the ports that everybody relies on.
func checkContainers(r *rendered) []string {
	var f findings
	for _, d := range nodes(r) {
		spec := d.Spec.Template.Spec
		f.expect(d.Name+": number of containers", len(spec.Containers), 1)
		f.expect(d.Name+": number of others", len(spec.InitContainers)+len(spec.EphemeralContainers), 0)
		c, number := container(d), itoa(numbers[role(d.Name)])
		f.expect(d.Name+": container", c.Name, role(d.Name))
		f.expect(d.Name+": command", c.Command, []string{role(d.Name)})
		f.expect(d.Name+": args", c.Args, []string{})
		var have []string
		for _, p := range c.Ports {
			have = append(have, string(protocolOf(p))+" "+p.Name+" "+itoa(p.ContainerPort))
			f.expect(d.Name+": hostPort", p.HostPort, 0)
		}
		f.expect(d.Name+": ports", have, []string{"TCP http " + number, "TCP gossip 7946", "UDP gossip-udp 7946"})
		for name, want := range map[string]string{"PAXOS_LISTEN": "0.0.0.0:" + number, "PAXOS_ADVERTISE": "$(POD_IP):" + number,
			"PAXOS_GOSSIP_LISTEN": "0.0.0.0:7946", "PAXOS_GOSSIP_ADVERTISE": "$(POD_IP):7946", "PAXOS_GOSSIP_KEY_FILE": "/etc/paxos/gossip/key"} {
			f.expect(d.Name+": "+name, env(c, name), want)
		}
		f = append(f, checkOrder(d.Name, c)...)
	}
	return f
}

// checkOrder: a variable may use only those before it; else it is left as it
// stands, "$(POD_IP)" and all.
func checkOrder(id string, c corev1.Container) []string {
	var f findings
	seen := map[string]bool{}
	for _, v := range c.Env {
		for rest := v.Value; strings.Contains(rest, "$("); {
			var name string
			_, rest, _ = strings.Cut(rest, "$(")
			name, rest, _ = strings.Cut(rest, ")")
			if !seen[name] {
				f.say("%s: %s uses %s, which is not said before it", id, v.Name, name)
			}
		}
		if seen[v.Name] {
			f.say("%s: %s is said twice", id, v.Name)
		}
		seen[v.Name] = true
	}
	return f
}

// checkProbes (DESIGN 5): life is the loop's and the disk's, never the quorum's.
func checkProbes(r *rendered) []string {
	var f findings
	for _, d := range nodes(r) {
		c := container(d)
		for _, p := range []struct {
			name, path string
			probe      *corev1.Probe
			least      time.Duration // of failing, before it has consequences
		}{{"startup", "/livez", c.StartupProbe, time.Minute}, {"liveness", "/livez", c.LivenessProbe, 20 * time.Second}, {"readiness", "/readyz", c.ReadinessProbe, 0}} {
			if p.probe == nil || p.probe.HTTPGet == nil {
				f.say("%s has no %s probe over HTTP", d.Name, p.name)
				continue
			}
			f.expect(d.Name+": path of the "+p.name+" probe", p.probe.HTTPGet.Path, p.path)
			f.expect(d.Name+": port of the "+p.name+" probe", p.probe.HTTPGet.Port.String(), "http")
			f.expect(d.Name+": host of the "+p.name+" probe", p.probe.HTTPGet.Host, "")
			patience := time.Duration(cmp.Or(p.probe.PeriodSeconds, 10)*cmp.Or(p.probe.FailureThreshold, 3)) * time.Second
			if patience < p.least {
				f.say("%s: the %s probe gives up after %v", d.Name, p.name, patience)
			}
		}
	}
	return f
}

// checkHardening: what a pod of ours may not have, beyond the restricted profile.
func checkHardening(r *rendered) []string {
	var f findings
	no, yes := func(b *bool) bool { return b != nil && !*b }, func(b *bool) bool { return b != nil && *b }
	for _, d := range nodes(r) {
		spec, c := d.Spec.Template.Spec, container(d)
		pod, own := spec.SecurityContext, c.SecurityContext
		if pod == nil || own == nil {
			f.say("%s has no security context", d.Name)
			continue
		}
		for what, right := range map[string]bool{
			"automountServiceAccountToken is not false": no(spec.AutomountServiceAccountToken),
			"enableServiceLinks is not false":           no(spec.EnableServiceLinks),
			"it has a service account":                  spec.ServiceAccountName == "" || spec.ServiceAccountName == "default",
			"runAsNonRoot is not true":                  yes(pod.RunAsNonRoot),
			"it does not run as 65532:65532":            is(pod.RunAsUser, 65532) && is(pod.RunAsGroup, 65532) && own.RunAsUser == nil && own.RunAsGroup == nil,
			"its disks are not group 65532's":           is(pod.FSGroup, 65532),
			"seccomp is not RuntimeDefault":             pod.SeccompProfile != nil && pod.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault,
			"the root file system is not read-only":     yes(own.ReadOnlyRootFilesystem),
			"privileges may be escalated":               no(own.AllowPrivilegeEscalation),
			"not all capabilities are dropped":          own.Capabilities != nil && slices.Equal(own.Capabilities.Drop, []corev1.Capability{"ALL"}) && len(own.Capabilities.Add) == 0,
			"it is in the machine's own namespaces":     !spec.HostNetwork && !spec.HostPID && !spec.HostIPC,
		} {
			if !right {
				f.say("%s: %s", d.Name, what)
			}
		}
	}
	return f
}

func is(n *int64, want int64) bool { return n != nil && *n == want }

// checkResources: what is asked for, and that the garbage collector is told
// before the kernel is.
func checkResources(r *rendered) []string {
	var f findings
	for _, d := range nodes(r) {
		c := container(d)
		if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() {
			f.say("%s does not request processor and memory", d.Name)
		}
		if !c.Resources.Limits.Cpu().IsZero() && role(d.Name) == "acceptor" {
			f.say("%s has a limit of processor time: it holds back every write", d.Name)
		}
		limit, soft := c.Resources.Limits.Memory(), memory(env(c, "GOMEMLIMIT"))
		if limit.Cmp(*c.Resources.Requests.Memory()) < 0 {
			f.say("%s: less memory is allowed (%v) than requested", d.Name, limit)
		}
		if share := float64(soft) / float64(max(1, limit.Value())); share < 0.80 || share > 0.95 {
			f.say("%s: GOMEMLIMIT is %.0f %% of the memory limit %v, not 80 to 95", d.Name, 100*share, limit)
		}
	}
	return f
}

// memory reads GOMEMLIMIT: the runtime knows the units B, KiB, MiB, GiB and TiB.
func memory(text string) int64 {
	q, err := resource.ParseQuantity(strings.TrimSuffix(text, "B"))
	if err != nil || !strings.HasSuffix(text, "iB") {
		return 0
	}
	return q.Value()
}

// checkStopping: who is told to stop is not killed while it hands over, drains
// and says goodbye.
func checkStopping(r *rendered) []string {
	var f findings
	stop, err := stopLimit()
	if err != nil {
		f.say("%v", err)
	}
	for _, d := range nodes(r) {
		need := stop
		if l := container(d).Lifecycle; l != nil && l.PreStop != nil {
			if l.PreStop.Sleep == nil {
				f.say("%s: preStop is no sleep; the image has no shell", d.Name)
				continue
			}
			need += time.Duration(l.PreStop.Sleep.Seconds) * time.Second
		}
		if grace := graceOf(d); grace < need+need/2 {
			f.say("%s: %v of grace; stopping takes up to %v, and half as much again is wanted", d.Name, grace, need)
		}
	}
	return f
}

func graceOf(d *appsv1.Deployment) time.Duration {
	if g := d.Spec.Template.Spec.TerminationGracePeriodSeconds; g != nil {
		return time.Duration(*g) * time.Second
	}
	return 0
}

// checkImages: all nodes are of one version; no registry is asked for an image
// that was loaded.
func checkImages(r *rendered) []string {
	var f findings
	want := "paxos:local"
	for i, d := range nodes(r) {
		c := container(d)
		if r.name == "production" && i == 0 {
			want = c.Image // whatever the operator's registry is called
		}
		f.expect(d.Name+": image", c.Image, want)
		f.expect(d.Name+": imagePullPolicy", c.ImagePullPolicy, corev1.PullIfNotPresent)
	}
	if strings.HasSuffix(want, ":latest") || !strings.Contains(want, ":") {
		f.say("image %s: no version is said", want)
	}
	return f
}
