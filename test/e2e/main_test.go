package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/cmd"
)

const (
	root      = "../.."
	name      = "paxos-e2e" // of the kind cluster
	kubectx   = "kind-" + name
	namespace = "paxos"
)

// kubeconfig is this test's own: the user's is neither read nor changed, by
// the test or by any program that it starts.
var kubeconfig string

// TestMain runs nothing without E2E=1, and says so: a test that skips itself
// would look like one that something is missing for.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		if os.Getenv("E2E") != "1" {
			fmt.Println("test/e2e was not run: set E2E=1 (it makes a kind cluster and takes some minutes)")
			return 0
		}
		if err := prepare(); err != nil {
			fmt.Fprintln(os.Stderr, "test/e2e:", err)
			return 1
		}
		return m.Run()
	}())
}

// prepare settles the environment of all that follows, and says what is missing.
func prepare() error {
	for _, tool := range []string{"docker", "kubectl", "bash", "curl", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is needed and was not found (scripts/setup-kubernetes-wsl.sh installs it)", tool)
		}
	}
	if out, err := exec.Command("docker", "info").CombinedOutput(); err != nil {
		return fmt.Errorf("E2E=1 is set, and no Docker engine answers: %w\n%s", err, out)
	}
	if image := os.Getenv("KIND_NODE_IMAGE"); image != "" {
		if out, err := exec.Command("docker", "image", "inspect", "--format", "{{.Id}}", image).CombinedOutput(); err != nil {
			return fmt.Errorf("the node image KIND_NODE_IMAGE=%s is not there: %s", image, out)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	dir := filepath.Join(cache, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	kubeconfig = filepath.Join(dir, "kubeconfig")
	for _, variable := range os.Environ() {
		// What a user has set for a cluster of his own must not lead the scripts there.
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "PAXOS_") && !strings.HasPrefix(name, "PAXOS_E2E_") {
			if err := os.Unsetenv(name); err != nil {
				return err
			}
		}
	}
	return errors.Join(os.Setenv("KUBECONFIG", kubeconfig), os.Setenv("LC_ALL", "C.UTF-8"), os.Setenv("PAXOS_BUILD_NETWORK", "host"))
}

func kind() *cluster.Provider {
	return cluster.NewProvider(cluster.ProviderWithDocker(), cluster.ProviderWithLogger(cmd.NewLogger()))
}

// up makes sure that there is a cluster that answers; what it finds is used.
func (w *world) up() {
	w.t.Helper()
	provider := kind()
	names, err := provider.List()
	w.must(err)
	if slices.Contains(names, name) {
		w.must(provider.ExportKubeConfig(name, kubeconfig, false))
		if w.answers() {
			w.enclose()
			return
		}
		w.t.Logf("the cluster %s does not answer and is made anew", name)
		w.must(provider.Delete(name, kubeconfig))
	}
	began := time.Now()
	options := []cluster.CreateOption{cluster.CreateWithConfigFile(filepath.Join(root, "k8s", "kind.yaml")), cluster.CreateWithKubeconfigPath(kubeconfig),
		cluster.CreateWithWaitForReady(2 * time.Minute), cluster.CreateWithDisplayUsage(false), cluster.CreateWithDisplaySalutation(false)}
	if image := os.Getenv("KIND_NODE_IMAGE"); image != "" {
		options = append(options, cluster.CreateWithNodeImage(image))
	}
	w.must(provider.Create(name, options...))
	w.t.Logf("cluster %s made in %v", name, time.Since(began).Round(time.Second))
	if !w.answers() {
		w.t.Fatalf("the cluster %s does not answer", name)
	}
	w.enclose()
}

// enclose keeps what is sent to a pod that is gone inside of the node. There are
// networks in which something answers for every address, with refusals that
// nobody of ours has given; where nothing does, this changes nothing.
func (w *world) enclose() {
	w.t.Helper()
	nodes, err := kind().ListInternalNodes(name)
	w.must(err)
	for _, n := range nodes {
		ctx, cancel := w.ctx()
		defer cancel()
		described, err := w.kube.CoreV1().Nodes().Get(ctx, n.String(), meta.GetOptions{})
		w.must(err)
		w.must(n.Command("ip", "route", "replace", "unreachable", described.Spec.PodCIDR).Run())
	}
}

// answers connects to the cluster's API server.
func (w *world) answers() bool {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: kubeconfig}, &clientcmd.ConfigOverrides{CurrentContext: kubectx}).ClientConfig()
	if err != nil {
		return false
	}
	config.QPS, config.Burst = 50, 100
	if w.kube, err = kubernetes.NewForConfig(config); err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err = w.kube.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
	return err == nil
}
