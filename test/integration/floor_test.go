package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
)

// floorPaths are paths and what the floor says of them; empty is a path that
// is left to the webhook.
func floorPaths() map[string]string {
	return map[string]string{
		".": floorSegment, "..": floorSegment, "./a/b": floorSegment, "../a/b": floorSegment, "a/./b": floorSegment, "a/../b": floorSegment,
		"a/b/.": floorSegment, "a/b/..": floorSegment, "a/../../sys/health": floorSegment, "a/b/..?version=1": floorSegment, "a/b/..#x": floorSegment,
		"": floorSegment, "/": floorSegment, "/a/b": floorSegment, "a/b/": floorSegment, "a//b": floorSegment, "a/b/?version=1": floorSegment, "?version=1": floorSegment,
		"a/b\tc": floorControl, "a/b\nc": floorControl, "a/b\rc": floorControl, "a\x00/b": floorControl, "a/b\x7f": floorControl, "a/b\u0085": floorControl, "\na/b": floorControl,
		"sys/health": floorReserved, "auth/token/lookup-self": floorReserved, "identity/entity/id/x": floorReserved, "cubbyhole/x": floorReserved,
		"SYS/health": floorReserved, "Auth/token/create": floorReserved, "iDentity/x": floorReserved, "Cubbyhole/x": floorReserved, "sys": floorReserved, "sys?version=1": floorReserved, "sys#x": floorReserved,
		"a/foo..bar": "", "a/..foo": "", "a/foo..": "", "a/...": "", "a/.hidden": "", "a/b?version=2": "",
		"system/x": "", "a/sys": "", "authors/x": "", "a/b c": "", "a/ü": "",
	}
}

// floorFields are the fields that carry a path, each with this one in second
// place.
func floorFields(path string) map[string]any {
	item := func(key string) map[string]any { return map[string]any{"name": "a", "key": key} }
	return map[string]any{
		"data":                []any{item("a/fine"), item(path)},
		"dataFrom":            []any{"a/fine", path},
		"dataFromWithOptions": []any{map[string]any{"key": "a/fine"}, map[string]any{"key": path}},
	}
}

// tryCreate is what the apiserver answers to the creation of an object that
// asks for a path in one field. Nothing is stored.
func (n *tenant) tryCreate(backend, field string, paths any) error {
	object := &unstructured.Unstructured{Object: map[string]any{
		"spec": map[string]any{"backendType": backend, "vaultRole": role, field: paths},
	}}
	object.SetGroupVersionKind(kesv1.GroupVersion().WithKind(kesv1.Kind))
	object.SetNamespace(n.ns)
	object.SetName("probe")
	return n.env.Client.Create(n.t.Context(), object, client.DryRunAll)
}

// says is an error where a request was not refused with these words, or not
// admitted where there are none.
func says(err error, want string) error {
	switch {
	case want == "" && err != nil:
		return fmt.Errorf("refused: %w", err)
	case want != "" && err == nil:
		return errors.New("admitted")
	case want != "" && !strings.Contains(err.Error(), want):
		return fmt.Errorf("refused with %w, want %q", err, want)
	}
	return nil
}

// withoutWebhooks does something while no webhook refuses and none answers.
func (n *tenant) withoutWebhooks(act func()) {
	n.t.Helper()
	defer n.reinstall(n.t)
	n.withoutProcess(func() {
		n.do("", "delete", "validatingwebhookconfiguration", n.release.Name)
		n.awaitAdmitted(reads("kubernetes/data/other/app"))
		act()
	})
}

// The floor holds with the webhooks gone: in every field that carries a path,
// and for nothing else.
func TestFloorHoldsWithoutWebhooks(t *testing.T) {
	n := newTenant(t)
	n.withoutWebhooks(func() {
		for path, want := range floorPaths() {
			for field, paths := range floorFields(path) {
				if err := says(n.tryCreate("vault", field, paths), want); err != nil {
					t.Errorf("%q in %s: %v", path, field, err)
				}
				if err := n.tryCreate("secretsManager", field, paths); err != nil {
					t.Errorf("%q in %s of another backend: %v", path, field, err)
				}
			}
		}
	})
}

// An object that is older than the floor keeps what it has: only a changed
// spec is looked at, and that whole.
func TestFloorAndExistingObjects(t *testing.T) {
	n := newTenant(t)
	object := &kesv1.ExternalSecret{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.ns, Name: "app"},
		Spec:       kesv1.ExternalSecretSpec{BackendType: kesv1.BackendVault, VaultRole: role, DataFrom: []string{"sys/health", "a/../b"}},
	}
	n.withoutWebhooks(func() {
		n.withoutFloor(func() {
			if err := n.env.Client.Create(t.Context(), object); err != nil {
				t.Fatal(err)
			}
		})
		steps := []struct {
			what, want string
			change     func(*kesv1.ExternalSecret)
		}{
			{"a label", "", func(e *kesv1.ExternalSecret) { e.Labels = map[string]string{"x": "y"} }},
			{"a finalizer", "", func(e *kesv1.ExternalSecret) { e.Finalizers = []string{"example.com/hold"} }},
			{"the same spec again", "", func(*kesv1.ExternalSecret) {}},
			{"one forbidden path of two less", floorReserved, func(e *kesv1.ExternalSecret) { e.Spec.DataFrom = e.Spec.DataFrom[:1] }},
			{"another field of the spec", floorSegment, func(e *kesv1.ExternalSecret) { e.Spec.VaultRole = "other" }},
			{"no finalizer", "", func(e *kesv1.ExternalSecret) { e.Finalizers = nil }},
			{"no forbidden path", "", func(e *kesv1.ExternalSecret) { e.Spec.DataFrom = []string{"a/b"} }},
		}
		for _, step := range steps {
			changed := n.get("app")
			step.change(changed)
			if err := says(n.env.Client.Update(t.Context(), changed), step.want); err != nil {
				t.Errorf("%s: %v", step.what, err)
			}
		}
		if err := n.env.Client.Delete(t.Context(), object); err != nil {
			t.Error(err)
		}
	})
}

// withoutFloor does something while the floor is not in force.
func (n *tenant) withoutFloor(act func()) {
	n.t.Helper()
	binding := n.asJSON("", "get", "validatingadmissionpolicybinding", n.release.Name+"-floor")
	n.do("", "delete", "validatingadmissionpolicybinding", binding.GetName())
	n.awaitAdmitted(reads("sys/health"))
	act()
	unstructured.RemoveNestedField(binding.Object, "metadata", "resourceVersion")
	n.do(toText(n.t, binding.Object), "create", "-f", "-")
	harness.Await(n.t, within, func(context.Context) error {
		return says(n.tryCreate("vault", "dataFrom", []any{"sys/health"}), floorReserved)
	})
}

// Objects of any size that the apiserver takes are judged by the floor: what it
// costs stays below the apiserver's limits, or the object is refused.
func TestFloorCost(t *testing.T) {
	n := newTenant(t)
	paths := make([]any, 100)
	for i := range paths {
		paths[i] = fmt.Sprintf("kubernetes/data/%s/%d%s", n.ns, i, strings.Repeat("x", 480))
	}
	if err := n.tryCreate("vault", "dataFrom", paths); err != nil {
		t.Errorf("100 long paths: %v", err)
	}
	for _, path := range []string{"kubernetes/data/", "sys/", "kubernetes/../"} {
		err := n.tryCreate("vault", "dataFrom", []any{path + strings.Repeat("x", 1<<20)})
		if err == nil || len(err.Error()) > maxDenial {
			t.Errorf("%s and 1 MB: %.500v", path, err)
		}
	}
}
