package manifests

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"paxos/paxos"
)

// closed are paths of a client service that are no user's, beside those of
// messages: for nodes, for Prometheus, for the kubelet, and for those who operate
// the network and come another way.
var closed = []string{"/gossip", "/gossip/nodes", "/view-logs", "/metrics", "/livez", "/readyz"}

// messages are the paths at which nodes tell each other something.
func messages() (list []string) {
	for k := paxos.Kind(0); ; k++ {
		word := k.String()
		if strings.HasPrefix(word, "unknown(") {
			return list
		}
		list = append(list, "/"+word)
	}
}

// clientPaths are all that a client service answers, as its description says,
// which internal/rest holds against the routes.
func clientPaths(t *testing.T) (list []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "internal/rest/openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var api struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := yaml.Unmarshal(text, &api); err != nil {
		t.Fatal(err)
	}
	for _, p := range slices.Sorted(maps.Keys(api.Paths)) {
		for _, what := range api.Paths[p] {
			if o, _ := what.(map[string]any); o != nil && slices.Contains(o["x-roles"].([]any), any("client")) {
				list = append(list, p)
				break
			}
		}
	}
	return list
}

// paths are an Ingress's.
type paths = []networkingv1.HTTPIngressPath

// routed says to which path of the Ingress a request goes, "" for none: an exact
// one, or the elements that one begins with.
func routed(list paths, request string) string {
	for _, p := range list {
		switch {
		case p.PathType == nil:
		case *p.PathType == networkingv1.PathTypeExact && p.Path == request,
			*p.PathType == networkingv1.PathTypePrefix && strings.HasPrefix(strings.TrimSuffix(request, "/")+"/", strings.TrimSuffix(p.Path, "/")+"/"):
			return p.Path
		}
	}
	return ""
}

var parameter = regexp.MustCompile(`\{[a-z]+\}`)

// checkIngress: every path of users goes to the client services, and nothing else
// goes anywhere.
func checkIngress(r *rendered, all []string) []string {
	var f findings
	for _, in := range of[*networkingv1.Ingress](r) {
		if in.Spec.DefaultBackend != nil || len(in.Spec.Rules) != 1 || in.Spec.Rules[0].HTTP == nil {
			f.say("%s has a default backend, or other than one rule", in.Name)
			continue
		}
		list := in.Spec.Rules[0].HTTP.Paths
		used := map[string]bool{}
		for _, p := range list {
			if s := p.Backend.Service; s == nil || s.Name != "client" || s.Port.Name != "http" {
				f.say("%s leads elsewhere than to the port http of client", p.Path)
			}
		}
		for _, p := range all {
			if slices.Contains(closed, p) || slices.Contains(messages(), p) {
				continue
			}
			to := routed(list, parameter.ReplaceAllString(p, "x"))
			if used[to] = true; to == "" {
				f.say("%s is a user's, and is not routed", p)
			}
		}
		for _, p := range slices.Concat(closed, messages(), []string{"", "/any"}) {
			for _, request := range []string{p, p + "/", p + "/x"} {
				if to := routed(list, request); to != "" {
					f.say("%s is no user's, and goes to %s", request, to)
				}
			}
		}
		for _, p := range list {
			if !used[p.Path] {
				f.say("nothing goes to %s", p.Path)
			}
		}
	}
	return f
}

func TestTheIngressLeadsUsersAndNobodyElse(t *testing.T) {
	all := clientPaths(t)
	for _, p := range append(closed, "/notify", "/proposed", "/refused", "/surveyed") {
		if !slices.Contains(all, p) {
			t.Errorf("a client service has no %s, or it is not seen", p)
		}
	}
	r := rendering(t, combined+"ingress")
	if n := len(of[*networkingv1.Ingress](r)); n != 1 {
		t.Fatalf("there are %d of them", n)
	}
	for _, finding := range checkIngress(r, all) {
		t.Error(finding)
	}
	add := func(path string, kind networkingv1.PathType) func(paths) paths {
		return func(list paths) paths {
			return append(list, networkingv1.HTTPIngressPath{Path: path, PathType: &kind, Backend: list[0].Backend})
		}
	}
	plants := map[string]func(paths) paths{
		"/notify is no user's, and goes to /": add("/", networkingv1.PathTypePrefix),
		"/notify is no user's":                add("/notify", networkingv1.PathTypeExact),
		"/gossip/nodes is no user's":          add("/gossip", networkingv1.PathTypePrefix),
		"/view-logs is no user's":             add("/view-logs", networkingv1.PathTypeExact),
		"/metrics is no user's":               add("/metrics", networkingv1.PathTypeExact),
		"nothing goes to /scan":               add("/scan", networkingv1.PathTypeExact),
		"leads elsewhere":                     func(l paths) paths { l[0].Backend.Service.Name = "learner1"; return l },
		"/kv/{key} is a user's":               kindOf("/kv", networkingv1.PathTypeExact),
		"/lease/{id}/keepalive is a user's":   kindOf("/lease", networkingv1.PathTypeExact),
	}
	for i, p := range of[*networkingv1.Ingress](r)[0].Spec.Rules[0].HTTP.Paths {
		plants[p.Path] = func(l paths) paths { return slices.Delete(l, i, i+1) }
	}
	for says, damage := range plants {
		broken := r.clone()
		http := of[*networkingv1.Ingress](broken)[0].Spec.Rules[0].HTTP
		http.Paths = damage(http.Paths)
		if found := strings.Join(checkIngress(broken, all), "\n"); !strings.Contains(found, says) {
			t.Errorf("not a word of %q: %q", says, found)
		}
	}
	t.Logf("%d paths of client services, %d defects planted", len(all), len(plants))
}

func kindOf(path string, kind networkingv1.PathType) func(paths) paths {
	return func(l paths) paths {
		for i := range l {
			if l[i].Path == path {
				l[i].PathType = &kind
			}
		}
		return l
	}
}
