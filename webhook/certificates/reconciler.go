package certificates

import (
	"bytes"
	"context"
	"fmt"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Rotation replaces the CA in steps. It runs on the leader.
type Rotation struct {
	// Live reads from the apiserver: the cache holds no data of Secrets.
	Live   client.Reader
	Writer client.Writer
	// Secret holds the certificates, Configuration is the name of both webhook
	// configurations.
	Secret        types.NamespacedName
	Configuration string
	// Issuer is cert-controller's rotator, so that all certificates are alike.
	Issuer *rotator.CertRotator
	Clock  clock.PassiveClock
}

// SetupWithManager follows the Secret.
func (r *Rotation) SetupWithManager(mgr ctrl.Manager) error {
	ours := predicate.NewPredicateFuncs(func(object client.Object) bool {
		return client.ObjectKeyFromObject(object) == r.Secret
	})
	return ctrl.NewControllerManagedBy(mgr).
		Named("certificates").
		For(&corev1.Secret{}, builder.OnlyMetadata, builder.WithPredicates(ours)).
		Complete(r)
}

// Reconcile makes the step that is due, if any.
func (r *Rotation) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	secret := &corev1.Secret{}
	if err := r.Live.Get(ctx, r.Secret, secret); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	step, wait := bundle(secret.Data).due(r.Clock.Now())
	if step == stageNone {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	if step == stageSwitch {
		if trusted, err := r.isTrusted(ctx, secret.Data[nextCAFile]); err != nil || !trusted {
			return reconcile.Result{RequeueAfter: settle}, err
		}
	}
	changed, err := bundle(secret.Data).take(step, r.Issuer, r.Clock.Now())
	if err != nil {
		return reconcile.Result{}, err
	}
	secret.Data = changed
	if err := r.Writer.Update(ctx, secret, client.FieldOwner(FieldOwner), client.DisableReadYourWritesConsistency); err != nil {
		return reconcile.Result{}, fmt.Errorf("certificates: %w", err)
	}
	log.FromContext(ctx).Info("rotating the CA", "step", string(step))
	return reconcile.Result{}, nil
}

// FieldOwner owns what is written of certificates.
const FieldOwner = "countersign-certificates"

// isTrusted reports that both webhook configurations carry a CA.
func (r *Rotation) isTrusted(ctx context.Context, ca []byte) (bool, error) {
	mutating := &admissionregistrationv1.MutatingWebhookConfiguration{}
	if err := r.Live.Get(ctx, client.ObjectKey{Name: r.Configuration}, mutating); err != nil {
		return false, err
	}
	validating := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	if err := r.Live.Get(ctx, client.ObjectKey{Name: r.Configuration}, validating); err != nil {
		return false, err
	}
	configs := make([]admissionregistrationv1.WebhookClientConfig, 0, len(mutating.Webhooks)+len(validating.Webhooks))
	for i := range mutating.Webhooks {
		configs = append(configs, mutating.Webhooks[i].ClientConfig)
	}
	for i := range validating.Webhooks {
		configs = append(configs, validating.Webhooks[i].ClientConfig)
	}
	for i := range configs {
		if !bytes.Contains(configs[i].CABundle, bytes.TrimSpace(ca)) {
			return false, nil
		}
	}
	return true, nil
}
