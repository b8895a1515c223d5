package main

import (
	"context"
	"fmt"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/countersign/countersign/webhook/certificates"
)

// serveWebhooks registers them once there is a certificate: the webhook server
// fails at once without. The channel closes when they are registered.
func serveWebhooks(mgr ctrl.Manager, options *serveOptions, register func()) (<-chan struct{}, error) {
	served := make(chan struct{})
	if options.certMode == certModeFiles {
		register()
		close(served)
		return served, nil
	}
	certified := make(chan struct{})
	issuer := newRotator(options, certified)
	if err := rotator.AddRotator(certificates.OnlySecret(mgr, options.certSecret), issuer); err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	rotation := &certificates.Rotation{
		Live: mgr.GetAPIReader(), Writer: mgr.GetClient(), Secret: issuer.SecretKey,
		Configuration: options.webhookConfiguration, Issuer: issuer, Clock: clock.RealClock{},
	}
	if err := rotation.SetupWithManager(mgr); err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	return served, mgr.Add(whenCertified{certified: certified, served: served, register: register})
}

// newRotator keeps a CA and a serving certificate in the Secret, and the CA in
// the webhook configurations.
func newRotator(options *serveOptions, certified chan struct{}) *rotator.CertRotator {
	return &rotator.CertRotator{
		SecretKey:      types.NamespacedName{Namespace: options.namespace, Name: options.certSecret},
		CertDir:        options.certDir,
		CAName:         "countersign-ca",
		CAOrganization: "countersign",
		DNSName:        fmt.Sprintf("%s.%s.svc", options.serviceName, options.namespace),
		ExtraDNSNames:  options.certExtraDNS,
		FieldOwner:     certificates.FieldOwner,
		IsReady:        certified,

		CaCertDuration: certificates.CALife, ServerCertDuration: certificates.LeafLife, LookaheadInterval: certificates.Lookahead,
		Webhooks: []rotator.WebhookInfo{
			{Name: options.webhookConfiguration, Type: rotator.Mutating},
			{Name: options.webhookConfiguration, Type: rotator.Validating},
		},
		// Every replica serves, so every replica looks after the certificate.
		RequireLeaderElection: false,
	}
}

// whenCertified is a runnable that registers the webhooks late.
type whenCertified struct {
	certified, served chan struct{}
	register          func()
}

var _ manager.LeaderElectionRunnable = whenCertified{}

func (w whenCertified) NeedLeaderElection() bool { return false }

func (w whenCertified) Start(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-w.certified:
	}
	w.register()
	close(w.served)
	<-ctx.Done()
	return nil
}
