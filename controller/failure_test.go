package controller

import (
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/controller/vault"
)

// What the apiserver says of a refused Secret may quote its values.
func TestOutcomeOfWriteHoldsNoValue(t *testing.T) {
	secrets := schema.GroupResource{Resource: "secrets"}
	tests := map[string]struct {
		err     error
		failure string
		again   bool
	}{
		"invalid": {
			err: apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "app", field.ErrorList{
				field.Invalid(field.NewPath("metadata", "labels"), "canary", "canary is no label"),
				field.Forbidden(field.NewPath("data"), "canary")}),
			failure: "the apiserver refuses the Secret: Invalid; metadata.labels: FieldValueInvalid; data: FieldValueForbidden",
		},
		"quota":       {err: apierrors.NewForbidden(secrets, "app", errors.New("canary")), failure: "the apiserver refuses the Secret: Forbidden"},
		"conflict":    {err: apierrors.NewConflict(secrets, "app", errors.New("canary")), again: true},
		"throttled":   {err: apierrors.NewTooManyRequests("canary", 1), again: true},
		"unavailable": {err: apierrors.NewServiceUnavailable("canary"), again: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			outcome, err := outcomeOfWrite(tc.err)
			if (err != nil) != tc.again {
				t.Fatalf("error %v, want one: %v", err, tc.again)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("the error says %v", err)
			}
			if outcome != nil && outcome.failure.message != tc.failure {
				t.Errorf("got %q, want %q", outcome.failure.message, tc.failure)
			}
		})
	}
}

func TestOutcomeOf(t *testing.T) {
	if outcome, err := outcomeOf(&readError{err: errSuperseded}); err != nil || !outcome.idle {
		t.Errorf("superseded: %v, %v", outcome, err)
	}
	outcome, err := outcomeOf(&readError{err: &vault.Error{Reason: vault.ReasonForbidden, Path: "a/b", Message: "no"}})
	if err != nil || outcome.failure.reason != "VaultForbidden" || !outcome.failure.retries {
		t.Errorf("forbidden: %v, %v", outcome, err)
	}
	if outcome, err := outcomeOf(errors.New("apiserver away")); outcome != nil || err == nil {
		t.Errorf("unknown: %v, %v", outcome, err)
	}
}
