package vault

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"
)

const (
	// failuresToOpen in a row, of different paths, open the breaker, where none
	// of them alone says that Vault as a whole is away: one path that fails again
	// and again is its own trouble, and nobody else waits for it.
	failuresToOpen = 3
	firstProbe     = time.Second
	// longestRetryAfter bounds what Vault may ask for.
	longestRetryAfter = 5 * time.Minute
)

// LongestProbe is the longest that an absent Vault is left without a probe, if
// it does not ask for more and somebody wants to read.
const LongestProbe = 15 * time.Second

// breaker keeps requests from a Vault that is away. While it is open, one
// request at a time is let through as a probe, at growing intervals; the first
// that succeeds closes it.
type breaker struct {
	clock clock.PassiveClock
	// closed is called when Vault is back.
	closed func()

	mutex    sync.Mutex
	failing  map[string]struct{}
	open     bool
	probing  bool
	probeAt  time.Time
	interval time.Duration
	// closings counts how often Vault was back.
	closings int
}

func newBreaker(c clock.PassiveClock, closed func()) *breaker {
	return &breaker{clock: c, closed: closed, failing: map[string]struct{}{}}
}

// allow reports whether a request may go out now. One that may has to report
// its end.
func (b *breaker) allow() bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if !b.lets() {
		return false
	}
	b.probing = b.open
	return true
}

// mayTry spares a request that would not be allowed the wait for the budget.
func (b *breaker) mayTry() bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.lets()
}

// lets is for those who hold the lock.
func (b *breaker) lets() bool {
	return !b.open || !b.probing && !b.clock.Now().Before(b.probeAt)
}

// isOpen reports whether Vault is taken for away.
func (b *breaker) isOpen() bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.open
}

// succeeded says that Vault answered, whatever the answer was.
func (b *breaker) succeeded() {
	b.mutex.Lock()
	wasOpen := b.open
	b.open, b.probing, b.interval = false, false, 0
	clear(b.failing)
	if wasOpen {
		b.closings++
	}
	b.mutex.Unlock()
	if wasOpen {
		b.closed()
	}
}

// comebacks is how often Vault was back so far.
func (b *breaker) comebacks() int {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.closings
}

// failed says that Vault could not answer what it was asked about. Grave is a
// failure of Vault as a whole; retryAfter is what it asked for, if anything.
func (b *breaker) failed(about string, grave bool, retryAfter time.Duration) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.failing[about] = struct{}{}
	if b.open && !b.probing {
		// It was under way before the breaker opened.
		return
	}
	if !b.open && !grave && len(b.failing) < failuresToOpen {
		return
	}
	b.open, b.probing = true, false
	b.interval = min(max(2*b.interval, firstProbe), LongestProbe)
	// Up to a fifth less, so that one Vault's clients do not probe in step.
	next := wait.Jitter(b.interval*4/5, 0.25)
	b.probeAt = b.clock.Now().Add(max(next, min(retryAfter, longestRetryAfter)))
}

// abandoned says that a request that was allowed was not sent after all.
func (b *breaker) abandoned() {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.probing = false
}
