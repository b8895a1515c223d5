package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/bench/stage"
)

const (
	// namespaces and the paths in each.
	namespaces, paths = 10, 5
	// namePrefix begins the names of objects, none of which is ever used twice.
	namePrefix = "soaked-"
	// editEvery is how often the policy is edited.
	editEvery = 3 * time.Second
	seed      = 9
)

// churn are the changes of a fleet. Each client has slots of its own, in which an
// object comes, changes, and goes.
type churn struct {
	*stage.Stage

	objects int
	mutex   sync.Mutex
	// names of the objects that stand, and how many there ever were.
	names map[client.ObjectKey]bool
	ever  int
	tally tally
}

// tally counts changes, and those that policy forbids by how they ended.
type tally struct{ created, updated, deleted, refused, wronglyAdmitted, edits int }

func (t tally) changes() int { return t.created + t.updated + t.deleted }

func (t *tally) copy() tally { return *t }

func newChurn(ctx context.Context, s *stage.Stage, objects int) (*churn, error) {
	for i := range namespaces {
		name := namespaceOf(i)
		if err := s.Env.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return nil, err
		}
		for j := range paths {
			if err := s.PutSecret(ctx, pathOf(name, j), "1"); err != nil {
				return nil, err
			}
		}
	}
	return &churn{Stage: s, objects: objects, names: map[client.ObjectKey]bool{}}, nil
}

func namespaceOf(i int) string { return fmt.Sprintf("%s%d", stage.TenantPrefix, i%namespaces) }

func pathOf(namespace string, i int) string { return fmt.Sprintf("%s/%d", namespace, i) }

func (c *churn) count(number *int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	*number++
}

