package webhook

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// The paths that the chart's webhook configurations call.
const (
	StampPath   = "/stamp"
	EnforcePath = "/enforce"
	PolicyPath  = "/policy"
)

// Register serves both webhooks for all dialects. The manager's webhook server
// must find its certificates by then. Panics are the Server's to recover.
func Register(mgr ctrl.Manager, stamp *Stamp, enforcement *Enforcement, validators map[schema.GroupVersionKind]Validator) {
	handlers := byKind{}
	for kind, validator := range validators {
		handlers[kind] = validator(mgr.GetScheme(), enforcement)
	}
	server := mgr.GetWebhookServer()
	server.Register(StampPath, &admission.Webhook{Handler: stamp, RecoverPanic: new(false)})
	server.Register(EnforcePath, &admission.Webhook{Handler: handlers, RecoverPanic: new(false)})
}

// RegisterGuard serves the webhook for policy ConfigMaps.
func RegisterGuard(mgr ctrl.Manager, guard *Guard) {
	validator := admission.WithValidator[*corev1.ConfigMap](mgr.GetScheme(), guard)
	mgr.GetWebhookServer().Register(PolicyPath, validator.WithRecoverPanic(false))
}
