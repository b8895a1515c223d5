package v1

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign/countersign/api"
)

// Reasons of ESO's Ready condition, and of its events.
// https://external-secrets.io/latest/api/externalsecret/
const (
	reasonSynced       = "SecretSynced"
	reasonSyncedError  = "SecretSyncedError"
	messageSynced      = "secret synced"
	reasonCreated      = "Created"
	reasonUpdated      = "Updated"
	reasonUpdateFailed = "UpdateFailed"
)

// ExternalSecretStatus is ESO's. What else stands in it is left alone.
type ExternalSecretStatus struct {
	RefreshTime           *metav1.Time                `json:"refreshTime,omitempty"`
	SyncedResourceVersion string                      `json:"syncedResourceVersion,omitempty"`
	Conditions            []Condition                 `json:"conditions,omitempty"`
	Binding               corev1.LocalObjectReference `json:"binding,omitzero"`
}

// Condition is one of ESO's.
type Condition struct {
	Type               string                 `json:"type"`
	Status             metav1.ConditionStatus `json:"status"`
	Reason             string                 `json:"reason,omitempty"`
	Message            string                 `json:"message,omitempty"`
	LastTransitionTime metav1.Time            `json:"lastTransitionTime,omitzero"`
}

// SecretName is that of the target.
func (e *ExternalSecret) SecretName() string {
	if name := e.Spec.Target.Name; name != "" {
		return name
	}
	return e.Name
}

// SyncedByPredecessor is never: an object that ESO has synced is read once more,
// and its Secret taken over.
func (*ExternalSecret) SyncedByPredecessor() *api.Version { return nil }

// Report writes when the object was last synced, as it stands now.
func (e *ExternalSecret) Report(at metav1.Time, message string) {
	if message != "" {
		return
	}
	e.Status.RefreshTime = &at
	e.Status.Binding = corev1.LocalObjectReference{}
	if e.Sync.Secret != nil {
		e.Status.Binding.Name = e.SecretName()
	}
	e.Keep()
	e.Status.SyncedResourceVersion = SyncedVersion(e)
}

// EventReason is what ESO calls an event.
func (*ExternalSecret) EventReason(ready metav1.Condition, created bool) string {
	switch {
	case ready.Status != metav1.ConditionTrue:
		return reasonUpdateFailed
	case created:
		return reasonCreated
	default:
		return reasonUpdated
	}
}

// keep puts Countersign's condition in ESO's words beside those of others.
func (s *ExternalSecretStatus) keep(ready metav1.Condition) {
	kept := inWordsOfESO(ready)
	i := slices.IndexFunc(s.Conditions, func(other Condition) bool { return other.Type == kept.Type })
	if i < 0 {
		s.Conditions = append(s.Conditions, kept)
		return
	}
	s.Conditions[i] = kept
}

// ready is the condition that keep has written; nil for none.
func (s *ExternalSecretStatus) ready(generation int64) *metav1.Condition {
	for _, one := range s.Conditions {
		if one.Type == api.ConditionReady {
			ready := inWordsOfOurs(one, generation)
			return &ready
		}
	}
	return nil
}

// inWordsOfESO has one reason for all failures: its own is in the message.
func inWordsOfESO(is metav1.Condition) Condition {
	kept := Condition{Type: is.Type, Status: is.Status, Reason: is.Reason, Message: is.Message, LastTransitionTime: is.LastTransitionTime}
	switch {
	case is.Status == metav1.ConditionFalse:
		kept.Reason, kept.Message = reasonSyncedError, is.Reason+": "+is.Message
	case is.Reason == api.ReasonSynced:
		kept.Reason, kept.Message = reasonSynced, messageSynced
	}
	return kept
}

func inWordsOfOurs(is Condition, generation int64) metav1.Condition {
	kept := metav1.Condition{
		Type: is.Type, Status: is.Status, Reason: is.Reason, Message: is.Message,
		LastTransitionTime: is.LastTransitionTime, ObservedGeneration: generation,
	}
	switch is.Reason {
	case reasonSyncedError:
		if reason, message, found := strings.Cut(is.Message, ": "); found {
			kept.Reason, kept.Message = reason, message
		}
	case reasonSynced:
		kept.Reason, kept.Message = api.ReasonSynced, api.MessageSynced
	}
	return kept
}
