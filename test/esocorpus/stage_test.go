package esocorpus

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/harness"
)

const (
	within  = time.Minute
	account = "reader"
	// reader may read and list all there is, but one name.
	reader = `path "*" { capabilities = ["read", "list"] } path "secret/data/+/forbidden" { capabilities = ["deny"] }`
)

// stage is a control plane and a Vault where one controller syncs all cases.
type stage struct {
	env *harness.Env
	// class is the spec.controller of stores.
	class string
	// settled is an error until an ExternalSecret says what is wanted of it, of
	// the state that came after the one before.
	settled func(now, before *unstructured.Unstructured, want Ready) error
	// own are labels and annotations that the controller has on every Secret.
	own func(key string) bool
}

func newStage(t *testing.T) *stage {
	t.Helper()
	env := harness.ForTest(t, harness.Options{})
	installCRDs(t, env)
	vault := env.Vault
	for _, err := range []error{
		vault.EnableKubernetesAuth(t.Context(), "kubernetes"),
		vault.MountKV(t.Context(), "secret", 2),
		vault.MountKV(t.Context(), "legacy", 1),
		vault.WritePolicy(t.Context(), account, reader),
		vault.WriteRole(t.Context(), "kubernetes", harness.Role{
			Name: account, ServiceAccounts: []string{account}, Namespaces: []string{"*"}, Policies: []string{account}, TTL: time.Hour,
		}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return &stage{env: env}
}

// scene is one case on its stage.
type scene struct {
	*stage
	*Case

	t *testing.T
}

// furnish has everything there but the ExternalSecrets, and all stores ready.
func (s *scene) furnish() {
	s.t.Helper()
	s.mount()
	s.fill(s.Vault)
	s.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.Name}})
	s.create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: account, Namespace: s.Name}})
	s.support(append([]unstructured.Unstructured{defaultStore()}, s.Objects...))
}

// support creates the objects that are no ExternalSecrets.
func (s *scene) support(objects []unstructured.Unstructured) {
	s.t.Helper()
	for i := range objects {
		if objects[i].GetKind() == kindExternalSecret {
			continue
		}
		object := s.prepared(&objects[i])
		s.create(object)
		if slices.Contains(storeKinds(), object.GetKind()) {
			s.awaitStore(object)
		}
	}
}

// sync creates the ExternalSecrets, and returns them as they were then.
func (s *scene) sync(objects []unstructured.Unstructured) map[string]*unstructured.Unstructured {
	s.t.Helper()
	created := map[string]*unstructured.Unstructured{}
	for i := range objects {
		if objects[i].GetKind() == kindExternalSecret {
			object := s.prepared(&objects[i])
			s.create(object)
			created[object.GetName()] = object
		}
	}
	return created
}

func (s *scene) create(object client.Object) {
	s.t.Helper()
	if err := s.try(object); err != nil {
		s.t.Fatalf("%s %s: %v", object.GetObjectKind().GroupVersionKind().Kind, object.GetName(), err)
	}
}

func (s *scene) try(object client.Object) error {
	return s.env.Client.Create(s.t.Context(), object, client.FieldValidation("Strict"))
}

// prepared is an object of the case in its namespace, and with a way to Vault.
func (s *scene) prepared(given *unstructured.Unstructured) *unstructured.Unstructured {
	s.t.Helper()
	object := given.DeepCopy()
	s.furnishProvider(object)
	if object.GetKind() != kindClusterStore {
		object.SetNamespace(s.Name)
	}
	return object
}

// current are the ExternalSecrets as they are.
func (s *scene) current(ctx context.Context) (map[string]*unstructured.Unstructured, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(newObject(kindExternalSecret).GroupVersionKind())
	err := s.env.Client.List(ctx, list, client.InNamespace(s.Name))
	found := map[string]*unstructured.Unstructured{}
	for i := range list.Items {
		found[list.Items[i].GetName()] = &list.Items[i]
	}
	return found, err
}

// wants awaits the outcome, with all ExternalSecrets settled other than before.
func (s *scene) wants(when string, before map[string]*unstructured.Unstructured, want *Outcome) {
	s.t.Helper()
	harness.Await(s.t, within, func(ctx context.Context) error {
		now, err := s.current(ctx)
		if err != nil {
			return err
		}
		for name, earlier := range before {
			if err := s.settled(now[name], earlier, want.readyOf(name)); err != nil {
				return fmt.Errorf("%s: %s: %w: status %v: %s", when, name, err, now[name].Object["status"], s.events(ctx))
			}
		}
		return nil
	})
	// For who reads the test's log: that a case fails for what it is about.
	s.t.Log(when, s.events(s.t.Context()))
	if diff := s.compare(want.Secrets); diff != "" {
		s.t.Errorf("%s: Secrets (-want +got):\n%s", when, diff)
	}
}

// events are what the controllers say of the case.
func (s *scene) events(ctx context.Context) []string {
	var list corev1.EventList
	if err := s.env.Client.List(ctx, &list, client.InNamespace(s.Name)); err != nil {
		return []string{err.Error()}
	}
	said := map[string]bool{}
	for i := range list.Items {
		said[list.Items[i].Message] = true
	}
	return slices.Sorted(maps.Keys(said))
}
