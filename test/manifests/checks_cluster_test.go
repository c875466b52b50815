package manifests

import (
	"fmt"
	"path"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"

	"paxos/paxos"
)

// checkDisruption: an eviction never takes the quorum away, and always may take
// somebody.
func checkDisruption(r *rendered) []string {
	var f findings
	var acceptors paxos.Configuration
	for id := range strings.SplitSeq(configMap(r, configName).Data["PAXOS_ACCEPTORS"], ",") {
		acceptors.Acceptors = append(acceptors.Acceptors, paxos.NodeID(id))
	}
	budgets := map[string]*policyv1.PodDisruptionBudget{}
	for _, b := range of[*policyv1.PodDisruptionBudget](r) {
		budgets[b.Name] = b
	}
	for _, of := range roles {
		b := budgets[string(of)+"s"]
		if b == nil || b.Spec.MinAvailable == nil || b.Spec.MaxUnavailable != nil {
			f.say("there is no PodDisruptionBudget of %ss that says how many must stay", of)
			continue
		}
		stay, all := b.Spec.MinAvailable, len(ofRole(r, string(of)))
		if stay.IntValue() < 1 || stay.IntValue() >= all {
			f.say("%s of %d %ss must stay", stay, all, of)
		}
		if of == paxos.AcceptorRole {
			f.expect("how many acceptors must stay", stay.String(), acceptors.Quorum())
		}
	}
	f.expect("number of PodDisruptionBudgets", len(budgets), len(roles))
	return f
}

// checkAdmission: a second pod under one id is refused where it is asked for, by
// kubectl scale too. What the expressions mean is test/e2e's to show.
func checkAdmission(r *rendered) []string {
	var f findings
	const name = "paxos-one-pod-per-node"
	policies, bindings := of[*admissionv1.ValidatingAdmissionPolicy](r), of[*admissionv1.ValidatingAdmissionPolicyBinding](r)
	if len(policies) != 1 || len(bindings) != 1 || policies[0].Name != name || bindings[0].Name != name {
		f.say("there is not one policy and one binding, both called %s", name)
		return f
	}
	p, b := policies[0], bindings[0]
	if p.Spec.FailurePolicy == nil || *p.Spec.FailurePolicy != admissionv1.Fail {
		f.say("what cannot be judged is let through")
	}
	f.expect("number of validations", len(p.Spec.Validations), 1)
	if p.Spec.MatchConstraints == nil {
		f.say("the policy matches nothing")
	} else {
		seen := map[string]bool{}
		for _, rule := range p.Spec.MatchConstraints.ResourceRules {
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, operation := range rule.Operations {
						seen[fmt.Sprintf("%s/%s %s", group, resource, operation)] = true
					}
				}
			}
		}
		for _, want := range []string{"apps/deployments CREATE", "apps/deployments UPDATE", "apps/deployments/scale UPDATE"} {
			if !seen[want] {
				f.say("the policy is not asked about %s", want)
			}
		}
	}
	f.expect("the binding's policy", b.Spec.PolicyName, name)
	f.expect("what the binding does", b.Spec.ValidationActions, []admissionv1.ValidationAction{admissionv1.Deny})
	if m := b.Spec.MatchResources; m == nil || m.NamespaceSelector == nil || m.NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"] != namespace {
		f.say("the binding is not for the namespace %s alone", namespace)
	}
	return f
}