// change does one thing after another at a pace, until the time is up.
func (c *churn) change(ctx context.Context, number int, pace time.Duration) error {
	random := rand.New(rand.NewPCG(seed, uint64(number))) //nolint:gosec // The same changes each time; no secret.
	mine, err := c.fill(ctx, random)
	if err != nil {
		return err
	}
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if mine, err = c.changeOne(ctx, mine, random); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// fill has as many objects as there are on average, so that the process does not
// grow by them.
func (c *churn) fill(ctx context.Context, random *rand.Rand) (mine []client.ObjectKey, err error) {
	for range c.objects / 8 {
		key, err := c.create(ctx, random)
		if err != nil {
			return nil, err
		}
		mine = append(mine, key)
	}
	return mine, nil
}

// changeOne returns the objects that a client has then.
func (c *churn) changeOne(ctx context.Context, mine []client.ObjectKey, random *rand.Rand) ([]client.ObjectKey, error) {
	switch choice := random.IntN(10); {
	case choice == 0:
		return mine, c.askForbidden(ctx, namespaceOf(random.IntN(namespaces)))
	case len(mine) == 0 || choice < 4 && len(mine) < c.objects/4:
		key, err := c.create(ctx, random)
		return append(mine, key), err
	case choice < 7:
		return mine, c.update(ctx, mine[random.IntN(len(mine))], random)
	default:
		i := random.IntN(len(mine))
		gone := mine[i]
		return slices.Delete(mine, i, i+1), c.remove(ctx, gone)
	}
}

func (c *churn) create(ctx context.Context, random *rand.Rand) (client.ObjectKey, error) {
	c.mutex.Lock()
	c.ever++
	key := client.ObjectKey{Namespace: namespaceOf(random.IntN(namespaces)), Name: fmt.Sprintf("%s%d", namePrefix, c.ever)}
	c.names[key] = true
	c.mutex.Unlock()
	c.count(&c.tally.created)
	return key, c.Env.Client.Create(ctx, stage.ExternalSecret(key, pathOf(key.Namespace, random.IntN(paths))))
}

// update asks for another path, or for the same once more.
func (c *churn) update(ctx context.Context, key client.ObjectKey, random *rand.Rand) error {
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:"%d"}}}`, api.Resync, random.Uint64())
	if random.IntN(2) == 0 {
		path := stage.Mount + "/data/" + pathOf(key.Namespace, random.IntN(paths))
		patch = fmt.Sprintf(`{"spec":{"data":[{"name":"a","key":%q,"property":"a"}]}}`, path)
	}
	object := &kesv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	c.count(&c.tally.updated)
	return c.Env.Client.Patch(ctx, object, client.RawPatch(types.MergePatchType, []byte(patch)))
}

func (c *churn) remove(ctx context.Context, key client.ObjectKey) error {
	object := &kesv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	if err := c.Env.Client.Delete(ctx, object); err != nil {
		return err
	}
	c.count(&c.tally.deleted)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	delete(c.names, key)
	return nil
}

// askForbidden for what another namespace has.
func (c *churn) askForbidden(ctx context.Context, namespace string) error {
	key := client.ObjectKey{Namespace: namespace, Name: namePrefix + "forbidden"}
	switch err := c.Env.Client.Create(ctx, stage.ExternalSecret(key, "elsewhere/app"), client.DryRunAll); {
	case err == nil:
		c.count(&c.tally.wronglyAdmitted)
		return nil
	case apierrors.IsInvalid(err):
		c.count(&c.tally.refused)
		return nil
	default:
		return err
	}
}

// editPolicy gives and takes a rule that nobody needs, again and again.
func (c *churn) editPolicy(ctx context.Context) error {
	const head = "apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nallow: "
	ticker := time.NewTicker(editEvery)
	defer ticker.Stop()
	object := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: stage.ReleaseNamespace, Name: "edited", Labels: map[string]string{"countersign.dev/policy": "true"}},
		Data:       map[string]string{"policy.yaml": head + "[]"},
	}
	if err := c.Env.Client.Create(ctx, object); err != nil {
		return err
	}
	for edit := 0; ; edit++ {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		rule := fmt.Sprintf("[{name: r%d, namespaces: {names: [nobody]}, paths: [%s/data/nobody/*], roles: [none]}]", edit, stage.Mount)
		if edit%2 != 0 {
			rule = "[]"
		}
		object.Data["policy.yaml"] = head + rule
		if err := c.Env.Client.Update(ctx, object); err != nil && ctx.Err() == nil {
			return err
		}
		c.count(&c.tally.edits)
	}
}

// standing are the objects that were not deleted. One whose creation the end of
// the soak cut short may not be there.
func (c *churn) standing() map[client.ObjectKey]bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.names
}

func (c *churn) countNotReady(ctx context.Context) (int, error) {
	list := &kesv1.ExternalSecretList{}
	if err := c.Env.Client.List(ctx, list); err != nil {
		return 0, err
	}
	notReady := 0
	for i := range list.Items {
		object := &list.Items[i]
		ready := apimeta.FindStatusCondition(object.Status.Conditions, api.ConditionReady)
		if ready == nil || ready.Status != metav1.ConditionTrue || object.Status.SyncedGeneration != object.Generation ||
			object.Status.SyncedResync != object.Annotations[api.Resync] {
			notReady++
		}
	}
	return notReady, nil
}

// countLogins are the leases of logins that Vault holds.
// https://developer.hashicorp.com/vault/api-docs/system/leases
func (c *churn) countLogins(ctx context.Context) (int, error) {
	listed, err := c.Env.Vault.Client.Logical().ListWithContext(ctx, "sys/leases/lookup/auth/"+stage.Mount+"/login/")
	if err != nil || listed == nil {
		return 0, err
	}
	keys, _ := listed.Data["keys"].([]any)
	return len(keys), nil
}

// countSeries of objects: those of all that stand, and those of what is gone.
func countSeries(text string, standing map[client.ObjectKey]bool) (series, left int) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") || !strings.Contains(line, `"`+namePrefix) {
			continue
		}
		series++
		if !names(line, standing) {
			left++
		}
	}
	return series, left
}

func names(line string, standing map[client.ObjectKey]bool) bool {
	for key := range standing {
		if strings.Contains(line, fmt.Sprintf("%q", key.Name)) {
			return true
		}
	}
	return false
}
