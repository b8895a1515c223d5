package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	esov1 "github.com/countersign/countersign/api/eso/v1"
)

// Who syncs an object says what its annotations mean, and is asked only where
// they may mean something.
func TestObstacles(t *testing.T) {
	eso := func(policy, suspend string) client.Object {
		object := &esov1.ExternalSecret{}
		object.Spec.RefreshPolicy, object.Annotations = policy, map[string]string{api.Suspend: suspend}
		return object
	}
	suspended := resyncable("suspended")
	suspended.Annotations = map[string]string{api.Suspend: "true"}
	unreadable := errors.New("no right to stores")
	tests := map[string]struct {
		object    client.Object
		ours      bool
		err       error
		vain      string
		suspended bool
	}{
		"of KES":                       {resyncable("app"), false, unreadable, "", false},
		"of KES, suspended":            {suspended, false, unreadable, "", true},
		"of ESO":                       {eso("OnChange", ""), false, unreadable, "", false},
		"of ESO, once":                 {eso("CreatedOnce", ""), false, nil, "reads an ExternalSecret of refreshPolicy CreatedOnce once", false},
		"of ESO, suspended":            {eso("OnChange", "true"), false, nil, "", false},
		"synced by us":                 {eso("OnChange", ""), true, nil, "", false},
		"synced by us, once":           {eso("CreatedOnce", ""), true, nil, "", false},
		"synced by us, suspended":      {eso("OnChange", "true"), true, nil, "", true},
		"synced by who knows, once":    {eso("CreatedOnce", ""), false, unreadable, "no right to stores", false},
		"synced by who knows, suspend": {eso("OnChange", "true"), false, unreadable, "no right to stores", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			chosen := &selection{syncs: func(context.Context, client.Object) (bool, error) { return tc.ours, tc.err }}
			got := chosen.obstacles(t.Context(), tc.object)
			if got.suspended != tc.suspended || (got.vain == "") != (tc.vain == "") || !strings.Contains(got.vain, tc.vain) {
				t.Errorf("%+v", got)
			}
		})
	}
}
