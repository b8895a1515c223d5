package webhook

import (
	"github.com/go-logr/logr"
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
	server.Register(StampPath, newWebhook(stamp))
	server.Register(EnforcePath, newWebhook(handlers))
}

// newWebhook leaves what is known of a request out of its logger: that is written
// out when it is given, and most requests log nothing.
func newWebhook(handler admission.Handler) *admission.Webhook {
	unnamed := func(base logr.Logger, _ *admission.Request) logr.Logger { return base }
	return &admission.Webhook{Handler: handler, RecoverPanic: new(false), LogConstructor: unnamed}
}

// RegisterGuard serves the webhook for policy ConfigMaps.
func RegisterGuard(mgr ctrl.Manager, guard *Guard) {
	validator := admission.WithValidator[*corev1.ConfigMap](mgr.GetScheme(), guard)
	mgr.GetWebhookServer().Register(PolicyPath, validator.WithRecoverPanic(false))
}
