package controller

import (
	"context"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
)

// failing is a client whose status writes end in these errors, one after the
// other, and then succeed.
type failing struct {
	client.Client

	errs   []error
	writes int
}

func (f *failing) Status() client.SubResourceWriter { return statusWriter{failing: f} }

type statusWriter struct {
	client.SubResourceWriter

	failing *failing
}

func (w statusWriter) Patch(context.Context, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
	w.failing.writes++
	if w.failing.writes <= len(w.failing.errs) {
		return w.failing.errs[w.failing.writes-1]
	}
	return nil
}

// A status that cannot be written for a moment is written in the end, without a
// reconcile that would visit Vault again; one that never can is an error.
func TestPatchStatus(t *testing.T) {
	busy, away := apierrors.NewTooManyRequestsError("busy"), apierrors.NewServiceUnavailable("away")
	resource := schema.GroupResource{Resource: "externalsecrets"}
	tests := map[string]struct {
		errs    []error
		changed bool
		writes  int
		failed  bool
	}{
		"nothing new":    {nil, false, 0, false},
		"at once":        {nil, true, 1, false},
		"after a while":  {[]error{busy, away}, true, 3, false},
		"never":          {[]error{apierrors.NewForbidden(resource, "app", nil)}, true, 1, true},
		"gone meanwhile": {[]error{apierrors.NewNotFound(resource, "app")}, true, 1, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			source, _ := synced()
			this := look(source, nil)
			if tc.changed {
				source.Status.Status = "ERROR, x"
			}
			writer := &failing{errs: tc.errs}
			err := (&Reconciler{Client: writer, New: func() api.Synced { return &kesv1.ExternalSecret{} }}).save(t.Context(), this)
			if writer.writes != tc.writes || (err != nil) != tc.failed {
				t.Errorf("%d writes, want %d; error %v", writer.writes, tc.writes, err)
			}
		})
	}
}
