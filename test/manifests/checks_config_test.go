package manifests

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/spf13/pflag"

	"paxos/internal/config"
	"paxos/paxos"
)

const configName = "paxos-config"

// perNode are the flags that the ConfigMap may leave out, with the reason.
var perNode = map[string]string{
	"id":               "each pod's own: its label app",
	"listen":           "each role's own port, in its template",
	"advertise":        "the pod's address, in its template",
	"gossip-listen":    "the same port for all, in the pod's template beside the container's",
	"gossip-advertise": "the pod's address, in its template",
	"gossip-key-file":  "where the pod's template mounts the Secret",
	"data":             "where the pod's template mounts the claim",
	"local":            "for nodes that all run on one machine; pods do not",
}

// differs are the values that are not the flag's default, with the reason; ""
// stands for all renderings.
var differs = map[string]map[string]string{
	"": {
		"join":             "by the headless Service; on one machine nodes are told of each other",
		"lock-wait":        "the successor of a deleted pod starts while the old one still ends",
		"log-format":       "pods' logs are read by programs",
		"disk-limit-bytes": "below the memory limit and the size of the volume (checkRoom)",
	},
	"five-acceptors": {"acceptors": "there are five"},
}

var roles = []paxos.RoleName{paxos.ProposerRole, paxos.AcceptorRole, paxos.LearnerRole, paxos.ClientRole}

// flags are all flags of all roles, by name.
func flags() map[string]*pflag.Flag {
	all := map[string]*pflag.Flag{}
	for _, r := range roles {
		flagsOf(r).VisitAll(func(f *pflag.Flag) { all[f.Name] = f })
	}
	return all
}

func flagsOf(role paxos.RoleName) *pflag.FlagSet {
	set := pflag.NewFlagSet(string(role), pflag.ContinueOnError)
	config.Flags(set, role)
	return set
}

// checkTunables: the ConfigMap has every setting that one may tune, none that
// there is not, and none whose value differs from the default without a reason.
func checkTunables(r *rendered) []string {
	var f findings
	data := configMap(r, configName).Data
	known := map[string]bool{}
	all := flags()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		flag, key := all[name], config.EnvName(name)
		known[key] = true
		value, there := data[key]
		switch {
		case perNode[name] != "" && there:
			f.say("%s is in the ConfigMap, and is %s", key, perNode[name])
			continue
		case perNode[name] != "":
			continue
		case !there:
			f.say("%s (--%s: %s) is not in the ConfigMap", key, name, flag.Usage)
			continue
		}
		if err := flag.Value.Set(value); err != nil {
			f.say("%s=%q: %v", key, value, err)
		}
		reason := differs[""][name] + differs[r.name][name]
		if same := flag.Value.String() == flag.DefValue; !same && reason == "" {
			f.say("%s=%q is not the default %s, and there is no reason", key, value, flag.DefValue)
		} else if same && reason != "" {
			f.say("%s is the default, though %s", key, reason)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if !known[key] {
			f.say("%s: there is no such setting", key)
		}
	}
	return f
}

// checkConfiguration: who votes and who learns are exactly those who are there.
func checkConfiguration(r *rendered) []string {
	var f findings
	data := configMap(r, configName).Data
	f.expect("PAXOS_ACCEPTORS", data["PAXOS_ACCEPTORS"], strings.Join(ofRole(r, "acceptor"), ","))
	f.expect("PAXOS_LEARNERS", data["PAXOS_LEARNERS"], strings.Join(ofRole(r, "learner"), ","))
	// The key of the Secret and the label that everything gossips under.
	host, _, _ := strings.Cut(data["PAXOS_JOIN"], ":")
	if s := service(r, host); s == nil || s.Spec.ClusterIP != corev1.ClusterIPNone {
		f.say("PAXOS_JOIN is %s: no headless Service has this name", data["PAXOS_JOIN"])
	}
	return f
}

// checkSettings: what a pod is told, all of it together, is what its program
// takes.
func checkSettings(r *rendered) []string {
	var f findings
	for _, d := range nodes(r) {
		told, err := environment(r, d)
		if err != nil {
			f.say("%s: %v", d.Name, err)
			continue
		}
		set := pflag.NewFlagSet(d.Name, pflag.ContinueOnError)
		s := config.Flags(set, paxos.RoleName(role(d.Name)))
		all := flags()
		for _, key := range slices.Sorted(maps.Keys(told)) {
			name := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(key, "PAXOS_")), "_", "-")
			switch {
			case !strings.HasPrefix(key, "PAXOS_"):
			case all[name] == nil:
				f.say("%s: %s: there is no such setting", d.Name, key)
			case set.Lookup(name) != nil:
				if err := set.Set(name, told[key]); err != nil {
					f.say("%s: %s: %v", d.Name, key, err)
				}
			case !fromMap(r, key):
				f.say("%s: %s is none of a %s's settings", d.Name, key, role(d.Name))
			}
		}
		if err := s.Check(); err != nil {
			f.say("%s would not start: %v", d.Name, err)
		}
		f.expect(d.Name+": its id", s.ID, d.Name)
	}
	return f
}

func fromMap(r *rendered, key string) bool {
	_, there := configMap(r, configName).Data[key]
	return there
}

// environment is what the kubelet would give a pod.
func environment(r *rendered, d *appsv1.Deployment) (map[string]string, error) {
	told := map[string]string{}
	c := container(d)
	for _, from := range c.EnvFrom {
		if from.ConfigMapRef == nil || from.ConfigMapRef.Name != configName || from.Prefix != "" {
			return nil, fmt.Errorf("it takes variables from something else than %s", configName)
		}
		maps.Copy(told, configMap(r, configName).Data)
	}
	for _, v := range c.Env {
		value := v.Value
		if v.ValueFrom != nil {
			if v.ValueFrom.FieldRef == nil {
				return nil, fmt.Errorf("%s comes from something else than a field", v.Name)
			}
			path := v.ValueFrom.FieldRef.FieldPath
			label, isLabel := strings.CutPrefix(path, "metadata.labels['")
			switch {
			case path == "status.podIP":
				value = "10.2.0.1"
			case isLabel:
				value = d.Spec.Template.Labels[strings.TrimSuffix(label, "']")]
			default:
				return nil, fmt.Errorf("%s comes from %s", v.Name, path)
			}
		}
		for name, before := range told {
			value = strings.ReplaceAll(value, "$("+name+")", before)
		}
		told[v.Name] = value
	}
	return told, nil
}

// checkRoom: an acceptor holds in memory what its journal does, so the journal's
// limit is below the memory limit and within the volume; a learner's snapshots,
// two and one that is being written, are within its volume.
func checkRoom(r *rendered) []string {
	var f findings
	data := configMap(r, configName).Data
	journal, err := resource.ParseQuantity(data["PAXOS_DISK_LIMIT_BYTES"])
	if err != nil {
		return []string{"PAXOS_DISK_LIMIT_BYTES: " + err.Error()}
	}
	for _, claim := range of[*corev1.PersistentVolumeClaim](r) {
		storage := claim.Spec.Resources.Requests.Storage()
		for _, d := range nodes(r) {
			if d.Name != claim.Name || role(d.Name) != "acceptor" {
				continue
			}
			c := container(d)
			limit := c.Resources.Limits.Memory()
			if 10*journal.Value() > 7*limit.Value() {
				f.say("%s: a journal of %v is more than 70 %% of the memory limit %v", d.Name, &journal, limit)
			}
			if 10*journal.Value() > 7*storage.Value() {
				f.say("%s: a journal of %v is more than 70 %% of the volume of %v", d.Name, &journal, storage)
			}
		}
	}
	return f
}
