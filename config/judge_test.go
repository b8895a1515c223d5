package config

import (
	"context"
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/policy"
)

// namespaces answers with labels, or with an error.
type namespaces struct {
	client.Reader

	labels map[string]string
	err    error
}

func (n namespaces) Get(_ context.Context, _ client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	object.SetLabels(n.labels)
	return n.err
}

// A namespace that the cache has not seen yet is asked for once; anything else
// that goes wrong is an error, never a verdict.
func TestJudgeFindsTheNamespace(t *testing.T) {
	payments := namespaces{labels: map[string]string{"tier": "payments"}}
	other := namespaces{labels: map[string]string{"tier": "web"}}
	missing := namespaces{err: apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "a")}
	broken := namespaces{err: errors.New("broken")}
	tests := map[string]struct {
		cached, live namespaces
		allowed, err bool
	}{
		"in the cache":        {cached: payments, live: broken, allowed: true},
		"not in the cache":    {cached: missing, live: payments, allowed: true},
		"without the label":   {cached: other, live: payments},
		"nowhere":             {cached: missing, live: missing, err: true},
		"the cache is broken": {cached: broken, live: payments, err: true},
		"live is broken":      {cached: missing, live: broken, err: true},
	}
	document, err := policy.Parse("cm", "policy.yaml", []byte(`{apiVersion: countersign.dev/v1alpha1, kind: AccessPolicy, mounts: {secret: {kv: 2}},
allow: [{name: tier, namespaces: {matchLabels: {tier: payments}}, paths: [secret/data/app], roles: [r]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := policy.Compile([]*policy.Document{document}, policy.Settings{
		Enforcement: policy.Enforcement{Default: policy.Enforce}, DefaultVault: "default", DefaultAuthMounts: map[string]string{"default": "kubernetes"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			judge := &Judge{Policy: func() *policy.Policy { return compiled }, Namespaces: tc.cached, Live: tc.live}
			verdict, err := judge.Evaluate(t.Context(), &policy.Claim{
				Namespace: "a", Vault: "default", AuthMount: "kubernetes", Role: "r",
				Reads: []policy.Read{{Path: "secret/data/app", Field: field.NewPath("spec")}},
			})
			if (err != nil) != tc.err || err == nil && verdict.Allowed() != tc.allowed {
				t.Errorf("verdict %+v, error %v", verdict, err)
			}
		})
	}
}
