package controller

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/countersign/countersign/api"
)

// managedByLabel and its value mark Secrets that Countersign wrote.
const (
	managedByLabel = "app.kubernetes.io/managed-by"
	managedBy      = "countersign"
)

// notOwned refuses a Secret that belongs to somebody else. It stays untouched.
func notOwned(source api.Source, secret *standing) *failure {
	if secret.isGone() || owns(source, secret.meta) {
		return nil
	}
	if len(secret.meta.OwnerReferences) > 0 {
		owner := secret.meta.OwnerReferences[0]
		return &failure{reason: reasonSecretNotOwned, message: fmt.Sprintf(
			"Secret %s belongs to %s %s; rename this object or delete the other", source.GetName(), owner.Kind, owner.Name)}
	}
	return &failure{reason: reasonSecretNotOwned, message: fmt.Sprintf(
		"Secret %s exists and was not made by Countersign; delete it, rename this object, or annotate the Secret with %s=%s to hand it over",
		source.GetName(), api.Adopt, source.GetName())}
}

// owns is the ownership table of the design.
func owns(source api.Source, secret *metav1.PartialObjectMetadata) bool {
	for _, owner := range secret.OwnerReferences {
		if owner.UID == source.GetUID() {
			return true
		}
		if isPredecessor(source, owner) && secret.Labels[managedByLabel] == managedBy {
			return true
		}
	}
	return len(secret.OwnerReferences) == 0 && secret.Annotations[api.Adopt] == source.GetName()
}

// isPredecessor recognizes an earlier object of the same kind and name: the
// Secret outlived it in a backup or an orphaning delete.
func isPredecessor(source api.Source, owner metav1.OwnerReference) bool {
	kind := source.GetObjectKind().GroupVersionKind()
	group, err := schema.ParseGroupVersion(owner.APIVersion)
	return err == nil && group.Group == kind.Group && owner.Kind == kind.Kind && owner.Name == source.GetName()
}
