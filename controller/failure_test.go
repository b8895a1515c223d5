package controller

import (
	"errors"
	"io"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/controller/vault"
	"github.com/countersign/countersign/policy"
)

// What the apiserver says of a refused Secret may quote its values.
func TestOutcomeOfWriteHoldsNoValue(t *testing.T) {
	secrets := schema.GroupResource{Resource: "secrets"}
	tests := map[string]struct {
		err     error
		failure string
		again   bool
		idle    bool
	}{
		"invalid": {
			err: apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "app", field.ErrorList{
				field.Invalid(field.NewPath("metadata", "labels"), "canary", "canary is no label"),
				field.Forbidden(field.NewPath("data"), "canary")}),
			failure: "the apiserver refuses the Secret: Invalid; metadata.labels: FieldValueInvalid; data: FieldValueForbidden",
		},
		"forbidden":   {err: apierrors.NewForbidden(secrets, "app", errors.New("canary")), failure: "the apiserver refuses the Secret: Forbidden"},
		"quota":       {err: apierrors.NewForbidden(secrets, "app", errors.New("exceeded quota: canary")), failure: "the apiserver refuses the Secret: Forbidden; a ResourceQuota of the namespace has no room for it"},
		"too large":   {err: apierrors.NewRequestEntityTooLargeError("canary"), failure: "the apiserver refuses the Secret: RequestEntityTooLarge"},
		"held":        {err: &heldError{why: "it is immutable", finalizers: []string{"a/b", "c/d"}}, failure: "the Secret has to be created anew, since it is immutable; its finalizers (a/b, c/d) keep it from being deleted: remove them"},
		"ending":      {err: namespaceEnds(secrets), idle: true},
		"created":     {err: errOutdated, again: true},
		"deleted":     {err: apierrors.NewNotFound(secrets, "canary"), again: true},
		"no answer":   {err: io.ErrUnexpectedEOF, again: true},
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
			if outcome == nil {
				return
			}
			var message string
			if outcome.failure != nil {
				message = outcome.failure.message
			}
			if message != tc.failure || outcome.idle != tc.idle {
				t.Errorf("got %q, idle %v, want %q, idle %v", message, outcome.idle, tc.failure, tc.idle)
			}
		})
	}
}

func namespaceEnds(secrets schema.GroupResource) error {
	err := apierrors.NewForbidden(secrets, "app", errors.New("canary"))
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause, Field: "metadata.namespace"}}
	return err
}

// A Secret is created anew only for what nobody could change it into.
func TestUnchangeable(t *testing.T) {
	invalid := func(errs ...*field.Error) error {
		return apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "app", errs)
	}
	const isImmutable = "field is immutable when `immutable` is set"
	tests := map[string]struct {
		err  error
		want string
	}{
		"no error":           {nil, ""},
		"type":               {invalid(field.Invalid(field.NewPath("type"), "x", "field is immutable")), "the type of a Secret cannot be changed"},
		"data of immutable":  {invalid(field.Forbidden(field.NewPath("data"), isImmutable)), "it is immutable"},
		"immutable no more":  {invalid(field.Forbidden(field.NewPath("immutable"), isImmutable)), "it is immutable"},
		"key missing":        {invalid(field.Required(field.NewPath("data").Key(".dockerconfigjson"), "")), ""},
		"too much data":      {invalid(field.TooLong(field.NewPath("data"), "", 1)), ""},
		"owner and type":     {invalid(field.Invalid(field.NewPath("metadata", "ownerReferences"), "", ""), field.Invalid(field.NewPath("type"), "x", "")), "the type of a Secret cannot be changed"},
		"forbidden by quota": {apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "app", errors.New("type")), ""},
		"no answer":          {io.ErrUnexpectedEOF, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := unchangeable(tc.err); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
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

// The Allowed condition says what policy says now, in every mode.
func TestSetAllowed(t *testing.T) {
	violation := func(mode policy.Mode) policy.Violation {
		return policy.Violation{Err: field.Forbidden(field.NewPath("spec"), "no"), Mode: mode}
	}
	tests := map[string]struct {
		violations []policy.Violation
		want       string
	}{
		"allowed":           {nil, "True PolicyAllows: every read is allowed"},
		"denied":            {[]policy.Violation{violation(policy.Enforce)}, "False PolicyDenied: spec: Forbidden: no"},
		"warned":            {[]policy.Violation{violation(policy.Warn)}, "True PolicyWarns: let pass: spec: Forbidden: no (warned)"},
		"audited":           {[]policy.Violation{violation(policy.Audit)}, "True PolicyAudits: let pass: spec: Forbidden: no (audited)"},
		"denied and warned": {[]policy.Violation{violation(policy.Warn), violation(policy.Enforce)}, "False PolicyDenied: spec: Forbidden: no"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			source, _ := synced()
			setAllowed(source, &policy.Verdict{Violations: tc.violations})
			condition := apimeta.FindStatusCondition(source.Status.Conditions, api.ConditionAllowed)
			if got := string(condition.Status) + " " + condition.Reason + ": " + condition.Message; got != tc.want {
				t.Errorf("got %s\nwant %s", got, tc.want)
			}
		})
	}
}
