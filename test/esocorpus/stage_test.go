package esocorpus

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
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
	for _, given := range append([]unstructured.Unstructured{defaultStore()}, s.Objects...) {
		if given.GetKind() == kindExternalSecret {
			continue
		}
		object := s.prepared(&given)
		s.create(object)
		if slices.Contains(storeKinds(), object.GetKind()) {
			s.awaitStore(object)
		}
	}
}

// sync creates the ExternalSecrets, and returns them as they were then.
func (s *scene) sync() map[string]*unstructured.Unstructured {
	s.t.Helper()
	created := map[string]*unstructured.Unstructured{}
	for _, object := range s.Objects {
		if object.GetKind() == kindExternalSecret {
			object := s.prepared(&object)
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
	found := map[string]*unstructured.Unstructured{}
	for _, name := range s.external() {
		object := newObject(kindExternalSecret)
		if err := s.env.Client.Get(ctx, client.ObjectKey{Namespace: s.Name, Name: name}, object); err != nil {
			return nil, err
		}
		found[name] = object
	}
	return found, nil
}

// await returns when all ExternalSecrets are settled, other than before.
func (s *scene) await(before map[string]*unstructured.Unstructured, want Ready) {
	s.t.Helper()
	harness.Await(s.t, within, func(ctx context.Context) error {
		now, err := s.current(ctx)
		if err != nil {
			return err
		}
		for name, earlier := range before {
			if err := s.settled(now[name], earlier, want); err != nil {
				return fmt.Errorf("%s: %w: status %v: %s", name, err, now[name].Object["status"], s.events(ctx))
			}
		}
		return nil
	})
}

// wants awaits the outcome, and compares it.
func (s *scene) wants(when string, before map[string]*unstructured.Unstructured, want *Outcome) {
	s.t.Helper()
	s.await(before, want.Ready)
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

// take does what a step says, and returns the ExternalSecrets as they were.
func (s *scene) take(step *Step, number int) map[string]*unstructured.Unstructured {
	s.t.Helper()
	s.fill(step.Vault)
	s.forget(step.Gone)
	before, err := s.current(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, object := range before {
		patch := client.RawPatch("application/merge-patch+json",
			[]byte(`{"metadata":{"annotations":{"`+api.Resync+`":"`+strconv.Itoa(number)+`"}}}`))
		if err := s.env.Client.Patch(s.t.Context(), object.DeepCopy(), patch); err != nil {
			s.t.Fatal(err)
		}
	}
	return before
}
