package manifests

import (
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func monitoring(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "k8s/components/monitoring", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// grafana puts numbers for its own variables before it asks.
var grafana = strings.NewReplacer("$__rate_interval", "1m", "${__rate_interval}", "1m", "$__interval", "15s", "$__range", "1h")

// TestTheRulesAreRules reads them as Prometheus does.
func TestTheRulesAreRules(t *testing.T) {
	text := monitoring(t, "rules.yaml")
	groups, errs := parseRules(text)
	for _, err := range errs {
		t.Error(err)
	}
	if len(errs) > 0 {
		return
	}
	n := 0
	for _, g := range groups.Groups {
		n += len(g.Rules)
	}
	if n < 5 {
		t.Errorf("there are %d rules only", n)
	}
	t.Logf("%d rules", n)
	for what, bad := range map[string]string{
		"an expression that is none": strings.Replace(string(text), "(paxos", "((paxos", 1),
		"an unknown field":           strings.Replace(string(text), "for:", "during:", 1),
		"a template that is none":    strings.Replace(string(text), "{{ $value", "{{ $value |", 1),
	} {
		if _, errs := parseRules([]byte(bad)); bad == string(text) || len(errs) == 0 {
			t.Errorf("rules with %s are taken", what)
		}
	}
}

func parseRules(text []byte) (*rulefmt.RuleGroups, []error) {
	return rulefmt.Parse(text, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.NewTextHandler(io.Discard, nil)))
}

// TestTheDashboardAsksPromQL parses every expression of the dashboard.
func TestTheDashboardAsksPromQL(t *testing.T) {
	var board any
	if err := json.Unmarshal(monitoring(t, "dashboard.json"), &board); err != nil {
		t.Fatal(err)
	}
	all := expressions(board)
	promql := parser.NewParser(parser.Options{})
	for _, e := range all {
		if _, err := promql.ParseExpr(grafana.Replace(e)); err != nil {
			t.Errorf("%s: %v", e, err)
		}
	}
	if len(all) < 10 {
		t.Errorf("the dashboard has %d expressions only", len(all))
	}
	t.Logf("%d expressions", len(all))
	if _, err := promql.ParseExpr(grafana.Replace("sum(rate(paxos_x[$__rate_interval])")); err == nil {
		t.Error("an expression that is none is taken")
	}
}

// expressions finds every "expr" in a document.
func expressions(v any) (list []string) {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if text, ok := inner.(string); ok && key == "expr" {
				list = append(list, text)
				continue
			}
			list = append(list, expressions(inner)...)
		}
	case []any:
		for _, inner := range v {
			list = append(list, expressions(inner)...)
		}
	}
	slices.Sort(list)
	return list
}

// TestThePodMonitor decodes what is for the operator into the operator's type,
// and looks whether it means the nodes.
func TestThePodMonitor(t *testing.T) {
	var m monitoringv1.PodMonitor
	if err := yaml.UnmarshalStrict(monitoring(t, "servicemonitor.yaml"), &m); err != nil {
		t.Fatal(err)
	}
	if m.APIVersion != "monitoring.coreos.com/v1" || m.Kind != monitoringv1.PodMonitorsKind || m.Namespace != namespace {
		t.Errorf("it is a %s of %s in %q", m.Kind, m.APIVersion, m.Namespace)
	}
	r := rendering(t, "base")
	for _, d := range nodes(r) {
		for key, value := range m.Spec.Selector.MatchLabels {
			if d.Spec.Template.Labels[key] != value {
				t.Errorf("it does not select %s", d.Name)
			}
		}
		for _, e := range m.Spec.PodMetricsEndpoints {
			named := slices.ContainsFunc(container(d).Ports, func(p corev1.ContainerPort) bool { return e.Port != nil && p.Name == *e.Port })
			if !named {
				t.Errorf("%s has no port of the name that it asks", d.Name)
			}
		}
	}
}
