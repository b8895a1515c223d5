package controller

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/controller/vault"
	"github.com/countersign/countersign/policy"
)

// Reasons of the conditions that are not Vault's.
const (
	reasonPolicyAllows   = "PolicyAllows"
	reasonPolicyWarns    = "PolicyWarns"
	reasonPolicyAudits   = "PolicyAudits"
	reasonPolicyDenied   = "PolicyDenied"
	reasonSecretNotOwned = "SecretNotOwned"
	reasonInvalidValue   = "InvalidValue"
	reasonSecretRefused  = "SecretRefused"
)

// failure is why an object is not synced. It is told in the status.
type failure struct {
	reason, message string
	// retries: time alone may cure it. Otherwise a change must come, of the
	// object, the policy or the Secret.
	retries bool
}

func denied(verdict *policy.Verdict) *failure {
	return &failure{reason: reasonPolicyDenied, message: joined(verdict.Denials())}
}

func invalidValue(errs field.ErrorList) *failure {
	return &failure{reason: reasonInvalidValue, message: joined(errs), retries: true}
}

func joined(errs field.ErrorList) string {
	lines := make([]string, len(errs))
	for i, err := range errs {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "; ")
}

// deniedError stops a request right before it leaves.
type deniedError struct{ verdict *policy.Verdict }

func (d *deniedError) Error() string { return "policy denies it now: " + joined(d.verdict.Denials()) }

// readError says which field's read has failed.
type readError struct {
	at  *field.Path
	err error
}

func (e *readError) Error() string { return fmt.Sprintf("%s: %v", e.at, e.err) }

func (e *readError) Unwrap() error { return e.err }

// outcomeOf tells what the object's status should say from what Kubernetes
// should be asked again for.
func outcomeOf(err error) (*outcome, error) {
	var vaultErr *vault.Error
	var denial *deniedError
	var value *api.ValueError
	var notAsked *notAskedError
	switch {
	case errors.Is(err, errSuperseded):
		return &outcome{idle: true}, nil
	case errors.As(err, &denial):
		return &outcome{failure: denied(denial.verdict)}, nil
	case errors.As(err, &value):
		return &outcome{failure: invalidValue(value.Problems)}, nil
	case errors.As(err, &notAsked):
		return &outcome{failure: &failure{reason: reasonInvalidValue, message: err.Error(), retries: true}}, nil
	case errors.As(err, &vaultErr):
		return &outcome{failure: &failure{reason: string(vaultErr.Reason), message: err.Error(), retries: true}}, nil
	}
	return nil, err
}

// outcomeOfWrite keeps the cause and the field of a refused write, and never
// its text: that may quote a value. A conflict is tried again from the start.
func outcomeOfWrite(err error) (*outcome, error) {
	var final finalError
	var status apierrors.APIStatus
	switch {
	case errors.As(err, &final):
		return &outcome{failure: final.failure()}, nil
	case !errors.As(err, &status):
		return nil, fmt.Errorf("write Secret: %w", err)
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return &outcome{idle: true}, nil
	case isOvertaken(err), isPassing(err):
		return nil, fmt.Errorf("write Secret: %s", apierrors.ReasonForError(err))
	}
	lines := []string{"the apiserver refuses the Secret: " + string(apierrors.ReasonForError(err))}
	if isOverQuota(err) {
		lines = append(lines, "a ResourceQuota of the namespace has no room for it")
	}
	for _, cause := range causesOf(err) {
		lines = append(lines, fmt.Sprintf("%s: %s", cause.Field, cause.Type))
	}
	return &outcome{failure: refused(strings.Join(lines, "; "))}, nil
}

// finalError is of a write that would end alike if it were tried again.
type finalError interface {
	error
	failure() *failure
}

func isFinal(err error) bool {
	_, final := errors.AsType[finalError](err)
	return final
}

func refused(message string) *failure {
	return &failure{reason: reasonSecretRefused, message: message, retries: true}
}

func causesOf(err error) []metav1.StatusCause {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	return status.Status().Details.Causes
}

// isOvertaken: the Secret is not what it was when Vault was read.
func isOvertaken(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsNotFound(err)
}

// isOverQuota goes by the text: the admission plugin says it nowhere else.
// https://kubernetes.io/docs/concepts/policy/resource-quotas/
func isOverQuota(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota")
}

// isPassing: asked again the apiserver may say something else.
func isPassing(err error) bool {
	var status apierrors.APIStatus
	return !errors.As(err, &status) || apierrors.IsTooManyRequests(err) || apierrors.IsTimeout(err) ||
		apierrors.IsServerTimeout(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsInternalError(err)
}
