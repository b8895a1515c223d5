package install

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/test/harness"
)

const (
	chartDir = "../../charts/countersign"
	crdFile  = "files/crds/kubernetes-client.io_externalsecrets.yaml"
	crdName  = "externalsecrets.kubernetes-client.io"
	// An object of before the install: while nothing serves the webhook, none
	// can be created.
	standing = `apiVersion: kubernetes-client.io/v1
kind: ExternalSecret
metadata: {name: standing, namespace: default}
spec: {backendType: vault, data: [{name: a, key: kubernetes/data/default/app}]}
`
)

// helm is the real one, and must succeed.
func helm(t *testing.T, env *harness.Env, args ...string) {
	t.Helper()
	if output := tryHelm(t, env, args...); output.ExitCode != 0 {
		t.Fatalf("helm %s: %s%s", strings.Join(args, " "), output.Stdout, output.Stderr)
	}
}

func tryHelm(t *testing.T, env *harness.Env, args ...string) harness.Output {
	t.Helper()
	output, err := env.Helm(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return output
}

// installArgs are the README's.
func installArgs(chart string, more ...string) []string {
	return append([]string{"install", releaseName, chart, "-n", releaseNamespace, "--create-namespace", "--set", "vault.address=https://vault.example:8200"}, more...)
}

func do(t *testing.T, env *harness.Env, stdin string, args ...string) string {
	t.Helper()
	output := kubectl(t, env, stdin, args...)
	if output.ExitCode != 0 {
		t.Fatalf("kubectl %s: %s", strings.Join(args, " "), output.Stderr)
	}
	return output.Stdout
}

// olderChart is one whose CRD has no printer columns yet, and that has no
// dashboard.
func olderChart(t *testing.T) string {
	t.Helper()
	older := filepath.Join(t.TempDir(), "countersign")
	if err := os.CopyFS(older, os.DirFS(chartDir)); err != nil {
		t.Fatal(err)
	}
	crd, err := os.ReadFile(filepath.Join(older, crdFile))
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(crd), "  - additionalPrinterColumns:\n")
	_, tail, found := strings.Cut(rest, "    name: v1\n")
	if !found {
		t.Fatal("the CRD has no printer columns to leave out")
	}
	values, err := os.ReadFile(filepath.Join(older, "values.yaml"))
	withoutDashboard := regexp.MustCompile(`(?m)^dashboard:\n( .*\n)+`).ReplaceAll(values, nil)
	err = errors.Join(err,
		os.WriteFile(filepath.Join(older, crdFile), []byte(head+"  - name: v1\n"+tail), 0o600),
		os.WriteFile(filepath.Join(older, "values.yaml"), withoutDashboard, 0o600),
		os.Remove(filepath.Join(older, "templates", "dashboard.yaml")))
	if err != nil || len(withoutDashboard) == len(values) {
		t.Fatalf("no older chart can be made: %v", err)
	}
	return older
}

func printerColumns(t *testing.T, env *harness.Env) []string {
	t.Helper()
	return strings.Fields(do(t, env, "", "get", "crd", crdName, "-o", "jsonpath={.spec.versions[*].additionalPrinterColumns[*].name}"))
}

// TestReleaseLife: the CRD is upgraded with the chart and outlives it, with all
// objects; what guards goes with the release and comes back with it.
func TestReleaseLife(t *testing.T) {
	env := newEnv(t)
	helm(t, env, installArgs(olderChart(t))...)
	if columns := printerColumns(t, env); len(columns) > 0 {
		t.Fatalf("the older CRD has columns: %v", columns)
	}
	// The command for an emergency, of docs/failing-closed.md.
	do(t, env, "", "delete", "validatingwebhookconfiguration", "countersign")
	do(t, env, standing, "create", "-f", "-")

	helm(t, env, "upgrade", releaseName, chartDir, "-n", releaseNamespace, "--reset-then-reuse-values")
	if columns := printerColumns(t, env); !slices.Contains(columns, "Ready") {
		t.Errorf("the CRD was not upgraded: columns are %v", columns)
	}
	if output := kubectl(t, env, strings.ReplaceAll(standing, "standing", "new"), "create", "-f", "-"); output.ExitCode == 0 {
		t.Error("the upgrade did not put the webhook back")
	}
	do(t, env, "", "-n", releaseNamespace, "patch", "secret", "countersign-webhook-cert", "--type=merge", "-p", `{"stringData":{"tls.crt":"rotated"}}`)
	helm(t, env, "upgrade", releaseName, chartDir, "-n", releaseNamespace, "--reset-then-reuse-values")

	helm(t, env, "uninstall", releaseName, "-n", releaseNamespace)
	if diff := cmp.Diff([]string{"secret/countersign-webhook-cert"}, leftovers(t, env)); diff != "" {
		t.Errorf("after the removal (-want +got):\n%s", diff)
	}
	do(t, env, "", "get", "externalsecret", "standing", "-n", "default")
	if kept := do(t, env, "", "-n", releaseNamespace, "get", "secret", "countersign-webhook-cert", "-o", "jsonpath={.data.tls\\.crt}"); kept == "" {
		t.Error("an upgrade or the removal emptied the certificate's Secret")
	}

	helm(t, env, installArgs(chartDir)...)
	do(t, env, "", "get", "externalsecret", "standing", "-n", "default")
}

