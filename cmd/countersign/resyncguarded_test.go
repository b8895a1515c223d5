package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/countersign/countersign/api"
	esov1 "github.com/countersign/countersign/api/eso/v1"
	"github.com/countersign/countersign/policy"
)

// followedESO is an ExternalSecret with the value "new", as it is followed.
func followedESO() *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{}}
	object.SetGeneration(2)
	object.SetAnnotations(map[string]string{api.Resync: "new"})
	return object
}

func TestGuardedAnswerOf(t *testing.T) {
	status := func(o *unstructured.Unstructured, synced, ready string) {
		o.Object["status"] = map[string]any{
			"syncedResourceVersion": synced, "refreshTime": "2026-01-01T00:00:00Z",
			"conditions": []any{map[string]any{"type": "Ready", "status": ready, "reason": "Reason", "message": "why", "lastTransitionTime": "2026-01-01T00:00:00Z"}},
		}
	}
	type answer struct {
		Outcome resyncOutcome
		Why     string
	}
	tests := map[string]struct {
		change func(*unstructured.Unstructured)
		waited time.Duration
		want   answer
	}{
		"synced":          {func(o *unstructured.Unstructured) { status(o, esov1.SyncedVersion(o), "True") }, 0, answer{outcomeSynced, ""}},
		"synced before":   {func(o *unstructured.Unstructured) { status(o, "2-other", "True") }, time.Hour, answer{"", "not read yet"}},
		"never synced":    {func(*unstructured.Unstructured) {}, time.Hour, answer{"", "not read yet"}},
		"odd status":      {func(o *unstructured.Unstructured) { o.Object["status"] = "odd" }, time.Hour, answer{"", "not read yet"}},
		"failed, perhaps": {func(o *unstructured.Unstructured) { status(o, "2-other", "False") }, time.Second, answer{"", "Reason: why"}},
		"failed":          {func(o *unstructured.Unstructured) { status(o, "2-other", "False") }, settled, answer{outcomeFailed, "Reason: why"}},
		"not seen yet, though synced": {func(o *unstructured.Unstructured) {
			o.SetAnnotations(map[string]string{api.Resync: "old"})
			status(o, esov1.SyncedVersion(o), "True")
		}, 0, answer{"", "not seen yet"}},
		"another resync": {func(o *unstructured.Unstructured) { o.SetAnnotations(map[string]string{api.Resync: "newer"}) }, settled,
			answer{outcomeFailed, `countersign.dev/resync was changed to "newer" meanwhile`}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			object := followedESO()
			tc.change(object)
			var got answer
			got.Outcome, got.Why = guardedAnswerOf(object, "new", tc.waited)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What an object of another controller asks is looked at only where it matters:
// it stands in stores.
func TestSelectionOfGuarded(t *testing.T) {
	claims := []*policy.Claim{
		{Namespace: "team-a", Role: "reader", Reads: []policy.Read{{Path: "secret/data/team-a/app"}}},
		{Namespace: "team-a", Role: "finder", Reads: []policy.Read{{Path: "secret/data/tree", Subtree: true}}},
	}
	unreadable := errors.New("unreadable")
	tests := map[string]struct {
		labels, path, role string
		err                error
		want               bool
	}{
		"everything":                {err: unreadable, want: true},
		"its label":                 {labels: "app=web", err: unreadable, want: true},
		"another label":             {labels: "app=shop", path: "secret/data/team-a/app", err: unreadable},
		"its path":                  {path: "secret/data/{namespace}/app", want: true},
		"another path":              {path: "secret/data/team-b/app"},
		"path in a tree":            {path: "secret/data/tree/deep/down", want: true},
		"one of its roles":          {role: "finder", want: true},
		"another role":              {role: "admin"},
		"path with its role":        {path: "secret/data/team-a/*", role: "reader", want: true},
		"path with another's role":  {path: "secret/data/team-a/*", role: "finder"},
		"stores that are not known": {path: "secret/data/team-a/app", err: unreadable},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			selector, err := labels.Parse(tc.labels)
			if err != nil {
				t.Fatal(err)
			}
			chosen := &selection{labels: selector, path: tc.path, role: tc.role, claims: func(context.Context, api.Guarded) ([]*policy.Claim, error) {
				if tc.err != nil {
					return nil, tc.err
				}
				return claims, nil
			}}
			object := &esov1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "app", Labels: map[string]string{"app": "web"}}}
			got, err := chosen.matches(t.Context(), object)
			if asked := tc.path+tc.role != "" && tc.labels != "app=shop"; got != tc.want || asked && !errors.Is(err, tc.err) {
				t.Errorf("selected: %v, want %v, error %v", got, tc.want, err)
			}
		})
	}
}
