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
)

// errOutdated: what stands there is no longer what the write was meant for.
var errOutdated = errors.New("it is not the one that was looked at")

// persist writes to the apiserver. What passes is waited for here: another
// reconcile would visit Vault again. After a conflict catchUp looks at what has
// changed; it says errOutdated where that matters.
func persist(ctx context.Context, write, catchUp func() error) error {
	mayPass := func(err error) bool {
		return ctx.Err() == nil && !errors.Is(err, errOutdated) && !isFinal(err) && (isPassing(err) || apierrors.IsConflict(err))
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
func (r *Reconciler) catchUpSecret(ctx context.Context, this *attempt) error {
	now, err := standingIn(ctx, r.Live, this)
	if err != nil {
		return err
	}
	before := this.secret
	if now.isGone() && before.isGone() {
		// The conflict was another's: a ResourceQuota counts one at a time.
		return nil
	}
	if now.isGone() || before.isGone() || now.meta.UID != before.meta.UID || !equality.Semantic.DeepEqual(now.entry(), before.entry()) {
		return errOutdated
	}
	this.secret = now
	if notOwned(this) != nil {
		return errOutdated
	}
	return nil
}
