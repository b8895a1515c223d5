package controller

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/countersign/countersign/api"
)

// managedByLabel and its value mark Secrets that Countersign wrote.
const (
	managedByLabel = "app.kubernetes.io/managed-by"
	managedBy      = "countersign"
)

// notOwned refuses a Secret that belongs to somebody else. It stays untouched.
// An object that only adds to one finds out when it does.
func notOwned(this *attempt) *failure {
	if this.secret.isGone() || this.plan.Target.Creation.Merges() || owns(this) {
		return nil
	}
	meta := this.secret.meta
	if len(meta.OwnerReferences) > 0 {
		owner := meta.OwnerReferences[0]
		return &failure{reason: reasonSecretNotOwned, message: fmt.Sprintf(
			"Secret %s belongs to %s %s; rename this object or delete the other", meta.Name, owner.Kind, owner.Name)}
	}
	return &failure{reason: reasonSecretNotOwned, message: fmt.Sprintf(
		"Secret %s exists and was not made by Countersign; delete it, rename this object, or annotate the Secret with %s=%s to hand it over",
		meta.Name, api.Adopt, this.source.GetName())}
}

// owns is the ownership table of the design.
func owns(this *attempt) bool {
	source, secret := this.source, this.secret.meta
	for _, owner := range secret.OwnerReferences {
		if owner.UID == source.GetUID() {
			return true
		}
		if isPredecessor(source, owner) && secret.Labels[managedByLabel] == managedBy {
			return true
		}
	}
	return len(secret.OwnerReferences) == 0 && (isHandedOver(this) || wroteBefore(this))
}

func isHandedOver(this *attempt) bool {
	return !this.secret.isGone() && this.secret.meta.Annotations[api.Adopt] == this.source.GetName()
}

// isNowHandedOver: what failed because it was somebody else's is no longer.
func isNowHandedOver(this *attempt, retry *api.Retry) bool {
	return retry.Reason == reasonSecretNotOwned && isHandedOver(this)
}

// wroteBefore recognizes a Secret that another controller has left for this very
// object, and owned by none.
func wroteBefore(this *attempt) bool {
	manager := this.plan.Target.Predecessor
	return manager != "" && entryOf(this.secret.meta.ManagedFields, manager) != nil
}

// isPredecessor recognizes an earlier object of the same kind and name: the
// Secret outlived it in a backup or an orphaning delete.
func isPredecessor(source api.Synced, owner metav1.OwnerReference) bool {
	kind := source.GetObjectKind().GroupVersionKind()
	group, err := schema.ParseGroupVersion(owner.APIVersion)
	return err == nil && group.Group == kind.Group && owner.Kind == kind.Kind && owner.Name == source.GetName()
}

// formerManagers are those whose fields are ours to keep or drop: ourselves
// before the first apply, and whoever wrote that the Secret belongs to this
// object or an earlier one, be it kubernetes-external-secrets or a restore.
func formerManagers(this *attempt, secret *metav1.PartialObjectMetadata) sets.Set[string] {
	source, managers := this.source, sets.New(this.manager())
	if this.plan.Target.Predecessor != "" {
		managers.Insert(this.plan.Target.Predecessor)
	}
	for _, owner := range secret.OwnerReferences {
		if owner.UID != source.GetUID() && !isPredecessor(source, owner) {
			continue
		}
		for _, entry := range secret.ManagedFields {
			if entry.Operation == metav1.ManagedFieldsOperationUpdate && entry.Subresource == "" && wroteOwner(entry, owner) {
				managers.Insert(entry.Manager)
			}
		}
	}
	return managers
}

// wroteOwner looks for the reference's key in the entry's fields.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
func wroteOwner(entry metav1.ManagedFieldsEntry, owner metav1.OwnerReference) bool {
	var fields struct {
		Metadata struct {
			Owners map[string]json.RawMessage `json:"f:ownerReferences"`
		} `json:"f:metadata"`
	}
	if entry.FieldsV1 == nil || json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) != nil {
		return false
	}
	_, found := fields.Metadata.Owners[fmt.Sprintf("k:{\"uid\":%q}", owner.UID)]
	return found
}
