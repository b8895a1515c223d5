package webhook

import (
	"context"
	"net/http"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// Each kind is its dialect's to judge; one that nobody knows is not let through.
func TestByKind(t *testing.T) {
	answering := func(text string) admission.Handler {
		return admission.HandlerFunc(func(context.Context, admission.Request) admission.Response { return admission.Allowed(text) })
	}
	handler := byKind{
		{Group: "a", Version: "v1", Kind: "ExternalSecret"}: answering("a"),
		{Group: "b", Version: "v1", Kind: "ExternalSecret"}: answering("b"),
	}
	tests := map[string]struct {
		kind    schema.GroupVersionKind
		allowed bool
		want    string
	}{
		"one dialect":     {schema.GroupVersionKind{Group: "a", Version: "v1", Kind: "ExternalSecret"}, true, "a"},
		"another":         {schema.GroupVersionKind{Group: "b", Version: "v1", Kind: "ExternalSecret"}, true, "b"},
		"unknown version": {schema.GroupVersionKind{Group: "b", Version: "v2", Kind: "ExternalSecret"}, false, "countersign knows no dialect of b/v2, Kind=ExternalSecret"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			request := admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{Kind: metav1.GroupVersionKind(tc.kind)}}
			response := handler.Handle(t.Context(), request)
			if response.Allowed != tc.allowed || response.Result.Message != tc.want {
				t.Errorf("allowed %v: %s", response.Allowed, response.Result.Message)
			}
			if !tc.allowed && response.Result.Code != http.StatusBadRequest {
				t.Errorf("code %d", response.Result.Code)
			}
		})
	}
}
