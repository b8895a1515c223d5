package controller

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What is owned after creating is trimmed to what an apply of the same owns.
func TestTrimToApplied(t *testing.T) {
	tests := map[string]struct{ created, want string }{
		"maps":  {`{"f:data":{".":{},"f:a":{}},"f:metadata":{"f:ownerReferences":{".":{},"k:{\"uid\":\"x\"}":{}}},"f:type":{}}`, `{"f:data":{"f:a":{}},"f:metadata":{"f:ownerReferences":{"k:{\"uid\":\"x\"}":{}}},"f:type":{}}`},
		"empty": {`{"f:data":{}}`, `{"f:data":{}}`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			entry := &metav1.ManagedFieldsEntry{FieldsV1: metav1.NewFieldsV1(tc.created)}
			if err := trimToApplied(entry); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(entry.FieldsV1.GetRawBytes())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The patch is the one that a comparison of the whole metadata comes to.
func TestFieldsPatch(t *testing.T) {
	secret := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Name: "app", Namespace: "team-a", ResourceVersion: "7", CreationTimestamp: metav1.Now(), Labels: map[string]string{"a": "b"},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: FieldManager, Operation: metav1.ManagedFieldsOperationUpdate, FieldsV1: metav1.NewFieldsV1(`{"f:data":{}}`)}},
	}}
	upgraded := secret.DeepCopy()
	upgraded.ManagedFields[0].Operation = metav1.ManagedFieldsOperationApply
	want, err := client.MergeFromWithOptions(secret, client.MergeFromWithOptimisticLock{}).Data(upgraded)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := fieldsPatch(upgraded)
	if err != nil {
		t.Fatal(err)
	}
	got, err := patch.Data(upgraded)
	if diff := cmp.Diff(decoded(t, want), decoded(t, got)); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
}

func decoded(t *testing.T, text []byte) any {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}
