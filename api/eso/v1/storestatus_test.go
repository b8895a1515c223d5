package v1

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A store's status is ESO's, its time that of the last change, and what others
// wrote stays.
func TestStoreReport(t *testing.T) {
	other := Condition{Type: "Other", Status: "True"}
	status := SecretStoreStatus{Conditions: []Condition{other}}
	later := metav1.NewTime(testTime().Add(time.Hour))
	want := func(ready Condition) {
		t.Helper()
		if diff := cmp.Diff(SecretStoreStatus{Conditions: []Condition{other, ready}, Capabilities: "ReadOnly"}, status); diff != "" {
			t.Error(diff)
		}
	}
	valid := Condition{Type: "Ready", Status: "True", Reason: "Valid", Message: "store validated", LastTransitionTime: testTime()}
	status.report(testTime(), "")
	want(valid)
	status.report(later, "")
	want(valid)
	status.report(later, "no such role")
	want(Condition{Type: "Ready", Status: "False", Reason: "InvalidProviderConfig", Message: "no such role", LastTransitionTime: later})
}
