// Package install shows on a real apiserver that the chart installs in each of
// its modes, that an apiserver takes all that it renders, and what helm does
// with it over the years: upgrades, removal, CRDs that another release had.
package install

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
)

const (
	releaseName      = "countersign"
	releaseNamespace = "countersign-system"
	role             = "kubernetes-external-secrets"
	// within is how long one step may take.
	within = 20 * time.Second
)

func newEnv(t *testing.T) *harness.Env {
	t.Helper()
	return harness.ForTest(t, harness.Options{Scheme: []func(*runtime.Scheme) error{kesv1.AddToScheme}})
}

// others are the kinds that the chart can use and does not bring: those of
// cert-manager and the Prometheus operator, from their own modules.
func installOthers(t *testing.T, env *harness.Env) {
	t.Helper()
	for _, pattern := range []string{
		filepath.Join(moduleFolder(t, "github.com/cert-manager/cert-manager"), "deploy", "crds", "cert-manager.io_*.yaml"),
		filepath.Join(moduleFolder(t, "github.com/prometheus-operator/prometheus-operator"), "example", "prometheus-operator-crd", "*_servicemonitors.yaml"),
		filepath.Join(moduleFolder(t, "github.com/prometheus-operator/prometheus-operator"), "example", "prometheus-operator-crd", "*_prometheusrules.yaml"),
	} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no CRDs at %s: %v", pattern, err)
		}
		for _, file := range files {
			if output := kubectl(t, env, "", "create", "-f", file); output.ExitCode != 0 {
				t.Fatal(output.Stderr)
			}
			wait := kubectl(t, env, "", "wait", "--for=condition=Established", "--timeout=60s", "-f", file)
			if wait.ExitCode != 0 {
				t.Fatal(wait.Stderr)
			}
		}
	}
}

// moduleFolder is where Go keeps a module that test/tools/crds pins.
func moduleFolder(t *testing.T, module string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", module)
	command.Dir = filepath.Join("..", "tools", "crds")
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v", module, err)
	}
	var found struct{ Dir string }
	if err := json.Unmarshal(output, &found); err != nil {
		t.Fatal(err)
	}
	return found.Dir
}

func kubectl(t *testing.T, env *harness.Env, stdin string, args ...string) harness.Output {
	t.Helper()
	output, err := env.Kubectl(t.Context(), stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return output
}

// values of the cases that the chart's own tests render, by name.
func values(t *testing.T) map[string]map[string]any {
	t.Helper()
	const suffix = ".values.yaml"
	files, err := filepath.Glob(filepath.Join("..", "chart", "testdata", "*"+suffix))
	if err != nil || len(files) == 0 {
		t.Fatalf("no values: %v", err)
	}
	byName := map[string]map[string]any{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		one := map[string]any{}
		if err := yaml.Unmarshal(content, &one); err != nil {
			t.Fatal(err)
		}
		byName[strings.TrimSuffix(filepath.Base(file), suffix)] = one
	}
	return byName
}

func render(t *testing.T, env *harness.Env, values map[string]any) []*unstructured.Unstructured {
	t.Helper()
	rendered, err := env.RenderChart(t.Context(), harness.Release{Name: releaseName, Namespace: releaseNamespace, Values: values})
	if err != nil {
		t.Fatal(err)
	}
	return rendered
}

func createNamespace(t *testing.T, env *harness.Env, name string, labels map[string]string) {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	if err := env.Client.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
}

// copied is an object that can be sent once more.
func copied(object *unstructured.Unstructured) client.Object { return object.DeepCopy() }
