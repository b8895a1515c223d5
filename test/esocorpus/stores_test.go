package esocorpus

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/harness"
)

const (
	kindExternalSecret = "ExternalSecret"
	kindStore          = "SecretStore"
	kindClusterStore   = "ClusterSecretStore"
	kindGenerator      = "VaultDynamicSecret"
)

func storeKinds() []string { return []string{kindStore, kindClusterStore} }

func newObject(kind string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(schema.GroupVersionKind{Group: "external-secrets.io", Version: "v1", Kind: kind})
	return object
}

// defaultStore is of KV version 2 at secret/.
func defaultStore() unstructured.Unstructured {
	store := newObject(kindStore)
	store.SetName("vault")
	store.Object["spec"] = map[string]any{"provider": map[string]any{"vault": map[string]any{"path": "secret"}}}
	return *store
}

// furnishProvider has a store, or a generator, log in to Vault as the
// ServiceAccount of the namespace that uses it.
func (s *scene) furnishProvider(object *unstructured.Unstructured) {
	path := []string{"spec", "provider"}
	switch object.GetKind() {
	case kindStore, kindClusterStore:
		path = append(path, "vault")
	case kindGenerator:
	default:
		return
	}
	provider, _, err := unstructured.NestedMap(object.Object, path...)
	if err != nil {
		s.t.Fatal(err)
	}
	provider["server"] = s.env.Vault.Addr
	provider["auth"] = map[string]any{"kubernetes": map[string]any{
		"mountPath": "kubernetes", "role": account, "serviceAccountRef": map[string]any{"name": account},
	}}
	err = unstructured.SetNestedMap(object.Object, provider, path...)
	if err == nil && s.class != "" {
		err = unstructured.SetNestedField(object.Object, s.class, "spec", "controller")
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// awaitStore keeps a case that has to fail from failing for want of a store.
func (s *scene) awaitStore(store *unstructured.Unstructured) {
	s.t.Helper()
	if s.class != "" {
		return
	}
	harness.Await(s.t, within, func(ctx context.Context) error {
		if err := s.env.Client.Get(ctx, client.ObjectKeyFromObject(store), store); err != nil {
			return err
		}
		if ready := condition(store, "Ready"); ready.Status != "True" {
			return fmt.Errorf("%s %s is not ready: %v", store.GetKind(), store.GetName(), ready)
		}
		return nil
	})
}

// condition of an object; without status if there is none of that type.
func condition(object *unstructured.Unstructured, kind string) Ready {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, one := range conditions {
		if fields, ok := one.(map[string]any); ok && fields["type"] == kind {
			status, _ := fields["status"].(string)
			reason, _ := fields["reason"].(string)
			message, _ := fields["message"].(string)
			return Ready{Status: status, Reason: reason, Says: message}
		}
	}
	return Ready{}
}
