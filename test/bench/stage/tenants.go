package stage

import (
	"context"
	"fmt"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// TenantPrefix begins the names of the tenants' namespaces.
	TenantPrefix = "team-"
	// SharedPath is one that many objects read.
	SharedPath = "shared/db"
	// creators at a time.
	creators = 10
)

// Keys are the values that each object asks for.
func Keys() []string { return []string{"a", "b", "c", "d", "e"} }

// Tenants say how many objects there are and what they read.
type Tenants struct {
	Objects int
	// PerNamespace of them; 0: one.
	PerNamespace int
	// Sharing is how many of them, the first ones, read SharedPath. The others
	// read a path of their own.
	Sharing int
}

// Key of an object by its number.
func (t Tenants) Key(i int) client.ObjectKey {
	per := max(t.PerNamespace, 1)
	return client.ObjectKey{Namespace: fmt.Sprintf("%s%d", TenantPrefix, i/per), Name: fmt.Sprintf("app-%d", i%per)}
}

// Path that an object reads, below the mount.
func (t Tenants) Path(i int) string {
	if i < t.Sharing {
		return SharedPath
	}
	key := t.Key(i)
	return key.Namespace + "/" + key.Name
}

// Create puts the secrets into Vault and creates the namespaces, and in them
// what object makes.
func (s *Stage) Create(ctx context.Context, t Tenants, object func(key client.ObjectKey, path string) client.Object) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(creators)
	for i := range t.Objects {
		group.Go(func() error {
			key, path := t.Key(i), t.Path(i)
			if err := s.PutSecret(ctx, path, "1"); err != nil {
				return err
			}
			namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: key.Namespace}}
			if err := s.Env.Client.Create(ctx, namespace); err != nil && !apierrors.IsAlreadyExists(err) {
				return err
			}
			return s.Env.Client.Create(ctx, object(key, path))
		})
	}
	return group.Wait()
}

// PutSecret writes a value for each key.
func (s *Stage) PutSecret(ctx context.Context, path, value string) error {
	data := map[string]any{}
	for _, key := range Keys() {
		data[key] = value
	}
	_, err := s.Env.Vault.Client.Logical().WriteWithContext(ctx, Mount+"/data/"+path, map[string]any{"data": data})
	return err
}

// ExternalSecret is Countersign's object.
func ExternalSecret(key client.ObjectKey, path string) client.Object {
	object := &kesv1.ExternalSecret{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
		Spec:       kesv1.ExternalSecretSpec{BackendType: kesv1.BackendVault, VaultRole: Role},
	}
	for _, name := range Keys() {
		object.Spec.Data = append(object.Spec.Data, kesv1.DataItem{Name: name, Key: Mount + "/data/" + path, Property: new(name)})
	}
	return object
}
