package controller

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Whoever made the Secret for this object, or for one before it, has nothing
// to say in it any more; whoever added something to it has.
func TestFormerManagers(t *testing.T) {
	entry := func(manager string, operation metav1.ManagedFieldsOperationType, fields string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	owner := func(uid string) string {
		return fmt.Sprintf(`{"f:data":{"f:a":{}},"f:metadata":{"f:ownerReferences":{".":{},"k:{\"uid\":\"%s\"}":{}}}}`, uid)
	}
	const update, apply = metav1.ManagedFieldsOperationUpdate, metav1.ManagedFieldsOperationApply
	tests := map[string]struct {
		entry metav1.ManagedFieldsEntry
		want  []string
	}{
		"wrote this owner":     {entry("kes", update, owner("es")), []string{"kes"}},
		"restored an earlier":  {entry("velero", update, owner("earlier")), []string{"velero"}},
		"wrote another owner":  {entry("job", update, owner("pod")), nil},
		"added a key":          {entry("kubectl-edit", update, `{"f:data":{"f:a":{}}}`), nil},
		"applied this owner":   {entry("flux", apply, owner("es")), nil},
		"fields that are none": {entry("x", update, `[]`), nil},
		"no fields":            {metav1.ManagedFieldsEntry{Manager: "x", Operation: update}, nil},
		"of a subresource":     {metav1.ManagedFieldsEntry{Manager: "x", Operation: update, Subresource: "status", FieldsV1: metav1.NewFieldsV1(owner("es"))}, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			source, secret := synced()
			this := secret.meta.OwnerReferences[0]
			earlier := this
			earlier.UID = "earlier"
			secret.meta.OwnerReferences = []metav1.OwnerReference{this, earlier, {APIVersion: "v1", Kind: "Pod", Name: "x", UID: "pod"}}
			secret.meta.ManagedFields = []metav1.ManagedFieldsEntry{tc.entry}
			managers := formerManagers(look(source, secret), secret.meta)
			if !managers.Has(FieldManager) {
				t.Error("what we have created is not ours")
			}
			got := slices.DeleteFunc(managers.UnsortedList(), func(manager string) bool { return manager == FieldManager })
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
