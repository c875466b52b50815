package manifests

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const (
	repository = "../.."
	namespace  = "paxos"
)

// rendered is what kubectl apply -k would send, or why it would not.
type rendered struct {
	name    string
	objects []runtime.Object
	err     error
}

// combined are the renderings that no overlay is: base with each component.
const combined = "base + "

// renderings renders everything once: base, every overlay, and base with every
// component. They are shared: whoever changes one takes a clone.
var renderings = sync.OnceValues(func() (map[string]*rendered, error) {
	all := map[string]*rendered{}
	dirs, err := filepath.Glob(filepath.Join(repository, "k8s/overlays/*/kustomization.yaml"))
	if err != nil {
		return nil, err
	}
	for _, dir := range append(dirs, filepath.Join(repository, "k8s/base/kustomization.yaml")) {
		dir = filepath.Dir(dir)
		add(all, filepath.Base(dir), dir)
	}
	components, err := filepath.Glob(filepath.Join(repository, "k8s/components/*/kustomization.yaml"))
	if err != nil {
		return nil, err
	}
	for _, component := range components {
		name := filepath.Base(filepath.Dir(component))
		if name == "network-policies" {
			continue // base has it
		}
		if err := addCombined(all, name); err != nil {
			return nil, err
		}
	}
	return all, nil
})

func add(all map[string]*rendered, name, dir string) {
	r, err := render(dir)
	if err != nil {
		r = &rendered{err: err}
	}
	r.name, all[name] = name, r
}

// addCombined renders base with one component, as an operator's own overlay
// would. Kustomize takes relative paths only.
func addCombined(all map[string]*rendered, component string) (err error) {
	dir, err := os.MkdirTemp("", "paxos-manifests-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return err
	}
	k8s, err := filepath.Abs(filepath.Join(repository, "k8s"))
	if err != nil {
		return err
	}
	if k8s, err = filepath.Rel(dir, k8s); err != nil {
		return err
	}
	text := fmt.Sprintf("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [%s/base]\ncomponents: [%s/components/%s]\n", k8s, k8s, component)
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		return err
	}
	add(all, combined+component, dir)
	return nil
}

// render does what kubectl kustomize does, with the library that is in kubectl.
func render(dir string) (*rendered, error) {
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, err
	}
	return decodeAll(resources)
}

func decodeAll(resources resmap.ResMap) (*rendered, error) {
	r := &rendered{}
	for _, resource := range resources.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			return nil, err
		}
		object, err := decode(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", resource.CurId(), err)
		}
		r.objects = append(r.objects, object)
	}
	return r, nil
}

// decode takes one document for what it says it is, and refuses kinds that the
// API does not have, fields that the kind does not have, and keys said twice.
func decode(text []byte) (runtime.Object, error) {
	object, kind, err := strict().Decode(text, nil, nil)
	if err != nil {
		return nil, err
	}
	object.GetObjectKind().SetGroupVersionKind(*kind)
	return object, nil
}

var strict = sync.OnceValue(func() *json.Serializer {
	return json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, json.SerializerOptions{Yaml: true, Strict: true})
})

// of lists the objects of one type.
func of[T runtime.Object](r *rendered) (list []T) {
	for _, o := range r.objects {
		if o, ok := o.(T); ok {
			list = append(list, o)
		}
	}
	return list
}

// clone is a copy that may be broken.
func (r *rendered) clone() *rendered {
	c := &rendered{name: r.name}
	for _, o := range r.objects {
		c.objects = append(c.objects, o.DeepCopyObject())
	}
	return c
}

// everything gives all renderings that there are, sorted by name.
func everything(t *testing.T) []*rendered {
	t.Helper()
	all, err := renderings()
	if err != nil {
		t.Fatal(err)
	}
	var list []*rendered
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name].err != nil {
			t.Errorf("%s: %v", name, all[name].err)
			continue
		}
		list = append(list, all[name])
	}
	return list
}

// rendering gives one of them.
func rendering(t *testing.T, name string) *rendered {
	t.Helper()
	all, err := renderings()
	if err != nil {
		t.Fatal(err)
	}
	r := all[name]
	if r == nil {
		t.Fatalf("there is no overlay %q", name)
	}
	if r.err != nil {
		t.Fatalf("%s: %v", name, r.err)
	}
	return r
}

func TestEveryOverlayRendersAndDecodes(t *testing.T) {
	missing := []string{"base", "kind", "minikube", "five-acceptors", "production", combined + "nodeports", combined + "ingress", combined + "monitoring", combined + "operators"}
	for _, r := range everything(t) {
		missing = slices.DeleteFunc(missing, func(name string) bool { return name == r.name && len(r.objects) > 30 })
		kinds := map[string]int{}
		seen := map[string]bool{}
		for _, o := range r.objects {
			m, err := meta.Accessor(o)
			if err != nil {
				t.Fatal(err)
			}
			kind := o.GetObjectKind().GroupVersionKind().Kind
			kinds[kind]++
			id := kind + "/" + m.GetNamespace() + "/" + m.GetName()
			if seen[id] {
				t.Errorf("%s: %s is there twice", r.name, id)
			}
			seen[id] = true
		}
		var parts []string
		for _, kind := range slices.Sorted(maps.Keys(kinds)) {
			parts = append(parts, fmt.Sprintf("%d %s", kinds[kind], kind))
		}
		t.Logf("%-22s %3d objects: %s", r.name, len(r.objects), strings.Join(parts, ", "))
	}
	if len(missing) > 0 {
		t.Errorf("not there, or next to empty: %q", missing)
	}
}

func TestTheDecoderIsStrict(t *testing.T) {
	good := "apiVersion: v1\nkind: Service\nmetadata:\n  name: x\nspec:\n  publishNotReadyAddresses: true\n"
	if o, err := decode([]byte(good)); err != nil || !o.(*corev1.Service).Spec.PublishNotReadyAddresses {
		t.Errorf("a right object is refused: %v", err)
	}
	for what, bad := range map[string]string{
		"an unknown field":     strings.Replace(good, "publishNot", "publishnot", 1),
		"a key said twice":     good + "  publishNotReadyAddresses: false\n",
		"a wrong type":         strings.Replace(good, "true", "perhaps", 1),
		"an unknown kind":      strings.Replace(good, "kind: Service", "kind: Servant", 1),
		"an unknown version":   strings.Replace(good, "v1", "v7", 1),
		"an unknown API group": strings.Replace(good, "v1", "paxos.example/v1", 1),
	} {
		if _, err := decode([]byte(bad)); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}

// documents splits a file of YAML into its documents.
func documents(text []byte) (list [][]byte, err error) {
	r := json.YAMLFramer.NewFrameReader(io.NopCloser(bytes.NewReader(text)))
	buffer := make([]byte, 1<<20)
	for {
		n, err := r.Read(buffer)
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		if document := bytes.TrimSpace(buffer[:n]); len(document) > 0 {
			list = append(list, bytes.Clone(document))
		}
	}
}
