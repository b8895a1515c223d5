package webhook

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
)

// EnforceGuarded admits objects that another controller syncs. Nobody judges
// them again before they are read, so that only what asks nothing anew passes
// unjudged. An object that others refer to, such as a store, is judged with all
// of them: what it makes them ask anew must be theirs to ask.
type EnforceGuarded[T api.Guarded] struct {
	*Enforcement

	Guarded *config.GuardedJudge
}

// GuardedValidatorOf is the one for a type.
func GuardedValidatorOf[T api.Guarded]() func(*config.GuardedJudge) Validator {
	return func(judge *config.GuardedJudge) Validator {
		return func(scheme *runtime.Scheme, common *Enforcement) admission.Handler {
			return audited{admission.WithValidator(scheme, &EnforceGuarded[T]{common, judge}).Handler}
		}
	}
}

// ValidateCreate judges the object and those that refer to it already.
func (e *EnforceGuarded[T]) ValidateCreate(ctx context.Context, object T) (admission.Warnings, error) {
	return e.validate(ctx, object, nil)
}

// ValidateUpdate judges the whole object where it asks anything anew.
func (e *EnforceGuarded[T]) ValidateUpdate(ctx context.Context, old, object T) (admission.Warnings, error) {
	request, err := admission.RequestFromContext(ctx)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	anew, err := AsksAnew(request.Object.Raw, request.OldObject.Raw)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	if !anew {
		return nil, nil
	}
	return e.validate(ctx, object, old)
}

// ValidateDelete lets everything go.
func (e *EnforceGuarded[T]) ValidateDelete(context.Context, T) (admission.Warnings, error) {
	return nil, nil
}

func (e *EnforceGuarded[T]) validate(ctx context.Context, object, old api.Guarded) (admission.Warnings, error) {
	request, err := admission.RequestFromContext(ctx)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	verdict, err := e.verdict(ctx, object, old)
	if err != nil {
		e.Metrics.observe(object.GetNamespace(), outcomeError)
		return nil, apierrors.NewInternalError(fmt.Errorf("countersign could not decide: %w", err))
	}
	warnings, err := e.answer(ctx, request, verdict)
	return append(warnings, e.stampWarnings(ctx, object)...), err
}

func (e *EnforceGuarded[T]) verdict(ctx context.Context, object, old api.Guarded) (*policy.Verdict, error) {
	own, err := e.Guarded.Evaluate(ctx, object)
	if err != nil {
		return nil, err
	}
	dependents, err := e.Guarded.EvaluateDependents(ctx, object, old)
	if err != nil {
		return nil, err
	}
	return policy.Merge(own, dependents), nil
}

// stampedInVain is an object whose controller may pay no heed to its stamp.
type stampedInVain interface {
	// StampWarning says when, and what to change; empty where it heeds the stamp.
	StampWarning() string
}

// stampWarnings are none for an object that Countersign syncs itself: it heeds
// them all.
func (e *EnforceGuarded[T]) stampWarnings(ctx context.Context, object api.Guarded) admission.Warnings {
	if e.Guarded.Syncs(ctx, object) {
		return nil
	}
	if one, ok := object.(stampedInVain); ok && one.StampWarning() != "" {
		return admission.Warnings{one.StampWarning()}
	}
	return nil
}

// AsksAnew reports whether an update, from one JSON object to another, is
// stamped: only then a guarded object is judged.
func AsksAnew(object, old []byte) (bool, error) {
	is, err := decodeStamped(object)
	if err != nil {
		return false, err
	}
	was, err := decodeStamped(old)
	if err != nil {
		return false, err
	}
	return asksAnew(is, was), nil
}
