package v1

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign/countersign/api"
)

// SecretStoreStatus is ESO's, of both kinds. What else stands in it is left
// alone.
type SecretStoreStatus struct {
	Conditions   []Condition `json:"conditions,omitempty"`
	Capabilities string      `json:"capabilities,omitempty"`
}

// Reasons of a store's Ready condition.
// https://external-secrets.io/latest/api/secretstore/
const (
	reasonValid   = "Valid"
	reasonInvalid = "InvalidProviderConfig"
	messageValid  = "store validated"
	readOnly      = "ReadOnly"
)

// IsOurs reports whether Countersign syncs what refers to the store.
func (s *SecretStore) IsOurs(operator api.Operator) bool { return s.Spec.isOurs(operator) }

// IsOurs reports whether Countersign syncs what refers to the store.
func (s *ClusterSecretStore) IsOurs(operator api.Operator) bool { return s.Spec.isOurs(operator) }

// Report writes whether the store can be used.
func (s *SecretStore) Report(at metav1.Time, message string) { s.Status.report(at, message) }

// Report writes whether the store can be used.
func (s *ClusterSecretStore) Report(at metav1.Time, message string) { s.Status.report(at, message) }

func (s *SecretStoreStatus) report(at metav1.Time, message string) {
	s.Capabilities = readOnly
	ready := Condition{Type: api.ConditionReady, Status: metav1.ConditionTrue, Reason: reasonValid, Message: messageValid, LastTransitionTime: at}
	if message != "" {
		ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, reasonInvalid, message
	}
	i := slices.IndexFunc(s.Conditions, func(one Condition) bool { return one.Type == api.ConditionReady })
	if i < 0 {
		s.Conditions = append(s.Conditions, ready)
		return
	}
	if s.Conditions[i].Status == ready.Status {
		ready.LastTransitionTime = s.Conditions[i].LastTransitionTime
	}
	s.Conditions[i] = ready
}
