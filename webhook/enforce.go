package webhook

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
)

// Enforce admits objects of one dialect that policy allows. An update is
// judged by what it asks anew: references that the old object had already pass,
// whatever policy says now, since the controller judges them again before any
// read; a finalizer can always be removed.
type Enforce[T api.Source] struct{ *Enforcement }

// Enforcement is what all dialects share.
type Enforcement struct {
	Judge    *config.Judge
	Settings *config.Settings
	Metrics  *Metrics
}

// ValidateCreate judges the whole object.
func (e *Enforce[T]) ValidateCreate(ctx context.Context, object T) (admission.Warnings, error) {
	return e.validate(ctx, object, nil)
}

// ValidateUpdate judges what is new.
func (e *Enforce[T]) ValidateUpdate(ctx context.Context, old, object T) (admission.Warnings, error) {
	return e.validate(ctx, object, e.Settings.Admission(old))
}

// ValidateDelete lets everything go.
func (e *Enforce[T]) ValidateDelete(context.Context, T) (admission.Warnings, error) { return nil, nil }

func (e *Enforce[T]) validate(ctx context.Context, object T, old *policy.Claim) (admission.Warnings, error) {
	request, err := admission.RequestFromContext(ctx)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	claim := e.Settings.Admission(object)
	if claim == nil {
		return nil, nil
	}
	verdict, err := e.Judge.EvaluateUpdate(ctx, claim, old)
	if err != nil {
		e.Metrics.observe(claim.Namespace, outcomeError)
		return nil, apierrors.NewInternalError(fmt.Errorf("countersign could not decide: %w", err))
	}
	return e.answer(ctx, request, verdict)
}

func (e *Enforcement) answer(ctx context.Context, request admission.Request, verdict *policy.Verdict) (admission.Warnings, error) {
	outcome := verdict.Outcome()
	e.Metrics.observe(request.Namespace, string(outcome))
	record(ctx, verdict)
	if outcome != policy.Allowed {
		logger := admission.DefaultLogConstructor(log.FromContext(ctx), &request)
		logger.Info(string(outcome), "revision", verdict.Revision, "violations", told(verdict))
	}
	warnings := admission.Warnings{}
	for _, warning := range verdict.Warnings() {
		warnings = append(warnings, warning.Error())
	}
	if outcome == policy.Denied {
		return warnings, invalid(request, verdict.Denials())
	}
	return warnings, nil
}

// told are the first violations for the log, and how many there are more.
func told(verdict *policy.Verdict) []string {
	messages := verdict.Messages()
	if more := len(messages) - maxProblems; more > 0 {
		return append(messages[:maxProblems], fmt.Sprintf("and %d more violations", more))
	}
	return messages
}

func invalid(request admission.Request, errs field.ErrorList) error {
	kind := schema.GroupKind{Group: request.Kind.Group, Kind: request.Kind.Kind}
	return apierrors.NewInvalid(kind, request.Name, errs)
}
