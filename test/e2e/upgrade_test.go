package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/cluster"
)

// product is what a commit must have changed to be worth an upgrade.
const product = "api charts cmd config controller policy webhook go.mod"

// From the chart and image before to those of this checkout, and back: no
// admission fails, what stood stands, and nothing is read anew.
func TestLoadUpgradeAndRollback(t *testing.T) {
	checkout := previous(t)
	removeRelease(t)
	former := values()
	former["image"] = map[string]any{"repository": cluster.Image, "tag": "previous"}
	former["podAnnotations"] = map[string]any{buildAnnotation: "previous"}
	upgrade(t, filepath.Join(checkout, "charts", "countersign"), former)
	before := settled(t)
	kubectl(t, externalSecret("keeper", "kubernetes/data/team-e2e/app"), "apply", "-f", "-")
	kubectl(t, "", "wait", "externalsecret/keeper", "--namespace="+tenant, "--for=condition=Ready", "--timeout=1m")
	kept := keeper(t)
	l := startLoad(t)

	upgrade(t, thisChart(), values())
	before = settled(t, before...)
	kept.unchanged(t, "upgraded")

	helm(t, "rollback", releaseName, "--namespace="+cluster.ReleaseNamespace, "--wait", "--timeout="+within.String())
	settled(t, before...)
	kept.unchanged(t, "rolled back")
	synced(t)

	counted := l.End()
	t.Log(counted)
	nothingFailed(t, counted)
}

// state is what an object and its Secret are.
type state struct {
	Spec          kesv1.ExternalSecretSpec
	Status        kesv1.ExternalSecretStatus
	Annotations   map[string]string
	Secret        map[string][]byte
	SecretVersion string
}

func keeper(t *testing.T) state {
	t.Helper()
	key := client.ObjectKey{Namespace: tenant, Name: "keeper"}
	object, secret := &kesv1.ExternalSecret{}, &corev1.Secret{}
	if err := shared.env.Client.Get(t.Context(), key, object); err != nil {
		t.Fatal(err)
	}
	if err := shared.env.Client.Get(t.Context(), key, secret); err != nil {
		t.Fatal(err)
	}
	return state{
		Spec: object.Spec, Status: object.Status, Annotations: object.Annotations,
		Secret: secret.Data, SecretVersion: secret.ResourceVersion,
	}
}

func (s state) unchanged(t *testing.T, when string) {
	t.Helper()
	if diff := cmp.Diff(s, keeper(t)); diff != "" {
		t.Errorf("%s (-before +now):\n%s", when, diff)
	}
}

// previous is a checkout of the last commit before this one that changed the
// product, or of E2E_PREVIOUS; the node has its image.
func previous(t *testing.T) string {
	t.Helper()
	node := onNode(t, "bring an image to the nodes")
	commit := os.Getenv("E2E_PREVIOUS")
	if commit == "" {
		if exec.CommandContext(t.Context(), "git", "-C", shared.root, "rev-parse", "--verify", "--quiet", "HEAD~1").Run() != nil {
			t.Skip("this clone has no history: E2E_PREVIOUS names no commit, and there is none before this one")
		}
		commit = strings.TrimSpace(command(t, shared.root, "git", append([]string{"log", "-1", "--format=%H", "HEAD~1", "--"}, strings.Fields(product)...)...))
	}
	t.Logf("previous: %s", command(t, shared.root, "git", "log", "-1", "--oneline", commit))
	folder := t.TempDir()
	archive := filepath.Join(folder, "checkout.tar")
	command(t, shared.root, "git", "archive", "--output="+archive, commit)
	checkout := filepath.Join(folder, "checkout")
	if err := os.Mkdir(checkout, 0o700); err != nil {
		t.Fatal(err)
	}
	command(t, checkout, "tar", "--extract", "--file="+archive)
	command(t, checkout, "go", "build", "-buildvcs=false", "-o", "countersign", "./cmd/countersign")
	image := filepath.Join(folder, "image.tar")
	command(t, checkout, filepath.Join(shared.root, "bin", "image"), "-output", image, "-name", cluster.Image+":previous", "countersign")
	if err := node.Import(t.Context(), image); err != nil {
		t.Fatal(err)
	}
	return checkout
}

func command(t *testing.T, folder, name string, args ...string) string {
	t.Helper()
	running := exec.CommandContext(t.Context(), name, args...)
	running.Dir = folder
	running.Env = append(os.Environ(), "CGO_ENABLED=0")
	output, err := running.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", running, err, output)
	}
	return string(output)
}
