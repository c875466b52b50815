package manifests

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	"sigs.k8s.io/kustomize/api/types"
)

// alone are files under k8s/ that no kustomization names, with the reason.
var alone = map[string]string{
	"kind.yaml": "for kind create cluster --config (TestKindOpensTheNodePorts)",
	"components/monitoring/servicemonitor.yaml": "applied by hand, where the Prometheus operator is (TestThePodMonitor)",
}

// TestEveryFileIsUsed goes from the overlays and components to all that they
// name, and from every kustomization on.
func TestEveryFileIsUsed(t *testing.T) {
	k8s := os.DirFS(filepath.Join(repository, "k8s"))
	used := map[string]bool{}
	var missing []string
	roots, err := fs.Glob(k8s, "overlays/*")
	if err != nil {
		t.Fatal(err)
	}
	components, err := fs.Glob(k8s, "components/*")
	if err != nil {
		t.Fatal(err)
	}
	for todo := append(roots, components...); len(todo) > 0; todo = todo[1:] {
		if used[todo[0]] {
			continue
		}
		used[todo[0]] = true
		info, err := fs.Stat(k8s, todo[0])
		if err != nil {
			missing = append(missing, todo[0])
			continue
		}
		if info.IsDir() {
			named, err := namedIn(k8s, todo[0])
			if err != nil {
				t.Fatal(err)
			}
			todo = append(todo, named...)
		}
	}
	if len(missing) > 0 {
		t.Errorf("named, and not there: %q", missing)
	}
	err = fs.WalkDir(k8s, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !used[name] && alone[name] == "" {
			t.Errorf("k8s/%s is used by nothing", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range alone {
		if _, err := fs.Stat(k8s, name); err != nil || used[name] {
			t.Errorf("k8s/%s is not there, or used after all", name)
		}
	}
}

// namedIn lists what a directory's kustomization names, itself included.
func namedIn(k8s fs.FS, dir string) ([]string, error) {
	file := path.Join(dir, "kustomization.yaml")
	text, err := fs.ReadFile(k8s, file)
	if err != nil {
		return nil, err
	}
	var k types.Kustomization
	if err := k.Unmarshal(text); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	names := slices.Concat(k.Resources, k.Components)
	for _, p := range k.Patches {
		if p.Path != "" {
			names = append(names, p.Path)
		}
	}
	for _, g := range k.ConfigMapGenerator {
		for _, f := range g.FileSources {
			_, after, renamed := strings.Cut(f, "=")
			if !renamed {
				after = f
			}
			names = append(names, after)
		}
	}
	for i, name := range names {
		names[i] = path.Join(dir, name)
	}
	return append(names, file), nil
}

// TestNoKeyIsSaidTwice: in its own files kustomize forgets the first of two, so
// that the rendered objects do not show it.
func TestNoKeyIsSaidTwice(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(filepath.Join(repository, "k8s"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		seen++
		for _, finding := range twice(text) {
			t.Errorf("%s: %s", name, finding)
		}
		return nil
	})
	if err != nil || seen < 30 {
		t.Errorf("%d files read: %v", seen, err)
	}
	if found := twice([]byte("a: 1\nb: {c: 1, c: 2}\n")); len(found) != 1 {
		t.Errorf("a key that is said twice is not seen: %v", found)
	}
}

func twice(text []byte) (found []string) {
	list, err := documents(text)
	if err != nil {
		return []string{err.Error()}
	}
	for _, document := range list {
		var whatever any
		if err := yaml.Unmarshal(document, &whatever); err != nil {
			found = append(found, err.Error())
		}
	}
	return found
}

func TestKindOpensTheNodePorts(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository, "k8s/kind.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range checkKind(text) {
		t.Error(finding)
	}
	for what, bad := range map[string]string{
		"another address":   strings.Replace(string(text), "listenAddress: 127.0.0.1", "listenAddress: 0.0.0.0", 1),
		"no address":        strings.Replace(string(text), "listenAddress: 127.0.0.1, ", "", 1),
		"another host port": strings.Replace(string(text), "hostPort: 30402", "hostPort: 40402", 1),
		"a port twice":      strings.ReplaceAll(string(text), "30402", "30401"),
		"an unknown field":  strings.Replace(string(text), "hostPort", "hostport", 1),
	} {
		if len(checkKind([]byte(bad))) == 0 {
			t.Errorf("kind.yaml with %s is taken", what)
		}
	}
}

// checkKind: just the node ports of all nodes that any overlay has, at 127.0.0.1
// and at no other address: nodes trust whoever reaches them.
func checkKind(text []byte) []string {
	var f findings
	var cluster v1alpha4.Cluster
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&cluster); err != nil {
		return []string{err.Error()}
	}
	f.expect("kind.yaml is", cluster.APIVersion+" "+cluster.Kind, "kind.x-k8s.io/v1alpha4 Cluster")
	var have, want []string
	for _, n := range cluster.Nodes {
		for _, m := range n.ExtraPortMappings {
			have = append(have, fmt.Sprintf("%s %s:%d to %d", m.Protocol, m.ListenAddress, m.HostPort, m.ContainerPort))
		}
	}
	for _, id := range shapes["five-acceptors"].ids() {
		want = append(want, fmt.Sprintf("TCP 127.0.0.1:%d to %[1]d", nodePort(id)))
	}
	slices.Sort(have)
	slices.Sort(want)
	f.expect("what kind.yaml opens", have, want)
	return f
}

func TestTheDockerfile(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range checkDockerfile(string(text)) {
		t.Error(finding)
	}
	for what, bad := range map[string]string{
		"a mount":          strings.Replace(string(text), "RUN go mod", "RUN --mount=type=cache,target=/root go mod", 1),
		"a syntax line":    "# syntax=docker/dockerfile:1\n" + string(text),
		"another base":     strings.Replace(string(text), "FROM scratch", "FROM alpine", 1),
		"another compiler": strings.Replace(string(text), "golang:1.26", "golang:latest", 1),
		"root":             strings.Replace(string(text), "USER 65532", "USER 0", 1),
		"libc":             strings.Replace(string(text), "CGO_ENABLED=0", "CGO_ENABLED=1", 1),
		"a heredoc":        strings.Replace(string(text), "RUN go mod download", "RUN <<EOF\ngo mod download\nEOF", 1),
		"a build platform": strings.Replace(string(text), "FROM golang", "FROM --platform=$BUILDPLATFORM golang", 1),
	} {
		if bad == string(text) || len(checkDockerfile(bad)) == 0 {
			t.Errorf("a Dockerfile with %s is taken", what)
		}
	}
}

// checkDockerfile: it must build with BuildKit and without, and what comes out
// is static programs and a number for a user.
func checkDockerfile(text string) []string {
	var f findings
	var from, users []string
	whole := strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.Lines(whole) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		comment := strings.HasPrefix(words[0], "#")
		switch {
		case comment && strings.HasPrefix(strings.ReplaceAll(strings.ToLower(line), " ", ""), "#syntax="):
			f.say("a syntax line asks a registry for a builder")
		case comment:
		case words[0] == "FROM":
			from = append(from, words[1])
		case words[0] == "USER":
			users = append(users, words[1])
		case strings.Contains(line, "<<"), slices.ContainsFunc(words, func(w string) bool {
			return strings.HasPrefix(w, "--mount") || strings.HasPrefix(w, "--link") || strings.HasPrefix(w, "--chmod") || strings.HasPrefix(w, "--network")
		}):
			f.say("only BuildKit knows: %s", strings.TrimSpace(line))
		}
	}
	f.expect("the stages", from, []string{"golang:1.26", "scratch"})
	if len(users) != 1 || users[0] != "65532:65532" && users[0] != "65532" {
		f.say("the user is %q, not 65532", users)
	}
	for _, want := range []string{"CGO_ENABLED=0", "-trimpath", "-tags nomsgpack", "stampedVersion", "stampedCommit"} {
		if !strings.Contains(whole, want) {
			f.say("it does not say %s", want)
		}
	}
	return f
}
