package e2e

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/cluster"
	"github.com/countersign/countersign/test/harness"
)

const (
	releaseName = "countersign"
	// within bounds each step that the cluster takes.
	within = 3 * time.Minute
	tenant = "team-e2e"
	// A new build has the same name: pods of the old one are replaced.
	buildAnnotation = "countersign.test/build"
)

// suite is the cluster that the tests run on.
type suite struct {
	env *harness.Env
	// node is nil where the cluster is not of this machine.
	node *cluster.Cluster
	root string
	// image and pause are names with tags.
	image, pause string
	// build tells builds of the image apart.
	build string
}

var shared *suite

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM) //nolint:forbidigo // TestMain has no context.
	defer stop()
	s, err := connect()
	if err == nil {
		err = s.makeNamespace(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	shared = s
	code := m.Run()
	if err := s.env.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return max(code, 1)
	}
	return code
}

func connect() (*suite, error) {
	root, err := harness.ModuleRoot()
	if err != nil {
		return nil, err
	}
	s := &suite{root: root, image: setting("E2E_IMAGE", cluster.Image+":"+cluster.Tag), pause: setting("E2E_PAUSE_IMAGE", cluster.PauseImage)}
	remote := harness.Remote{
		Kubeconfig: os.Getenv("E2E_KUBECONFIG"), VaultAddr: os.Getenv("E2E_VAULT_ADDR"), VaultToken: os.Getenv("E2E_VAULT_TOKEN"),
	}
	if remote.Kubeconfig == "" {
		if s.node, err = cluster.Of(root); err != nil {
			return nil, err
		}
		if remote, err = s.node.Remote(); err != nil {
			return nil, fmt.Errorf("%w: run make cluster", err)
		}
		if s.build, err = hashOf(filepath.Join(root, "bin", "images", "countersign.tar")); err != nil {
			return nil, err
		}
	}
	s.env, err = harness.Connect(remote, harness.Options{Scheme: []func(*runtime.Scheme) error{kesv1.AddToScheme}})
	return s, err
}

func hashOf(path string) (string, error) {
	content, err := os.ReadFile(path)
	return fmt.Sprintf("%x", sha256.Sum256(content)), err
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// makeNamespace makes the tenant's and its secret in Vault.
func (s *suite) makeNamespace(ctx context.Context) error {
	err := s.env.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: tenant}})
	if client.IgnoreAlreadyExists(err) != nil {
		return err
	}
	return s.env.Vault.PutKV(ctx, cluster.Mount, tenant+"/app", map[string]any{"password": "first value"})
}

// onNode is the machine of the node, or the test is skipped.
func onNode(t *testing.T, what string) *cluster.Cluster {
	t.Helper()
	if shared.node == nil {
		t.Skipf("this test cannot %s of another cluster (E2E_KUBECONFIG)", what)
	}
	return shared.node
}

// values of the chart, as a platform team would write them.
func values() map[string]any {
	repository, tag, _ := strings.Cut(shared.image, ":")
	return map[string]any{
		"vault":          map[string]any{"address": shared.env.Vault.Addr},
		"image":          map[string]any{"repository": repository, "tag": tag},
		"podAnnotations": map[string]any{buildAnnotation: shared.build},
		"policy": map[string]any{
			"mounts": map[string]any{cluster.Mount: map[string]any{"kv": 2}},
			"allow": []any{map[string]any{
				"name": "own-tree", "namespaces": map[string]any{"names": []any{"team-*"}},
				"paths": []any{"kubernetes/data/{namespace}/*"}, "roles": []any{cluster.Role},
			}},
		},
	}
}

// helm runs helm, which has to succeed.
func helm(t *testing.T, args ...string) {
	t.Helper()
	output, err := shared.env.Helm(t.Context(), args...)
	if err != nil || output.ExitCode != 0 {
		t.Fatalf("helm %s: %v\n%s%s", strings.Join(args, " "), err, output.Stdout, output.Stderr)
	}
}

// upgrade installs or upgrades the release, and returns when all replicas are
// of it.
func upgrade(t *testing.T, chart string, values map[string]any) {
	t.Helper()
	helm(t, "upgrade", releaseName, chart, "--install", "--namespace="+cluster.ReleaseNamespace, "--create-namespace",
		"--values="+valuesFile(t, values), "--wait", "--timeout="+within.String())
}

func valuesFile(t *testing.T, values map[string]any) string {
	t.Helper()
	content, err := yaml.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func thisChart() string { return filepath.Join(shared.root, "charts", "countersign") }

// released has the release stand, with the image of this checkout. Pods that
// have it stay.
func released(t *testing.T) {
	t.Helper()
	deployment := &appsv1.Deployment{}
	key := client.ObjectKey{Namespace: cluster.ReleaseNamespace, Name: releaseName}
	err := shared.env.Client.Get(t.Context(), key, deployment)
	if err != nil || deployment.Spec.Template.Annotations[buildAnnotation] != shared.build {
		upgrade(t, thisChart(), values())
	}
}

// kubectl runs kubectl, which has to succeed, and returns what it printed.
func kubectl(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	output := tryKubectl(t, stdin, args...)
	if output.ExitCode != 0 {
		t.Fatalf("kubectl %s: %s%s", strings.Join(args, " "), output.Stdout, output.Stderr)
	}
	return output.Stdout
}

func tryKubectl(t *testing.T, stdin string, args ...string) harness.Output {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	output, err := shared.env.Kubectl(ctx, stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return output
}
