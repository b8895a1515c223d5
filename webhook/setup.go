package webhook

import (
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/countersign/countersign/api"
)

// The paths that the chart's webhook configurations call.
const (
	StampPath   = "/stamp"
	EnforcePath = "/enforce"
	PolicyPath  = "/policy"
)

// Register serves both webhooks for one dialect. The manager's webhook server
// must find its certificates by then. Panics are the Server's to recover.
func Register[T api.Source](mgr ctrl.Manager, stamp *Stamp, enforce *Enforce[T]) {
	server := mgr.GetWebhookServer()
	server.Register(StampPath, &admission.Webhook{Handler: stamp, RecoverPanic: new(false)})
	validator := admission.WithValidator(mgr.GetScheme(), enforce)
	server.Register(EnforcePath, &admission.Webhook{Handler: audited{validator.Handler}, RecoverPanic: new(false)})
}

// RegisterGuard serves the webhook for policy ConfigMaps.
func RegisterGuard(mgr ctrl.Manager, guard *Guard) {
	validator := admission.WithValidator[*corev1.ConfigMap](mgr.GetScheme(), guard)
	mgr.GetWebhookServer().Register(PolicyPath, validator.WithRecoverPanic(false))
}
