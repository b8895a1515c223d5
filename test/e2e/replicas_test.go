package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/cluster"
	"github.com/countersign/countersign/test/harness"
)

// replicas are the pods of the release, those included that are about to go.
func replicas(ctx context.Context) ([]corev1.Pod, error) {
	pods := &corev1.PodList{}
	err := shared.env.Client.List(ctx, pods, client.InNamespace(cluster.ReleaseNamespace),
		client.MatchingLabels{"app.kubernetes.io/instance": releaseName})
	return pods.Items, err
}

// settled returns when there are two replicas, both ready, and none of those
// that went before.
func settled(t *testing.T, before ...corev1.Pod) []corev1.Pod {
	t.Helper()
	var pods []corev1.Pod
	harness.Await(t, within, func(ctx context.Context) (err error) {
		if pods, err = replicas(ctx); err != nil {
			return err
		}
		if len(pods) != 2 {
			return fmt.Errorf("%d replicas", len(pods))
		}
		for _, pod := range pods {
			if !isReady(&pod) || slices.ContainsFunc(before, func(old corev1.Pod) bool { return old.UID == pod.UID }) {
				return fmt.Errorf("%s is not ready, or still there", pod.Name)
			}
		}
		return nil
	})
	return pods
}

func isReady(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && slices.ContainsFunc(pod.Status.Conditions, func(condition corev1.PodCondition) bool {
		return condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue
	})
}

// containerOf a pod: there is one, and its id changes when it is restarted.
func containerOf(pod *corev1.Pod) string { return pod.Status.ContainerStatuses[0].ContainerID }

// leader is the replica that holds the lease.
func leader(t *testing.T) corev1.Pod {
	t.Helper()
	var held corev1.Pod
	harness.Await(t, within, func(ctx context.Context) error {
		lease := &coordinationv1.Lease{}
		if err := shared.env.Client.Get(ctx, client.ObjectKey{Namespace: cluster.ReleaseNamespace, Name: releaseName}, lease); err != nil {
			return err
		}
		pods, err := replicas(ctx)
		if err != nil {
			return err
		}
		for _, pod := range pods {
			if lease.Spec.HolderIdentity != nil && strings.HasPrefix(*lease.Spec.HolderIdentity, pod.Name+"_") {
				held = pod
				return nil
			}
		}
		return errors.New("no replica holds the lease")
	})
	return held
}

// evict asks for the pod to go, as "kubectl drain" does: again for as long as
// the PodDisruptionBudget says no.
func evict(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	harness.Await(t, within, func(ctx context.Context) error {
		eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}}
		return shared.env.Client.SubResource("eviction").Create(ctx, pod, eviction)
	})
}

// restarted returns when the kubelet has replaced the pod's container.
func restarted(t *testing.T, before *corev1.Pod) {
	t.Helper()
	harness.Await(t, within, func(ctx context.Context) error {
		pod := &corev1.Pod{}
		err := shared.env.Client.Get(ctx, client.ObjectKeyFromObject(before), pod)
		if err == nil && containerOf(pod) == containerOf(before) {
			err = errors.New("the container is the same")
		}
		return err
	})
}

// metrics are what a scrape of the pod returns.
func metrics(ctx context.Context, pod *corev1.Pod) (string, error) {
	path := fmt.Sprintf("/api/v1/namespaces/%s/pods/%s:8080/proxy/metrics", pod.Namespace, pod.Name)
	output, err := shared.env.Kubectl(ctx, "", "get", "--raw", path)
	if err == nil && output.ExitCode != 0 {
		err = errors.New(output.Stderr)
	}
	return output.Stdout, err
}