// leftovers are what a release leaves behind, but for the CRD and helm's own.
func leftovers(t *testing.T, env *harness.Env) []string {
	t.Helper()
	const kinds = "deployments,services,configmaps,secrets,roles,rolebindings,serviceaccounts,leases,poddisruptionbudgets," +
		"clusterroles,clusterrolebindings,mutatingwebhookconfigurations,validatingwebhookconfigurations," +
		"validatingadmissionpolicies,validatingadmissionpolicybindings"
	out := do(t, env, "", "get", kinds, "-A", "-l", "app.kubernetes.io/instance="+releaseName, "-o", "name")
	return strings.Fields(out)
}

// TestCRDOfAnotherRelease: it is left alone, unless the install is told to take
// it over; then it is the chart's, and outlives the other release.
func TestCRDOfAnotherRelease(t *testing.T) {
	env := newEnv(t)
	helm(t, env, "install", "kes", chartWithCRD(t), "-n", "kes", "--create-namespace")
	do(t, env, standing, "create", "-f", "-")

	if output := tryHelm(t, env, installArgs(chartDir)...); output.ExitCode == 0 || !strings.Contains(output.Stderr, "invalid ownership metadata") {
		t.Errorf("took the CRD over unasked: exit code %d, %s", output.ExitCode, output.Stderr)
	}
	helm(t, env, installArgs(chartDir, "--take-ownership")...)
	if owner := ownerOf(t, env); owner != "countersign" {
		t.Errorf("the CRD belongs to release %q", owner)
	}
	// Helm 4 looks who owns what it deletes. Helm 3 does not: see the README.
	helm(t, env, "uninstall", "kes", "-n", "kes")
	do(t, env, "", "get", "externalsecret", "standing", "-n", "default")
}

// TestCRDLeftOut: with crds.install=false a CRD that stands is none of the
// release's business.
func TestCRDLeftOut(t *testing.T) {
	env := newEnv(t)
	do(t, env, "", "create", "-f", filepath.Join(chartDir, crdFile))
	do(t, env, "", "wait", "--for=condition=Established", "crd/"+crdName)
	do(t, env, standing, "create", "-f", "-")
	helm(t, env, installArgs(chartDir, "--set", "crds.install=false")...)
	if owner := ownerOf(t, env); owner != "" {
		t.Errorf("the CRD belongs to release %q", owner)
	}
	helm(t, env, "uninstall", releaseName, "-n", releaseNamespace)
	do(t, env, "", "get", "externalsecret", "standing", "-n", "default")
}

func ownerOf(t *testing.T, env *harness.Env) string {
	t.Helper()
	var crd struct {
		Metadata struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal([]byte(do(t, env, "", "get", "crd", crdName, "-o", "json")), &crd); err != nil {
		t.Fatal(err)
	}
	return crd.Metadata.Annotations["meta.helm.sh/release-name"]
}

// chartWithCRD is of somebody who has the CRD among the templates.
func chartWithCRD(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	crd, err := os.ReadFile(filepath.Join(chartDir, crdFile))
	err = errors.Join(err,
		os.Mkdir(filepath.Join(folder, "templates"), fs.ModePerm),
		os.WriteFile(filepath.Join(folder, "Chart.yaml"), []byte("apiVersion: v2\nname: kes\nversion: 1.0.0\n"), 0o600),
		os.WriteFile(filepath.Join(folder, "templates", "crd.yaml"), crd, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return folder
}
