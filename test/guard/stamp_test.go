package guard

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
)

// seen is what ESO goes by under refreshPolicy OnChange: it reads again when an
// object's generation, labels or annotations are not those that it saw last.
// https://external-secrets.io/latest/api/externalsecret/#refresh-policy
type seen struct {
	Generation          int64
	Labels, Annotations map[string]string
}

func (n *tenant) seen(name string) seen {
	n.t.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(schema.GroupVersionKind{Group: "external-secrets.io", Version: "v1", Kind: "ExternalSecret"})
	if err := n.env.Client.Get(n.t.Context(), client.ObjectKey{Namespace: n.ns, Name: name}, object); err != nil {
		n.t.Fatal(err)
	}
	annotations := object.GetAnnotations()
	delete(annotations, "kubectl.kubernetes.io/last-applied-configuration")
	return seen{object.GetGeneration(), object.GetLabels(), annotations}
}

// Point 6: ESO reads again when Countersign stamps, and when it does not, ESO
// does not either.
func TestStampHasESORefresh(t *testing.T) {
	n := newTenant(t)
	n.apply(store("vault", "reader"), external("app", "NS/app"))
	created := n.seen("app")
	if created.Annotations[api.StampedAt] == "" || created.Annotations[api.StampedBy] != "" {
		t.Errorf("annotations %v", created.Annotations)
	}
	n.apply(external("app", "NS/app"))
	if diff := cmp.Diff(created, n.seen("app")); diff != "" {
		t.Errorf("an apply that changes nothing: %s", diff)
	}
	n.do("", "annotate", "externalsecrets.external-secrets.io", "app", "-n", n.ns, api.Resync+"=1")
	resynced := n.seen("app")
	if resynced.Annotations[api.StampedAt] <= created.Annotations[api.StampedAt] {
		t.Errorf("not stamped: %v", resynced.Annotations)
	}
	n.apply(external("app", "NS/app", "NS/more"))
	if changed := n.seen("app"); changed.Annotations[api.StampedAt] <= resynced.Annotations[api.StampedAt] || changed.Generation == resynced.Generation {
		t.Errorf("not stamped: %v", changed.Annotations)
	}
}

// A resync of what policy denies by now is refused: ESO would read.
func TestResyncOfAStandingViolationIsRefused(t *testing.T) {
	n := newTenant(t)
	n.apply(store("vault", "reader"), external("app", "NS/app"))
	n.withPolicy("allow: []\ndeny: [{name: tightened, paths: [secret/data/NS/app]}]")
	n.awaitViolations(1)
	output := n.kubectl("", "annotate", "externalsecrets.external-secrets.io", "app", "-n", n.ns, api.Resync+"=1")
	if output.ExitCode == 0 || !strings.Contains(output.Stderr, "tightened") {
		t.Errorf("exit code %d: %s", output.ExitCode, output.Stderr)
	}
	// What asks nothing anew passes, a finalizer's removal among it.
	n.do("", "label", "externalsecrets.external-secrets.io", "app", "-n", n.ns, "x=y")
}

// Where ESO pays no heed to a stamp its user is warned.
func TestStampInVainIsWarnedOf(t *testing.T) {
	n := newTenant(t)
	once := strings.Replace(external("app", "NS/app"), "refreshPolicy: OnChange", "refreshPolicy: CreatedOnce", 1)
	output := n.kubectl(n.manifest(once), "apply", "-f", "-")
	if output.ExitCode != 0 || !strings.Contains(output.Stderr, "Warning: External Secrets Operator reads an ExternalSecret of refreshPolicy CreatedOnce once") {
		t.Errorf("exit code %d: %s", output.ExitCode, output.Stderr)
	}
}
