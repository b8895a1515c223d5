package controller

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