// checkReferences: what a pod or an Ingress names is there; only the gossip key
// is made by the deploy script.
func checkReferences(r *rendered) []string {
	var f findings
	for _, d := range nodes(r) {
		spec := d.Spec.Template.Spec
		key := false
		for _, v := range spec.Volumes {
			switch {
			case v.Secret != nil:
				f.expect(d.Name+": Secret of volume "+v.Name, v.Secret.SecretName, "paxos-gossip-key")
				f.expect(d.Name+": it is optional", v.Secret.Optional != nil && *v.Secret.Optional, false)
				key = key || len(v.Secret.Items) == 0
			case v.PersistentVolumeClaim != nil:
				f.expect(d.Name+": claim of volume "+v.Name, v.PersistentVolumeClaim.ClaimName, d.Name)
			default:
				f.say("%s: volume %s is neither a Secret nor a claim", d.Name, v.Name)
			}
		}
		if !key {
			f.say("%s does not mount the gossip key", d.Name)
		}
		froms := container(d).EnvFrom
		if len(froms) != 1 || froms[0].ConfigMapRef == nil || froms[0].ConfigMapRef.Optional != nil {
			f.say("%s does not take the ConfigMap", d.Name)
		} else if configMap(r, froms[0].ConfigMapRef.Name).Name == "" {
			f.say("%s: there is no ConfigMap %s", d.Name, froms[0].ConfigMapRef.Name)
		}
	}
	for _, i := range of[*networkingv1.Ingress](r) {
		for _, rule := range i.Spec.Rules {
			for _, p := range rule.HTTP.Paths {
				// Whoever reaches another node's port can speak as a node.
				f.expect("what Ingress "+i.Name+" opens", p.Backend.Service.Name, "client")
				f.expect("at port", p.Backend.Service.Port.Name, "http")
			}
		}
	}
	return f
}

// checkVolumes: every volume is mounted, every mount has its volume, and what
// the program is told of lies where something is mounted.
func checkVolumes(r *rendered) []string {
	var f findings
	for _, d := range nodes(r) {
		c := container(d)
		mounts := map[string]corev1.VolumeMount{}
		for _, m := range c.VolumeMounts {
			mounts[m.Name] = m
		}
		for _, v := range d.Spec.Template.Spec.Volumes {
			m, mounted := mounts[v.Name]
			if !mounted {
				f.say("%s: volume %s is mounted nowhere", d.Name, v.Name)
			}
			f.expect(d.Name+": volume "+v.Name+" is read-only", m.ReadOnly, v.PersistentVolumeClaim == nil)
			delete(mounts, v.Name)
			switch {
			case v.Secret != nil:
				f.expect(d.Name+": the gossip key's file", path.Join(m.MountPath, "key"), env(c, "PAXOS_GOSSIP_KEY_FILE"))
			case v.PersistentVolumeClaim != nil && !strings.HasPrefix(env(c, "PAXOS_DATA"), m.MountPath+"/"):
				f.say("%s: PAXOS_DATA is %q, which is not on the claim at %s", d.Name, env(c, "PAXOS_DATA"), m.MountPath)
			}
		}
		for name := range mounts {
			f.say("%s: mount %s has no volume", d.Name, name)
		}
		if hasDisk(d.Name) {
			f.expect(d.Name+": PAXOS_DATA", env(c, "PAXOS_DATA"), "/data/paxos")
		}
	}
	return f
}

// nodePort is where a node answers outside of the cluster: 3030N, 3040N, 3050N,
// 3060N.
func nodePort(id string) int32 {
	var n int32
	_, _ = fmt.Sscanf(strings.TrimPrefix(id, role(id)), "%d", &n)
	return 30000 + numbers[role(id)]/10 + n
}

// checkNodePorts: each node at the port of its name, or none at any.
func checkNodePorts(r *rendered) []string {
	var f findings
	seen := map[int32]string{}
	wanted := []string{}
	if shapes[r.name].nodeports {
		wanted = shapes[r.name].ids()
	}
	for _, s := range of[*corev1.Service](r) {
		want := slices.Contains(wanted, s.Name)
		f.expect("Service "+s.Name+" is open outside", s.Spec.Type == corev1.ServiceTypeNodePort, want)
		for _, p := range s.Spec.Ports {
			if p.NodePort == 0 && !want {
				continue
			}
			f.expect("Service "+s.Name+": node port", p.NodePort, nodePort(s.Name))
			if other := seen[p.NodePort]; other != "" {
				f.say("node port %d is %s's and %s's", p.NodePort, other, s.Name)
			}
			seen[p.NodePort] = s.Name
		}
	}
	f.expect("number of node ports", len(seen), len(wanted))
	return f
}

// checkWhom is the table of who may speak to whom, as a check.
func checkWhom(r *rendered) []string {
	found, _ := differences(r, openings[r.name])
	return found
}
