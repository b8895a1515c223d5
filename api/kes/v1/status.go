package v1

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign/countersign/api"
)

const statusSuccess = "SUCCESS"

// Controller is the instance that the object is for.
func (e *ExternalSecret) Controller() string { return e.Spec.ControllerID }

// SyncStatus is the part of the status that all dialects share.
func (e *ExternalSecret) SyncStatus() *api.SyncStatus { return &e.Status.SyncStatus }

// WholeStatus is KES's and what is remembered.
func (e *ExternalSecret) WholeStatus() any { return &e.Status }

// SecretName is that of the object.
func (e *ExternalSecret) SecretName() string { return e.Name }

// Keep has nothing to do: the status has a place for all that is remembered.
func (*ExternalSecret) Keep() {}

// Report writes the outcome of an attempt into KES's own fields, in KES's own
// words: old dashboards read them.
func (e *ExternalSecret) Report(at metav1.Time, message string) {
	e.Status.LastSync = at.UTC().Format("2006-01-02T15:04:05.000Z")
	e.Status.ObservedGeneration = e.Generation
	e.Status.Status = statusSuccess
	if message != "" {
		e.Status.Status = "ERROR, " + strings.Join(strings.Fields(message), " ")
	}
}

// SyncedByPredecessor is what kubernetes-external-secrets left as synced. It
// counts as ours: taking over a cluster reads nothing.
func (e *ExternalSecret) SyncedByPredecessor() *api.Version {
	if e.Status.SyncedGeneration != 0 || e.Status.Status != statusSuccess {
		return nil
	}
	if _, err := time.Parse(time.RFC3339, e.Status.LastSync); err != nil {
		return nil
	}
	return &api.Version{Generation: e.Status.ObservedGeneration}
}
