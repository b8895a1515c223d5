package esocorpus

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/test/harness"
)

// take does what a step says, and returns the ExternalSecrets as they were.
func (s *scene) take(step *Step, number int) map[string]*unstructured.Unstructured {
	s.t.Helper()
	s.fill(step.Vault)
	s.forget(step.Gone)
	for name, values := range step.Edits {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.Name}}
		s.patch(secret, map[string]any{"stringData": values})
	}
	s.delete(step.Deleted)
	before, err := s.current(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, object := range before {
		s.patch(object.DeepCopy(), map[string]any{"metadata": map[string]any{"annotations": map[string]any{api.Resync: strconv.Itoa(number)}}})
	}
	s.support(step.Objects)
	maps.Copy(before, s.sync(step.Objects))
	return before
}

func (s *scene) patch(object client.Object, with map[string]any) {
	s.t.Helper()
	text, err := json.Marshal(with)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.env.Client.Patch(s.t.Context(), object, client.RawPatch(types.MergePatchType, text)); err != nil {
		s.t.Fatal(err)
	}
}

// delete returns when the ExternalSecrets are gone, and what goes with them.
func (s *scene) delete(names []string) {
	s.t.Helper()
	for _, name := range names {
		object := newObject(kindExternalSecret)
		object.SetName(name)
		object.SetNamespace(s.Name)
		if err := s.env.Client.Delete(s.t.Context(), object, client.PropagationPolicy(metav1.DeletePropagationForeground)); err != nil {
			s.t.Fatal(err)
		}
		harness.Await(s.t, within, func(ctx context.Context) error {
			if err := s.env.Client.Get(ctx, client.ObjectKeyFromObject(object), object); client.IgnoreNotFound(err) != nil || err == nil {
				return errors.Join(err, errors.New(name+" is still there"))
			}
			return nil
		})
	}
}
