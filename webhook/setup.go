package webhook

import (
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/countersign/countersign/api"
)

// The paths that the chart's webhook configurations call.
const (
	StampPath   = "/stamp"
	EnforcePath = "/enforce"
)

// Register serves both webhooks for one dialect. The manager's webhook server
// must find its certificates by then.
func Register[T api.Source](mgr ctrl.Manager, object T, stamp *Stamp, enforce *Enforce[T]) error {
	mgr.GetWebhookServer().Register(StampPath, &admission.Webhook{Handler: stamp, RecoverPanic: new(true)})
	err := ctrl.NewWebhookManagedBy(mgr, object).
		WithValidator(enforce).
		WithValidatorCustomPath(EnforcePath).
		RecoverPanic(true).
		Complete()
	if err != nil {
		return fmt.Errorf("register webhooks: %w", err)
	}
	return nil
}
