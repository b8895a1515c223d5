package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/cluster"
	"github.com/countersign/countersign/test/harness"
	"github.com/countersign/countersign/test/load"
)

const (
	perSecond = 20
	standing  = 8
)

// underLoad has the release settled, and does something to it while admissions
// are asked for; what it returns is what became of them.
func underLoad(t *testing.T, disturb func(before []corev1.Pod)) load.Tally {
	t.Helper()
	released(t)
	before := settled(t)
	l := startLoad(t)
	disturb(before)
	synced(t)
	counted := l.End()
	t.Log(counted)
	if err := counted.NothingWrong(); err != nil {
		t.Error(err)
	}
	return counted
}

func startLoad(t *testing.T) *load.Load {
	t.Helper()
	return load.Start(t, load.Options{
		Client: shared.env.Client, Namespace: tenant, Role: cluster.Role, PerSecond: perSecond, Standing: standing,
	})
}

func nothingFailed(t *testing.T, counted load.Tally) {
	t.Helper()
	if err := counted.NothingFailed(); err != nil {
		t.Error(err)
	}
}

// failedWithin: there may be failures, all within a time.
func failedWithin(t *testing.T, counted load.Tally, bound time.Duration) {
	t.Helper()
	if counted.Failing > bound {
		t.Errorf("requests failed over %s, longer than %s: %q", counted.Failing, bound, counted.Samples)
	}
}

// synced changes a value in Vault, asks for it anew, and returns when the
// Secret has it: the whole way works.
func synced(t *testing.T) {
	t.Helper()
	value := rand.Text()
	if err := shared.env.Vault.PutKV(t.Context(), cluster.Mount, tenant+"/probe", map[string]any{"password": value}); err != nil {
		t.Fatal(err)
	}
	object := strings.Replace(externalSecret("probe", "kubernetes/data/"+tenant+"/probe"), "name: probe,", "name: probe, annotations: {countersign.dev/resync: "+value+"},", 1)
	harness.Await(t, within, func(context.Context) error {
		if output := tryKubectl(t, object, "apply", "-f", "-"); output.ExitCode != 0 {
			return errors.New(output.Stderr)
		}
		return nil
	})
	harness.Await(t, within, func(ctx context.Context) error {
		secret := &corev1.Secret{}
		err := shared.env.Client.Get(ctx, client.ObjectKey{Namespace: tenant, Name: "probe"}, secret)
		if err == nil && string(secret.Data["password"]) != value {
			err = errors.New("the Secret has the value from before")
		}
		return err
	})
}

// A changed value replaces the pods one after the other.
func TestLoadRollingUpgrade(t *testing.T) {
	nothingFailed(t, underLoad(t, func(before []corev1.Pod) {
		changed := values()
		changed["podAnnotations"] = map[string]any{buildAnnotation: shared.build, "countersign.test/rolled": time.Now().Format(time.RFC3339)}
		upgrade(t, thisChart(), changed)
		settled(t, before...)
	}))
}

// Draining nodes evicts pods, and heeds the PodDisruptionBudget.
func TestLoadEviction(t *testing.T) {
	nothingFailed(t, underLoad(t, func(before []corev1.Pod) {
		for _, pod := range before {
			evict(t, &pod)
		}
		settled(t, before...)
	}))
}

// All pods of the node are deleted at once: they serve until others do.
func TestLoadAllPodsDeleted(t *testing.T) {
	nothingFailed(t, underLoad(t, func(before []corev1.Pod) {
		kubectl(t, "", "delete", "pods", "--all", "--namespace="+cluster.ReleaseNamespace, "--wait=false")
		settled(t, before...)
	}))
}
