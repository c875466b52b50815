package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"paxos/internal/config"
	"paxos/paxos"
)

// The page with the table of settings, and where the table stands in it.
const (
	tuningPage  = "../../docs/kubernetes.md"
	tuningBegin = "<!-- Written from the flags: go test ./internal/config -run TestTheTuningTable -rewrite -->\n\n"
	tuningEnd   = "\n<!-- End of the table of settings -->\n"
	configMap   = "../../k8s/base/config.yaml"
)

// setByPods are the settings that each pod has for itself, from its manifest:
// with what value, and why.
var setByPods = map[string]string{
	"id":               "each pod: its label `app`, which is the name of its Deployment",
	"listen":           "each pod: all its addresses, `3000`, `4000`, `5000` or `6000` by role",
	"advertise":        "each pod: `$(POD_IP)` and that port; it is another address after every start",
	"gossip-listen":    "each pod: `0.0.0.0:7946`",
	"gossip-advertise": "each pod: `$(POD_IP):7946`",
	"gossip-key-file":  "each pod: `/etc/paxos/gossip/key`, from the Secret `paxos-gossip-key`",
	"data":             "each pod with a volume: `/data/paxos`, a directory in it, not its root",
	"local":            "never: it is for ten processes on one machine",
}

// whyOther says why a setting of k8s/base/config.yaml is not the default.
var whyOther = map[string]string{
	"join":             "the headless Service, which has the addresses of all pods",
	"disk-limit-bytes": "an acceptor holds that much in memory too, and its limit is 1 GiB; the volume has 2 GiB",
	"lock-wait":        "the successor of a deleted pod starts while the old one still ends",
	"log-format":       "what collects logs wants one object a line",
}

// flagOf is what the roles know of one flag.
type flagOf struct {
	name, usage string
	roles       []string
	defaults    []string // each once
}

// flags gives the flags of all roles, in the order in which help shows them.
func flags() []*flagOf {
	var list []*flagOf
	for _, role := range roles {
		set := pflag.NewFlagSet(string(role), pflag.ContinueOnError)
		config.Flags(set, role)
		at := 0
		set.VisitAll(func(f *pflag.Flag) {
			i := slices.IndexFunc(list, func(known *flagOf) bool { return known.name == f.Name })
			if i < 0 {
				i = at
				list = slices.Insert(list, i, &flagOf{name: f.Name, usage: strings.ReplaceAll(f.Usage, "this "+string(role), "this node")})
			}
			at = i + 1
			known := list[i]
			known.roles = append(known.roles, string(role))
			if value := strings.Trim(f.DefValue, "[]"); !slices.Contains(known.defaults, value) {
				known.defaults = append(known.defaults, value)
			}
		})
	}
	return list
}

var settingLine = regexp.MustCompile(`(?m)^  (PAXOS_[A-Z_]+): *(.*)$`)

// deployed reads the settings of the ConfigMap.
func deployed(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(configMap))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, m := range settingLine.FindAllStringSubmatch(string(text), -1) {
		value := m[2]
		if unquoted, err := strconv.Unquote(value); err == nil {
			value = unquoted
		}
		found[m[1]] = value
	}
	return found
}

// sized adds to a number of bytes how much that is.
func sized(name, value string) string {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || !strings.HasSuffix(name, "-bytes") || n < 1<<10 {
		return "`" + value + "`"
	}
	for _, unit := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n%unit.size == 0 {
			return fmt.Sprintf("`%s` (%d %s)", value, n/unit.size, unit.name)
		}
	}
	return "`" + value + "`"
}

// on says what a setting is on Kubernetes.
func (f *flagOf) on(t *testing.T, settings map[string]string) string {
	t.Helper()
	value, there := settings[config.EnvName(f.name)]
	pods, own := setByPods[f.name]
	why, other := whyOther[f.name]
	switch {
	case own == there:
		t.Errorf("--%s must be in %s, or set by pods, and not both (by pods: %t)", f.name, configMap, own)
	case own:
		return pods
	case slices.Equal(f.defaults, []string{value}):
		if other {
			t.Errorf("--%s is said to differ in %s, and is the default there", f.name, configMap)
		}
		return "the default"
	case !other:
		t.Errorf("--%s is %q in %s, the default is %q, and nothing says why", f.name, value, configMap, f.defaults)
	}
	return sized(f.name, value) + ": " + why
}

// tuningTable writes the table.
func tuningTable(t *testing.T) string {
	t.Helper()
	settings := deployed(t)
	var b strings.Builder
	b.WriteString("| flag | variable | default | roles | what it is | on Kubernetes |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, f := range flags() {
		defaults := make([]string, 0, len(f.defaults))
		for _, value := range f.defaults {
			if value != "" {
				defaults = append(defaults, sized(f.name, value))
			}
		}
		who := strings.Join(f.roles, ", ")
		if len(f.roles) == len(roles) {
			who = "all"
		}
		fmt.Fprintf(&b, "| `--%s` | `%s` | %s | %s | %s | %s |\n", f.name, config.EnvName(f.name), strings.Join(defaults, ", "), who, f.usage, f.on(t, settings))
	}
	return b.String()
}

// TestTheTuningTable: docs/kubernetes.md shows every setting, as the flags
// declare them and as k8s/base sets them.
func TestTheTuningTable(t *testing.T) {
	text, err := os.ReadFile(filepath.FromSlash(tuningPage))
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), tuningBegin)
	have, after, ends := strings.Cut(rest, tuningEnd)
	if !begins || !ends {
		t.Fatalf("%s has no place for the table: %q … %q", tuningPage, tuningBegin, tuningEnd)
	}
	want := tuningTable(t)
	if *rewrite {
		if err := os.WriteFile(filepath.FromSlash(tuningPage), []byte(before+tuningBegin+want+tuningEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("%s (go test ./internal/config -run TestTheTuningTable -rewrite writes it anew): %s", tuningPage, diff)
	}
}

// TestTheConfigMapHasSettingsOnly: what no role takes would be ignored without
// a word.
func TestTheConfigMapHasSettingsOnly(t *testing.T) {
	settings := deployed(t)
	for name, value := range settings {
		t.Setenv(name, value)
	}
	for name := range settings {
		if !slices.ContainsFunc(flags(), func(f *flagOf) bool { return config.EnvName(f.name) == name }) {
			t.Errorf("%s has %s, which is no setting", configMap, name)
		}
	}
	for _, role := range roles {
		if _, err := parse(paxos.RoleName(role), needed(role)...); err != nil {
			t.Errorf("%s with %s: %v", role, configMap, err)
		}
	}
}
