package v1

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign/countersign/api"
)

func testTime() metav1.Time { return metav1.NewTime(time.Date(2026, 11, 25, 7, 0, 0, 0, time.UTC)) }

// again is the object as it comes back from the apiserver.
func again(t *testing.T, object *ExternalSecret, change func(string) string) *ExternalSecret {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	decoded := &ExternalSecret{}
	if err := json.Unmarshal([]byte(change(string(text))), decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}

func remembering() *ExternalSecret {
	object := &ExternalSecret{ObjectMeta: metav1.ObjectMeta{Name: "app", Namespace: "team-a", UID: "u", Generation: 4, Annotations: map[string]string{"a": "b"}}}
	object.Sync = api.SyncStatus{
		SyncedGeneration: 4, SyncedStamp: "s", SyncedResync: "r", SyncedSources: "x/1", SyncedAt: new(testTime()),
		Secret: &api.SecretState{Name: "other", UID: "secret", AppliedAt: testTime(), Keys: 2},
		Reads:  []api.ReadState{{Path: "secret/data/a", Version: 3}},
		Conditions: []metav1.Condition{
			{Type: api.ConditionAllowed, Status: metav1.ConditionTrue, Reason: "PolicyAllows", Message: "every read is allowed", ObservedGeneration: 4, LastTransitionTime: testTime()},
			{Type: api.ConditionReady, Status: metav1.ConditionTrue, Reason: api.ReasonSynced, Message: api.MessageSynced, ObservedGeneration: 4, LastTransitionTime: testTime()},
		},
	}
	return object
}

// What is remembered comes back, and only to the object that it is of.
func TestKeep(t *testing.T) {
	same := func(text string) string { return text }
	object := remembering()
	object.Keep()
	if diff := cmp.Diff(remembering().Sync, again(t, object, same).Sync); diff != "" {
		t.Errorf("remembered (-) and come back (+) differ:\n%s", diff)
	}
	kept := object.Annotations[stateAnnotation]
	object.Keep()
	if object.Annotations[stateAnnotation] != kept {
		t.Error("to keep it twice is another state")
	}
	others := map[string]func(string) string{
		"of a copy":   func(text string) string { return strings.Replace(text, `"uid":"u"`, `"uid":"copy"`, 1) },
		"no state":    func(text string) string { return strings.ReplaceAll(text, `\"uid\"`, `\"uid`) },
		"of nobody":   func(text string) string { return strings.ReplaceAll(text, stateAnnotation, "x") },
		"of all else": func(text string) string { return strings.ReplaceAll(text, `\"uid\":\"u\"`, `\"uid\":7`) },
	}
	for name, change := range others {
		t.Run(name, func(t *testing.T) {
			got := again(t, object, change).Sync
			got.Conditions = nil
			if diff := cmp.Diff(api.SyncStatus{}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// ESO's users find ESO's words, and Countersign its own again.
func TestConditions(t *testing.T) {
	tests := map[string]struct {
		is   metav1.Condition
		want Condition
	}{
		"synced": {metav1.Condition{Type: "Ready", Status: "True", Reason: api.ReasonSynced, Message: api.MessageSynced},
			Condition{Type: "Ready", Status: "True", Reason: "SecretSynced", Message: "secret synced"}},
		"denied": {metav1.Condition{Type: "Ready", Status: "False", Reason: "PolicyDenied", Message: "spec.data[0]: a: b"},
			Condition{Type: "Ready", Status: "False", Reason: "SecretSyncedError", Message: "PolicyDenied: spec.data[0]: a: b"}},
		"deleted": {metav1.Condition{Type: "Ready", Status: "True", Reason: "SecretDeleted", Message: "gone"},
			Condition{Type: "Ready", Status: "True", Reason: "SecretDeleted", Message: "gone"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			status := ExternalSecretStatus{Conditions: []Condition{{Type: "Deleted", Status: "True"}}}
			tc.is.LastTransitionTime, tc.is.ObservedGeneration, tc.want.LastTransitionTime = testTime(), 7, testTime()
			status.keep(tc.is)
			if diff := cmp.Diff([]Condition{{Type: "Deleted", Status: "True"}, tc.want}, status.Conditions); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(&tc.is, status.ready(7)); diff != "" {
				t.Errorf("come back: %s", diff)
			}
		})
	}
}

// After a success the status says of when it is, and that it is of the object
// as it stands; a failure changes neither.
func TestReport(t *testing.T) {
	object := remembering()
	object.Report(testTime(), "")
	want := ExternalSecretStatus{
		RefreshTime: new(testTime()), Binding: corev1.LocalObjectReference{Name: "app"},
		SyncedResourceVersion: SyncedVersion(object), Conditions: object.Status.Conditions,
	}
	if diff := cmp.Diff(want, object.Status); diff != "" {
		t.Error(diff)
	}
	object.Report(metav1.NewTime(testTime().Add(time.Hour)), "failed")
	if diff := cmp.Diff(want, object.Status); diff != "" {
		t.Errorf("after a failure: %s", diff)
	}
	object.Keep()
	if object.Status.SyncedResourceVersion != SyncedVersion(object) {
		t.Error("what is kept later is another version")
	}
}

// ESO's finalizer goes from what was ours, and from nothing else.
func TestRelease(t *testing.T) {
	tests := map[string]struct {
		ours, synced bool
		finalizers   []string
		want         []string
	}{
		"ours":              {true, false, []string{finalizer, "x"}, []string{"x"}},
		"was ours":          {false, true, []string{finalizer}, []string{}},
		"ESO's":             {false, false, []string{finalizer}, []string{finalizer}},
		"held by others":    {true, true, []string{"x"}, []string{"x"}},
		"held by nobody":    {true, true, nil, nil},
		"never seen by ESO": {false, false, nil, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			object := &ExternalSecret{ObjectMeta: metav1.ObjectMeta{Finalizers: tc.finalizers}}
			if tc.synced {
				object.Sync = remembering().Sync
			}
			if got := object.Release(tc.ours); got != (len(tc.want) < len(tc.finalizers)) {
				t.Errorf("released: %v", got)
			}
			if diff := cmp.Diff(tc.want, object.Finalizers); diff != "" {
				t.Error(diff)
			}
		})
	}
}
