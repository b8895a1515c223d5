package rollout

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

const (
	tenant = "team-load"
	role   = "kubernetes-external-secrets"
)

// tally counts admissions by how they ended.
type tally struct {
	admitted, refused                       atomic.Int64
	failed, wronglyAdmitted, wronglyRefused atomic.Int64
	mutex                                   sync.Mutex
	samples                                 []string
}

// notef keeps a few texts of what should not have happened.
func (c *tally) notef(counter *atomic.Int64, format string, args ...any) {
	const kept = 5
	counter.Add(1)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if len(c.samples) < kept {
		c.samples = append(c.samples, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
}

// load creates objects at a steady rate, as dry runs so that nothing piles up,
// until the test ends it: every other one is of a path that policy forbids.
type load struct {
	client client.Client
	tally  tally
	end    func()
}

func startLoad(t *testing.T, c client.Client, perSecond int) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{client: c}
	var working sync.WaitGroup
	working.Go(func() {
		ticker := time.NewTicker(time.Second / time.Duration(perSecond))
		defer ticker.Stop()
		for number := 0; ; number++ {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				working.Go(func() { l.create(context.WithoutCancel(ctx), number) })
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

func (l *load) create(ctx context.Context, number int) {
	allowed := number%2 == 0
	key := "kubernetes/data/" + tenant + "/app"
	if !allowed {
		key = "kubernetes/data/other/app"
	}
	object := &kesv1.ExternalSecret{
		ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: fmt.Sprintf("load-%d", number)},
		Spec:       kesv1.ExternalSecretSpec{BackendType: kesv1.BackendVault, VaultRole: role, DataFrom: []string{key}},
	}
	err := l.client.Create(ctx, object, client.DryRunAll)
	switch {
	case err != nil && !apierrors.IsInvalid(err):
		l.tally.notef(&l.tally.failed, "failed: %v", err)
	case err == nil && !allowed:
		l.tally.notef(&l.tally.wronglyAdmitted, "admitted %s", key)
	case err != nil && allowed:
		l.tally.notef(&l.tally.wronglyRefused, "refused: %v", err)
	case err == nil && object.Annotations[api.StampedAt] == "":
		// The stamp's failure policy is Ignore: this is how its failure looks.
		l.tally.notef(&l.tally.failed, "admitted without a stamp")
	case err == nil:
		l.tally.admitted.Add(1)
	default:
		l.tally.refused.Add(1)
	}
}

// verdict ends the load: nothing failed, and nothing was wrong.
func (l *load) verdict(t *testing.T) {
	t.Helper()
	l.end()
	c := &l.tally
	t.Logf("%d admitted, %d refused, %d failed, %d wrongly admitted, %d wrongly refused", c.admitted.Load(), c.refused.Load(),
		c.failed.Load(), c.wronglyAdmitted.Load(), c.wronglyRefused.Load())
	if c.admitted.Load() == 0 || c.refused.Load() == 0 {
		t.Error("the load did not reach both outcomes")
	}
	if c.failed.Load()+c.wronglyAdmitted.Load()+c.wronglyRefused.Load() > 0 {
		t.Error(errors.New(fmt.Sprint(c.samples)))
	}
}
