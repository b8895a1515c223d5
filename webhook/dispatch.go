package webhook

import (
	"context"
	"fmt"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	handler, ok := b[kindOf(request.Kind)]
	if !ok {
		return admission.Errored(http.StatusBadRequest, fmt.Errorf("countersign knows no dialect of %s", kindOf(request.Kind)))
	}
	return handler.Handle(ctx, request)
}

func kindOf(kind metav1.GroupVersionKind) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: kind.Group, Version: kind.Version, Kind: kind.Kind}
}
