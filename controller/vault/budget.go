package vault

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// budget is the highest request rate to one Vault. Who waits is served in order.
type budget struct {
	mutex   sync.Mutex
	limiter *rate.Limiter
	// changed closes when another limiter has taken the place of this one.
	changed chan struct{}
}

func newBudget(perSecond float64, burst int) *budget {
	return &budget{limiter: rate.NewLimiter(rate.Limit(perSecond), burst), changed: make(chan struct{})}
}

// set has everybody who waits do so by the new rate. What was saved up under the
// old one is gone: a change is no reason for a burst.
func (b *budget) set(perSecond float64, burst int) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.limiter.Limit() == rate.Limit(perSecond) && b.limiter.Burst() == burst {
		return
	}
	b.limiter = rate.NewLimiter(rate.Limit(perSecond), burst)
	b.limiter.AllowN(time.Now(), burst)
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *budget) inForce() (*rate.Limiter, <-chan struct{}) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.limiter, b.changed
}

// wait returns when a request may go out, or with the error of the context.
func (b *budget) wait(ctx context.Context) error {
	for {
		limiter, changed := b.inForce()
		reserved := limiter.Reserve()
		timer := time.NewTimer(reserved.Delay())
		select {
		case <-timer.C:
			return nil
		case <-changed:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			reserved.Cancel()
			return ctx.Err()
		}
	}
}
