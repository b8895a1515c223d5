package stage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// Arrivals are the tenants' Secrets as they come into being. A watch tells them
// without a load of its own.
type Arrivals struct{ watch watch.Interface }

// WatchArrivals begins now.
func (s *Stage) WatchArrivals(ctx context.Context) (*Arrivals, error) {
	secrets := &metav1.PartialObjectMetadataList{}
	secrets.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	watching, err := s.Env.Client.Watch(ctx, secrets)
	return &Arrivals{watching}, err
}

// Await returns when that many have come, and the time that the last one did.
func (a *Arrivals) Await(ctx context.Context, wanted int) (time.Time, error) {
	defer a.watch.Stop()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for come := 0; come < wanted; {
		select {
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("%d of %d Secrets stand: %w", come, wanted, ctx.Err())
		case event, ok := <-a.watch.ResultChan():
			if !ok {
				return time.Time{}, errors.New("the watch of Secrets ended")
			}
			if secret, _ := event.Object.(*metav1.PartialObjectMetadata); event.Type == watch.Added && secret != nil &&
				strings.HasPrefix(secret.Namespace, TenantPrefix) {
				come++
			}
		}
	}
	return time.Now(), nil
}
