// Package load puts a steady load on admission and counts every answer. Part
// of the load asks for what policy forbids: that must always be refused,
// whatever is broken at the moment.
package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
)

// answerWithin bounds one request.
const answerWithin = 30 * time.Second

// Options say what is asked, and how often.
type Options struct {
	Client client.Client
	// Namespace may read its own tree below kubernetes/data with Role, and
	// nothing else.
	Namespace, Role string
	PerSecond       int
	// Standing is how many objects are kept and updated, in turn with the
	// creates; 0: creates only.
	Standing int
}

// Load creates objects at a steady rate, as dry runs so that nothing piles up,
// and updates those that stand for real, until it is ended.
type Load struct {
	Options
	tally  tally
	stamps sync.Map
	end    func()
}

// Start begins the load; it ends with the test at the latest.
func Start(t testing.TB, options Options) *Load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &Load{Options: options}
	l.tally.started = time.Now()
	for number := range options.Standing {
		if err := l.stand(ctx, number); err != nil {
			t.Fatal(err)
		}
	}
	var working sync.WaitGroup
	working.Go(func() {
		ticker := time.NewTicker(time.Second / time.Duration(options.PerSecond))
		defer ticker.Stop()
		for number := 0; ; number++ {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				working.Go(func() { l.ask(context.WithoutCancel(ctx), number) })
			}
		}
	})
	l.end = sync.OnceFunc(func() {
		cancel()
		working.Wait()
	})
	t.Cleanup(l.end)
	return l
}

// End returns what was counted.
func (l *Load) End() Tally {
	l.end()
	return l.tally.sum()
}

// Path that the namespace may read.
func (l *Load) Path() string { return "kubernetes/data/" + l.Namespace + "/app" }

func (l *Load) object(name, path string) *kesv1.ExternalSecret {
	return &kesv1.ExternalSecret{
		ObjectMeta: metav1.ObjectMeta{Namespace: l.Namespace, Name: name},
		Spec:       kesv1.ExternalSecretSpec{BackendType: kesv1.BackendVault, VaultRole: l.Role, DataFrom: []string{path}},
	}
}

func standing(number int) string { return fmt.Sprintf("standing-%d", number) }

// stand leaves an object of an earlier load as it is.
func (l *Load) stand(ctx context.Context, number int) error {
	return client.IgnoreAlreadyExists(l.Client.Create(ctx, l.object(standing(number), l.Path())))
}

// ask makes the next request: every other one is of a path that policy forbids.
func (l *Load) ask(ctx context.Context, number int) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	const forbidden = "kubernetes/data/other/app"
	path := l.Path()
	if number%2 != 0 {
		path = forbidden
	}
	started := time.Now()
	var object *kesv1.ExternalSecret
	var err error
	if l.Standing > 0 && number/2%2 != 0 {
		object, err = l.update(ctx, number, path)
	} else {
		object = l.object(fmt.Sprintf("load-%d", number), path)
		err = l.Client.Create(ctx, object, client.DryRunAll)
	}
	l.tally.took(time.Since(started))
	l.count(object, path != forbidden, err)
}

// update asks for another read, so that no two are alike, or for another path.
func (l *Load) update(ctx context.Context, number int, path string) (*kesv1.ExternalSecret, error) {
	object := &kesv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{Namespace: l.Namespace, Name: standing(number / 4 % l.Standing)}}
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:"load-%d-%d"}},"spec":{"dataFrom":[%q]}}`,
		api.Resync, l.tally.started.UnixNano(), number, path)
	return object, l.Client.Patch(ctx, object, client.RawPatch("application/merge-patch+json", []byte(patch)))
}

func (l *Load) count(object *kesv1.ExternalSecret, allowed bool, err error) {
	switch {
	case err != nil && !apierrors.IsInvalid(err):
		l.tally.notef(&l.tally.failed, "failed: %v", err)
	case err == nil && !allowed:
		l.tally.notef(&l.tally.wronglyAdmitted, "admitted %s", object.Spec.DataFrom)
	case err != nil && allowed:
		l.tally.notef(&l.tally.wronglyRefused, "refused: %v", err)
	case err == nil && !l.isStamped(object):
		// The stamp's failure policy is Ignore: this is how its failure looks.
		l.tally.notef(&l.tally.failed, "admitted without a stamp")
	case err == nil:
		l.tally.admitted.Add(1)
	default:
		l.tally.refused.Add(1)
	}
}

// isStamped is false for a stamp that the object had before.
func (l *Load) isStamped(object *kesv1.ExternalSecret) bool {
	stamp := object.Annotations[api.StampedAt]
	_, known := l.stamps.LoadOrStore(object.Name+" "+stamp, true)
	return stamp != "" && !known
}

// tally counts admissions by how they ended.
type tally struct {
	started                                 time.Time
	admitted, refused                       atomic.Int64
	failed, wronglyAdmitted, wronglyRefused atomic.Int64
	mutex                                   sync.Mutex
	slowest                                 time.Duration
	firstFailure, lastFailure               time.Time
	samples                                 []string
}

// notef keeps a few texts of what should not have happened.
func (c *tally) notef(counter *atomic.Int64, format string, args ...any) {
	const kept = 5
	counter.Add(1)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	now := time.Now()
	if c.firstFailure.IsZero() {
		c.firstFailure = now
	}
	c.lastFailure = now
	if len(c.samples) < kept {
		c.samples = append(c.samples, now.Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
}

func (c *tally) took(time time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.slowest = max(c.slowest, time)
}

func (c *tally) sum() Tally {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return Tally{
		Admitted: c.admitted.Load(), Refused: c.refused.Load(), Failed: c.failed.Load(),
		WronglyAdmitted: c.wronglyAdmitted.Load(), WronglyRefused: c.wronglyRefused.Load(),
		Slowest: c.slowest, Failing: c.lastFailure.Sub(c.firstFailure), Samples: c.samples,
	}
}

// Tally is how the requests ended.
type Tally struct {
	Admitted, Refused int64
	// Failed are those that nobody judged.
	Failed                          int64
	WronglyAdmitted, WronglyRefused int64
	// Slowest answer, and the time from the first to the last one that was not
	// as it should be.
	Slowest, Failing time.Duration
	// Samples of what was not as it should be.
	Samples []string
}

// String is one line of numbers.
func (t Tally) String() string {
	return fmt.Sprintf("%d tried: %d admitted, %d refused, %d failed (within %s), %d wrongly admitted, %d wrongly refused; slowest %s",
		t.Admitted+t.Refused+t.Failed+t.WronglyAdmitted+t.WronglyRefused, t.Admitted, t.Refused, t.Failed, t.Failing.Round(time.Millisecond),
		t.WronglyAdmitted, t.WronglyRefused, t.Slowest.Round(time.Millisecond))
}

// NothingWrong is nil when nothing was decided wrongly, and both answers came.
func (t Tally) NothingWrong() error {
	if t.WronglyAdmitted+t.WronglyRefused > 0 {
		return fmt.Errorf("%s: %q", t, t.Samples)
	}
	if t.Admitted == 0 || t.Refused == 0 {
		return errors.New("the load did not reach both outcomes")
	}
	return nil
}

// NothingFailed is nil when each request was answered, too.
func (t Tally) NothingFailed() error {
	if t.Failed > 0 {
		return fmt.Errorf("%s: %q", t, t.Samples)
	}
	return t.NothingWrong()
}
