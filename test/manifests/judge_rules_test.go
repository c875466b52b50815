package manifests

import (
	"net/netip"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// The town in which the judge is tried.
var (
	here  = end{name: "here", namespace: "home", labels: labels.Set{"app": "here"}, address: netip.MustParseAddr("10.0.0.1"), ports: doors}
	mate  = end{name: "mate", namespace: "home", labels: labels.Set{"app": "mate"}, address: netip.MustParseAddr("10.0.0.2"), ports: doors}
	alien = end{name: "alien", namespace: "away", labels: labels.Set{"app": "mate"}, address: netip.MustParseAddr("10.0.1.1")}
	other = end{name: "other", namespace: "away", labels: labels.Set{"app": "other"}, address: netip.MustParseAddr("10.0.1.2")}
	world = end{name: "world", address: netip.MustParseAddr("203.0.113.9")}
	doors = []corev1.ContainerPort{{Name: "http", ContainerPort: 80}, {Name: "http-udp", ContainerPort: 80, Protocol: corev1.ProtocolUDP}, {Name: "admin", ContainerPort: 81}}
	towns = map[string]labels.Set{"home": {"name": "home"}, "away": {"name": "away"}}
)

// trap is one connection under some policies, each the spec of one in "home".
type trap struct {
	name     string
	policies []string
	from, to end
	port     int32
	protocol corev1.Protocol
	allowed  bool
}

const (
	tcp = corev1.ProtocolTCP
	udp = corev1.ProtocolUDP

	denyIn  = `podSelector: {}`
	denyAll = `{podSelector: {}, policyTypes: [Ingress, Egress]}`
)

var traps = []trap{
	{"no policy isolates nobody", nil, alien, here, 80, tcp, true},
	{"an empty selector selects every pod", []string{denyIn}, mate, here, 80, tcp, false},
	{"without policyTypes and egress rules, egress stays open", []string{denyIn}, here, alien, 80, tcp, true},
	{"with egress rules, egress is a type by itself", []string{`{podSelector: {}, egress: [{to: [{podSelector: {matchLabels: {app: mate}}}]}]}`}, here, alien, 80, tcp, false},
	{"and ingress still is, too", []string{`{podSelector: {}, egress: [{}]}`}, mate, here, 80, tcp, false},
	{"policyTypes [Egress] leaves ingress open", []string{`{podSelector: {}, policyTypes: [Egress]}`}, alien, here, 80, tcp, true},
	{"policyTypes [Egress] without rules lets nothing out", []string{`{podSelector: {}, policyTypes: [Egress]}`}, here, alien, 80, tcp, false},
	{"ingress rules count for nothing if the types do not name ingress", []string{denyIn, `{podSelector: {}, policyTypes: [Egress], ingress: [{}]}`}, mate, here, 80, tcp, false},
	{"a policy of one pod does not isolate another", []string{`podSelector: {matchLabels: {app: here}}`}, here, mate, 80, tcp, true},
	{"ingress: [] allows nothing", []string{`{podSelector: {}, ingress: []}`}, mate, here, 80, tcp, false},
	{"ingress: [{}] allows everything", []string{denyIn, `{podSelector: {}, ingress: [{}]}`}, world, here, 80, tcp, true},
	{"policies add up", []string{denyIn, `{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}`}, mate, here, 80, tcp, true},
	{"ingress alone is not enough if egress is denied", []string{denyAll, `{podSelector: {}, ingress: [{}]}`}, mate, here, 80, tcp, false},
	{"egress alone is not enough if ingress is denied", []string{denyAll, `{podSelector: {}, policyTypes: [Egress], egress: [{}]}`}, mate, here, 80, tcp, false},
	{"both are", []string{denyAll, `{podSelector: {}, ingress: [{}], egress: [{}]}`}, mate, here, 80, tcp, true},
	{"a pod reaches itself whatever is denied", []string{denyAll}, here, here, 80, tcp, true},

	{"a podSelector means the policy's own namespace", []string{denyIn, `{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: mate}}}]}]}`}, alien, here, 80, tcp, false},
	{"also an empty one", []string{denyIn, `{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}`}, alien, here, 80, tcp, false},
	{"an empty namespaceSelector means all namespaces", []string{denyIn, `{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}`}, alien, here, 80, tcp, true},
	{"but not the world outside", []string{denyIn, `{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}`}, world, here, 80, tcp, false},
	{"both selectors in one entry: both must fit (pod does)", []string{denyIn, `{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {name: away}}, podSelector: {matchLabels: {app: mate}}}]}]}`}, alien, here, 80, tcp, true},
	{"both selectors in one entry: both must fit (pod does not)", []string{denyIn, `{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {name: away}}, podSelector: {matchLabels: {app: mate}}}]}]}`}, other, here, 80, tcp, false},
	{"both selectors in one entry: both must fit (namespace does not)", []string{denyIn, `{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {name: away}}, podSelector: {matchLabels: {app: mate}}}]}]}`}, mate, here, 80, tcp, false},
	{"two entries: one is enough", []string{denyIn, `{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {name: away}}}, {podSelector: {matchLabels: {app: mate}}}]}]}`}, other, here, 80, tcp, true},
	{"a rule's peers and ports belong together", []string{denyIn, `{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: mate}}}], ports: [{port: 81}]}, {from: [{podSelector: {matchLabels: {app: x}}}], ports: [{port: 80}]}]}`}, mate, here, 80, tcp, false},

	{"an ipBlock", []string{denyIn, `{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24}}]}]}`}, world, here, 80, tcp, true},
	{"an ipBlock elsewhere", []string{denyIn, `{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 203.0.114.0/24}}]}]}`}, world, here, 80, tcp, false},
	{"what is excepted is out", []string{denyIn, `{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 203.0.0.0/16, except: [203.0.113.0/24]}}]}]}`}, world, here, 80, tcp, false},
	{"unless another entry lets it in", []string{denyIn, `{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 203.0.0.0/16, except: [203.0.113.0/24]}}, {ipBlock: {cidr: 203.0.113.9/32}}]}]}`}, world, here, 80, tcp, true},
	{"egress to the world", []string{`{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}`}, here, world, 443, tcp, true},

	{"a port without a protocol is TCP", []string{denyIn, `{podSelector: {}, ingress: [{ports: [{port: 80}]}]}`}, mate, here, 80, udp, false},
	{"a protocol without a port is all its ports", []string{denyIn, `{podSelector: {}, ingress: [{ports: [{protocol: UDP}]}]}`}, mate, here, 99, udp, true},
	{"and no other protocol's", []string{denyIn, `{podSelector: {}, ingress: [{ports: [{protocol: UDP}]}]}`}, mate, here, 99, tcp, false},
	{"another port", []string{denyIn, `{podSelector: {}, ingress: [{ports: [{port: 81}]}]}`}, mate, here, 80, tcp, false},
	{"a name is a port of the target", []string{denyIn, `{podSelector: {}, ingress: [{ports: [{port: http}]}]}`}, world, here, 80, tcp, true},
	{"and not another name's", []string{denyIn, `{podSelector: {}, ingress: [{ports: [{port: admin}]}]}`}, world, here, 80, tcp, false},
	{"a name has its protocol", []string{denyIn, `{podSelector: {}, ingress: [{ports: [{port: http-udp}]}]}`}, world, here, 80, udp, false},
	{"which must be the rule's", []string{denyIn, `{podSelector: {}, ingress: [{ports: [{port: http-udp}]}]}`}, world, here, 80, tcp, false},
	{"and must be asked for with it", []string{denyIn, `{podSelector: {}, ingress: [{ports: [{port: http-udp, protocol: UDP}]}]}`}, world, here, 80, udp, true},
	{"in egress, a name is the receiver's", []string{`{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: http}]}]}`}, here, mate, 80, tcp, true},
	{"who has no such name is not reached by it", []string{`{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: http}]}]}`}, here, alien, 80, tcp, false},
	{"endPort is within", []string{denyIn, `{podSelector: {}, ingress: [{ports: [{port: 79, endPort: 80}]}]}`}, mate, here, 80, tcp, true},
	{"and above it is not", []string{denyIn, `{podSelector: {}, ingress: [{ports: [{port: 70, endPort: 79}]}]}`}, mate, here, 80, tcp, false},

	{"matchExpressions In", []string{denyIn, `{podSelector: {}, ingress: [{from: [{podSelector: {matchExpressions: [{key: app, operator: In, values: [mate, x]}]}}]}]}`}, mate, here, 80, tcp, true},
	{"NotIn also means who lacks the label", []string{denyIn, `{podSelector: {}, ingress: [{from: [{podSelector: {matchExpressions: [{key: role, operator: NotIn, values: [x]}]}}]}]}`}, mate, here, 80, tcp, true},
	{"a policy of another namespace does not isolate", []string{`{podSelector: {}, policyTypes: [Ingress, Egress]}`}, alien, other, 80, tcp, true},
}

func specOf(t *testing.T, namespace, spec string) *networkingv1.NetworkPolicy {
	t.Helper()
	p := &networkingv1.NetworkPolicy{}
	p.Name, p.Namespace = "p", namespace
	if err := yaml.UnmarshalStrict([]byte(spec), &p.Spec); err != nil {
		t.Fatalf("%s: %v", spec, err)
	}
	return p
}

func TestTheJudgeKnowsTheRules(t *testing.T) {
	for _, c := range traps {
		j := judge{namespaces: towns}
		for _, spec := range c.policies {
			j.policies = append(j.policies, *specOf(t, "home", spec))
		}
		if got := j.allows(c.from, c.to, c.port, c.protocol); got != c.allowed {
			t.Errorf("%s: from %s to %s %s %d: allowed is %v", c.name, c.from.name, c.to.name, c.protocol, c.port, got)
		}
		for i := range j.policies {
			if found := flaws(&j.policies[i]); len(found) > 0 {
				t.Errorf("%s: %v", c.name, found)
			}
		}
	}
}

func TestWhatAnAPIServerWouldRefuseIsAFlaw(t *testing.T) {
	for spec, want := range map[string]string{
		`{podSelector: {}, ingress: [{from: [{}]}]}`:                                                                "names nobody",
		`{podSelector: {}, policyTypes: [ingress]}`:                                                                 "no policy type",
		`{podSelector: {}, ingress: [{ports: [{port: http, endPort: 90}]}]}`:                                        "no port below",
		`{podSelector: {}, ingress: [{ports: [{port: 91, endPort: 90}]}]}`:                                          "no port below",
		`{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}]}`:                    "at once",
		`{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0}}]}]}`:                                       "10.0.0.0",
		`{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]}]}`:              "not within",
		`{podSelector: {matchExpressions: [{key: role, operator: Among, values: [x]}]}}`:                            "Among",
		`{podSelector: {}, egress: [{to: [{namespaceSelector: {matchExpressions: [{key: role, operator: In}]}}]}]}`: "for 'in'",
	} {
		if found := strings.Join(flaws(specOf(t, "home", spec)), "; "); !strings.Contains(found, want) {
			t.Errorf("%s: %q does not speak of %q", spec, found, want)
		}
	}
}
