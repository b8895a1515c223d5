package integration

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/policy"
	"github.com/countersign/countersign/test/harness"
)

const policyHead = "apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\n"

// writePolicy creates a policy ConfigMap, or replaces it, and deletes it when
// the test ends.
func (n *tenant) writePolicy(name, text string) {
	n.t.Helper()
	configMap := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: releaseNamespace, Name: name, Labels: map[string]string{"countersign.dev/policy": "true"}},
		Data:       map[string]string{"policy.yaml": strings.ReplaceAll(text, "NS", n.ns)},
	}
	err := n.env.Client.Create(n.t.Context(), configMap)
	if apierrors.IsAlreadyExists(err) {
		err = n.env.Client.Update(n.t.Context(), configMap)
	} else if err == nil {
		n.t.Cleanup(func() { n.removePolicy(configMap) })
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

// removePolicy returns once the process has taken it in, so that the next test
// sees no change of this one. While others of the test are there, they may be
// bad; the last one waits.
func (n *tenant) removePolicy(configMap *corev1.ConfigMap) {
	ctx := context.WithoutCancel(n.t.Context())
	removed := time.Now()
	if n.env.Client.Delete(ctx, configMap) != nil {
		// The test has removed it itself.
		return
	}
	left := &corev1.ConfigMapList{}
	if err := n.env.Client.List(ctx, left, client.InNamespace(releaseNamespace), client.MatchingLabels{policy.Label: "true"}); err != nil || len(left.Items) > 1 {
		return
	}
	if err := harness.Eventually(ctx, 50*time.Millisecond, within, func(ctx context.Context) error { return n.reloadedSince(ctx, removed) }); err != nil {
		n.t.Error(err)
	}
}

func (n *tenant) reloadedSince(ctx context.Context, since time.Time) error {
	text, err := n.process.Metrics(ctx)
	if err != nil {
		return err
	}
	found := regexp.MustCompile(`(?m)^countersign_policy_last_success_timestamp_seconds (\S+)`).FindStringSubmatch(text)
	if found == nil {
		return errors.New("no time of a reload in the metrics")
	}
	seconds, err := strconv.ParseFloat(found[1], 64)
	if err == nil && seconds < float64(since.UnixNano())/1e9 {
		err = errors.New("the policy is not reloaded yet")
	}
	return err
}

func (n *tenant) metrics() string {
	n.t.Helper()
	text, err := n.process.Metrics(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	return text
}

// revision is that of the policy in force.
func (n *tenant) revision() string {
	n.t.Helper()
	found := regexp.MustCompile(`countersign_policy_info\{revision="([0-9a-f]+)"\} 1`).FindStringSubmatch(n.metrics())
	if found == nil {
		n.t.Fatal("no revision in the metrics")
	}
	return found[1]
}

// changePolicy does what changes the policy and waits until it is in force.
func (n *tenant) changePolicy(change func()) {
	n.t.Helper()
	before := n.revision()
	change()
	harness.Await(n.t, within, func(context.Context) error {
		if n.revision() == before {
			return fmt.Errorf("still revision %s", before)
		}
		return nil
	})
}

func isAllowed(object *kesv1.ExternalSecret, want bool) error {
	if got := apimeta.IsStatusConditionTrue(object.Status.Conditions, api.ConditionAllowed); got != want {
		return fmt.Errorf("Allowed is %v, want %v", got, want)
	}
	return nil
}

// Point 5: policy is read from ConfigMaps by label, hot-reloaded, and denies by
// default.
func TestPoint5PolicyHotReload(t *testing.T) {
	n := newTenant(t)
	if err := n.env.Vault.PutKV(t.Context(), "kubernetes", "shared/"+n.ns, map[string]any{"a": "1"}); err != nil {
		t.Fatal(err)
	}
	spec := vaultHead + "dataFrom: [kubernetes/data/shared/NS]"
	n.refused("app", spec)
	n.changePolicy(func() {
		n.writePolicy("policy-"+n.ns, policyHead+`
allow: [{name: shared, namespaces: {names: [NS]}, paths: [kubernetes/data/shared/NS], roles: [`+role+`]}]`)
	})
	n.apply("app", spec)
	n.awaitSynced("app")

	// Tightened: the Secret stays, nothing is asked of Vault any more, and the
	// object says so without anybody touching it.
	mark := n.mark()
	n.changePolicy(func() { n.writePolicy("policy-"+n.ns, policyHead+"allow: []") })
	n.await("app", func(object *kesv1.ExternalSecret) error { return isAllowed(object, false) })
	n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "countersign.dev/resync=1")
	n.awaitReason("app", "PolicyDenied")
	if got := n.data("app")["a"]; got != "1" {
		t.Errorf("the Secret holds %q", got)
	}
	n.wantRequests(mark, harness.Counts{})

	// Allowed again: it syncs without anybody touching it.
	n.changePolicy(func() {
		n.writePolicy("policy-"+n.ns, policyHead+`
allow: [{name: shared-again, namespaces: {names: [NS]}, paths: [kubernetes/data/shared/NS], roles: [`+role+`]}]`)
	})
	n.awaitSynced("app")
	n.await("app", func(object *kesv1.ExternalSecret) error { return isAllowed(object, true) })
	n.wantRequests(mark, harness.Counts{Read: 1})
}

// A policy that does not parse leaves the last good one in force, and says so
// where the operator looks.
func TestPolicyThatDoesNotParse(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	before := n.revision()
	name := "policy-" + n.ns
	n.unguarded(func() { n.writePolicy(name, policyHead+"allow: []\ndeny: [{name: all, paths: [kubernetes/**]}]") })
	harness.Await(t, within, func(context.Context) error {
		if !strings.Contains(n.metrics(), "countersign_policy_reload_success 0") {
			return errors.New("countersign_policy_reload_success is not 0")
		}
		return nil
	})
	harness.Await(t, within, func(context.Context) error {
		events := n.do("", "get", "events", "-n", releaseNamespace, "--field-selector=involvedObject.name="+name)
		if !strings.Contains(events, "PolicyInvalid") || !strings.Contains(events, `"**" is not a pattern`) {
			return fmt.Errorf("events: %s", events)
		}
		return nil
	})
	if got := n.revision(); got != before {
		t.Errorf("revision %s, want still %s", got, before)
	}
	n.apply("app", vaultHead+"dataFrom: [kubernetes/data/NS/app]")
	n.awaitSynced("app")

	n.changePolicy(func() {
		n.writePolicy(name, policyHead+"allow: []\ndeny: [{name: all, paths: [kubernetes/data/NS/*]}]")
	})
	if told := n.refused("second", vaultHead+"dataFrom: [kubernetes/data/NS/app]"); !strings.Contains(told, `is denied by rule "policy-NS/all"`) {
		t.Errorf("kubectl said %s", told)
	}
}

// Labels of a namespace are part of the verdict, and a change of them is seen.
func TestPolicyByNamespaceLabel(t *testing.T) {
	n := newTenant(t)
	if err := n.env.Vault.PutKV(t.Context(), "kubernetes", "tier/"+n.ns, map[string]any{"a": "1"}); err != nil {
		t.Fatal(err)
	}
	n.changePolicy(func() {
		n.writePolicy("policy-"+n.ns, policyHead+`
allow: [{name: tier, namespaces: {matchLabels: {tier: NS}}, paths: [kubernetes/data/tier/NS], roles: [`+role+`]}]`)
	})
	n.refused("app", vaultHead+"dataFrom: [kubernetes/data/tier/NS]")
	n.do("", "label", "namespace", n.ns, "tier="+n.ns)
	harness.Await(t, within, func(context.Context) error {
		output := n.kubectl(n.manifest("app", vaultHead+"dataFrom: [kubernetes/data/tier/NS]"), "apply", "-f", "-")
		if output.ExitCode != 0 {
			return fmt.Errorf("%s", output.Stderr)
		}
		return nil
	})
	n.awaitSynced("app")
	n.do("", "label", "namespace", n.ns, "tier-")
	n.await("app", func(object *kesv1.ExternalSecret) error { return isAllowed(object, false) })
}
