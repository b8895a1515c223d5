package e2e

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/harness"
)

// One of two replicas hangs: it answers nobody, and nobody refuses its
// connections. It is the one that answers more: the apiserver keeps its
// connections to webhooks. How many requests that costs is in
// docs/failing-closed.md; the bound is for a machine that is busy.
func TestLoadReplicaFrozen(t *testing.T) {
	node := onNode(t, "freeze a process")
	counted := underLoad(t, func(before []corev1.Pod) {
		frozen := busiest(t, before)
		signal := func(signal syscall.Signal) {
			if err := node.Signal(containerOf(&frozen), signal); err != nil {
				t.Fatal(err)
			}
		}
		signal(syscall.SIGSTOP)
		notReady(t, &frozen)
		signal(syscall.SIGCONT)
		settled(t)
	})
	failedWithin(t, counted, 90*time.Second)
}

// notReady returns when the kubelet has found out.
func notReady(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	harness.Await(t, within, func(ctx context.Context) error {
		now := &corev1.Pod{}
		err := shared.env.Client.Get(ctx, client.ObjectKeyFromObject(pod), now)
		if err == nil && isReady(now) {
			err = errors.New("the pod is ready")
		}
		return err
	})
}

// busiest is the replica that answers most from now on.
func busiest(t *testing.T, pods []corev1.Pod) corev1.Pod {
	t.Helper()
	const enough = 20
	before := []float64{answers(t, &pods[0]), answers(t, &pods[1])}
	var first, second float64
	harness.Await(t, within, func(context.Context) error {
		first, second = answers(t, &pods[0])-before[0], answers(t, &pods[1])-before[1]
		if first+second < enough {
			return errors.New("too few answers")
		}
		return nil
	})
	t.Logf("%s has answered %v, %s %v", pods[0].Name, first, pods[1].Name, second)
	if first < second {
		return pods[1]
	}
	return pods[0]
}

// answers of a replica to the apiserver, ever.
func answers(t *testing.T, pod *corev1.Pod) float64 {
	t.Helper()
	scraped, err := metrics(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for line := range strings.Lines(scraped) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), "} "); found && strings.HasPrefix(name, "controller_runtime_webhook_requests_total{") {
			count, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += count
		}
	}
	return sum
}
