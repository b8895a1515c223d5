package config

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/policy"
)

// Judge asks the policy in force, with the namespace as it stands. The webhook
// and the controller both ask through it.
type Judge struct {
	// Policy is the policy in force.
	Policy func() *policy.Policy
	// Namespaces holds metadata, from a cache.
	Namespaces client.Reader
	// Live is asked once when the cache misses: a namespace may have been
	// created a moment ago.
	Live client.Reader
}

// Evaluate judges a claim. An error means that it could not be judged.
func (j *Judge) Evaluate(ctx context.Context, claim *policy.Claim) (*policy.Verdict, error) {
	return j.EvaluateUpdate(ctx, claim)
}

// EvaluateUpdate judges what a claim asks anew, compared with old ones.
func (j *Judge) EvaluateUpdate(ctx context.Context, claim *policy.Claim, old ...*policy.Claim) (*policy.Verdict, error) {
	labels, err := j.labels(ctx, claim.Namespace)
	if err != nil {
		return nil, fmt.Errorf("labels of namespace %q: %w", claim.Namespace, err)
	}
	return j.Policy().EvaluateUpdate(claim, labels, old...), nil
}

// labels are none for a claim of the whole cluster.
func (j *Judge) labels(ctx context.Context, name string) (map[string]string, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // There is no namespace that could have any.
	}
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	err := j.Namespaces.Get(ctx, client.ObjectKey{Name: name}, namespace)
	if apierrors.IsNotFound(err) {
		err = j.Live.Get(ctx, client.ObjectKey{Name: name}, namespace)
	}
	return namespace.Labels, err
}
