package webhook

import (
	"context"
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/countersign/countersign/api"
)

// Validator judges the objects of one dialect with what all dialects share.
type Validator func(scheme *runtime.Scheme, common *Enforcement) admission.Handler

// ValidatorOf is the one for a type.
func ValidatorOf[T api.Source]() Validator {
	return func(scheme *runtime.Scheme, common *Enforcement) admission.Handler {
		return audited{admission.WithValidator(scheme, &Enforce[T]{common}).Handler}
	}
}

// byKind hands an object to the validator of its dialect. The kind is the one
// that the webhook is registered for, into which the apiserver has converted.
type byKind map[schema.GroupVersionKind]admission.Handler

// Handle refuses to decide about what no dialect knows: the webhook
// configuration lists more than this process does.
func (b byKind) Handle(ctx context.Context, request admission.Request) admission.Response {
	kind := schema.GroupVersionKind(request.Kind)
	handler, ok := b[kind]
	if !ok {
		return admission.Errored(http.StatusBadRequest, fmt.Errorf("countersign knows no dialect of %s", kind))
	}
	return handler.Handle(ctx, request)
}
