package controller

import (
	"cmp"
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"

	"github.com/countersign/countersign/api"
)

// errOutdated: what stands there is no longer what the write was meant for.
var errOutdated = errors.New("it is not the one that was looked at")

// persist writes to the apiserver. What passes is waited for here: another
// reconcile would visit Vault again. After a conflict catchUp looks at what has
// changed; it says errOutdated where that matters.
func persist(ctx context.Context, write, catchUp func() error) error {
	mayPass := func(err error) bool {
		return ctx.Err() == nil && !errors.Is(err, errOutdated) && (isPassing(err) || apierrors.IsConflict(err))
	}
	return retry.OnError(passing(), mayPass, func() error {
		err := write()
		if apierrors.IsConflict(err) {
			return cmp.Or(catchUp(), err)
		}
		return err
	})
}

// passing is ten seconds in all.
func passing() wait.Backoff {
	return wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 7}
}

// catchUpSecret with what others have changed of the Secret. A change of our
// own entry is another leader's: it has read Vault later than we did.
func (r *Reconciler) catchUpSecret(ctx context.Context, source api.Source, secret *standing) error {
	now, err := secretMetadata(ctx, r.Live, source)
	if err != nil {
		return err
	}
	if now.isGone() || secret.isGone() || now.meta.UID != secret.meta.UID || !sameEntry(secret, now) || notOwned(source, now) != nil {
		return errOutdated
	}
	secret.meta = now.meta
	return nil
}

func sameEntry(a, b *standing) bool {
	return equality.Semantic.DeepEqual(ownEntry(a.meta.ManagedFields), ownEntry(b.meta.ManagedFields))
}
