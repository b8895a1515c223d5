package integration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
)

const (
	// lastGoodName is the chart's, for the release.
	lastGoodName = "countersign-last-good"
	badPolicy    = policyHead + "allow: []\nrules: []"
	// awayTest holds the lease when no process is to lead.
	awayTest = "integration-test"
)

func (n *tenant) policyName() string { return "policy-" + n.ns }

func (n *tenant) grantShared(rule string) string {
	return policyHead + "allow: [{name: " + rule + ", namespaces: {names: [NS]}, paths: [kubernetes/data/shared/NS], roles: [" + role + "]}]"
}

// replica is another process of the release, until the test ends.
func (n *tenant) replica() *harness.Process {
	n.t.Helper()
	replica, err := n.env.StartCountersign(n.t.Context(), n.release, harness.ProcessOptions{})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		if err := replica.Stop(); err != nil {
			n.t.Error(err)
		}
	})
	if err := replica.WaitReady(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
	return replica
}

// reload is what a process says of its policy.
type reload struct {
	revision string
	success  bool
}

func (n *tenant) reloadOf(process *harness.Process) reload {
	n.t.Helper()
	text, err := process.Metrics(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	found := regexp.MustCompile(`countersign_policy_info\{revision="([0-9a-f]+)"\} 1`).FindStringSubmatch(text)
	if found == nil {
		n.t.Fatal("no revision in the metrics")
	}
	return reload{found[1], strings.Contains(text, "\ncountersign_policy_reload_success 1\n")}
}

func (n *tenant) awaitReload(process *harness.Process, want reload) {
	n.t.Helper()
	harness.Await(n.t, within, func(context.Context) error {
		if got := n.reloadOf(process); got != want {
			return fmt.Errorf("policy %+v, want %+v", got, want)
		}
		return nil
	})
}

// awaitEvent waits for what an operator sees of a policy ConfigMap.
func (n *tenant) awaitEvent(configMap, text string) {
	n.t.Helper()
	harness.Await(n.t, within, func(context.Context) error {
		events := n.do("", "get", "events", "-n", releaseNamespace, "--field-selector=reason=PolicyInvalid,involvedObject.name="+configMap)
		if !strings.Contains(events, text) {
			return fmt.Errorf("events: %s", events)
		}
		return nil
	})
}

func (n *tenant) lastGood() *corev1.ConfigMap {
	n.t.Helper()
	kept := &corev1.ConfigMap{}
	if err := n.env.Client.Get(n.t.Context(), client.ObjectKey{Namespace: releaseNamespace, Name: lastGoodName}, kept); err != nil {
		n.t.Fatal(err)
	}
	return kept
}

// kept waits until a change of the policy is kept as well.
func (n *tenant) kept(change func()) {
	n.t.Helper()
	before := n.lastGood().ResourceVersion
	n.changePolicy(change)
	harness.Await(n.t, within, func(context.Context) error {
		if n.lastGood().ResourceVersion == before {
			return errors.New("nothing was written")
		}
		return nil
	})
}

// A bad edit leaves in force what the ConfigMap last held, also for a process
// that starts with the bad one, and for further replicas; other ConfigMaps can
// be changed meanwhile.
func TestBadEditKeepsTheLastGood(t *testing.T) {
	n := newTenant(t)
	if err := n.env.Vault.PutKV(t.Context(), "kubernetes", "shared/"+n.ns, map[string]any{"a": "1"}); err != nil {
		t.Fatal(err)
	}
	spec := vaultHead + "dataFrom: [kubernetes/data/shared/NS]"
	n.kept(func() { n.writePolicy(n.policyName(), n.grantShared("good")) })
	good := n.reloadOf(n.process)
	n.unguarded(func() { n.writePolicy(n.policyName(), badPolicy) })
	bad := reload{revision: good.revision, success: false}
	n.awaitReload(n.process, bad)
	n.awaitEvent(n.policyName(), n.policyName()+`[policy.yaml]:4:1: unknown field "rules"`)
	n.apply("before", spec)
	n.awaitSynced("before")

	n.withoutProcess(func() {})
	n.awaitReload(n.process, bad)
	n.apply("after", spec)
	n.awaitSynced("after")
	replica := n.replica()
	n.awaitReload(replica, bad)

	// The bad one stands, and a good one comes beside it.
	beside := n.policyName() + "-beside"
	n.kept(func() {
		n.writePolicy(beside, policyHead+"allow: []\ndeny: [{name: all, paths: [kubernetes/data/NS/*]}]")
	})
	changed := n.reloadOf(n.process)
	n.awaitReload(replica, changed)
	if changed.success || changed.revision == good.revision {
		t.Errorf("policy %+v after %+v", changed, good)
	}
	if told := n.refused("app", vaultHead+"dataFrom: [kubernetes/data/NS/app]"); !strings.Contains(told, `is denied by rule "policy-NS-beside/all"`) {
		t.Errorf("kubectl said %s", told)
	}
	n.writePolicy(n.policyName(), n.grantShared("good"))
	mended := reload{revision: changed.revision, success: true}
	n.awaitReload(n.process, mended)
	n.awaitReload(replica, mended)
}

// What was written while no process ran is judged by the next one alone.
func TestBadPolicyAtTheStart(t *testing.T) {
	n := newTenant(t)
	n.kept(func() { n.writePolicy(n.policyName(), n.grantShared("good")) })
	good := n.reloadOf(n.process)
	n.withoutProcess(func() {
		n.writePolicy(n.policyName(), strings.ReplaceAll(n.grantShared("good"), "shared/NS]", "shared/**]"))
		n.writePolicy(n.policyName()+"-new", badPolicy)
	})
	n.awaitReload(n.process, reload{revision: good.revision, success: false})
	n.awaitEvent(n.policyName(), `"**" is not a pattern`)
	n.awaitEvent(n.policyName()+"-new", `unknown field "rules"`)
	if got := n.lastGood().BinaryData; len(got[n.policyName()]) == 0 || len(got[n.policyName()+"-new"]) > 0 {
		t.Errorf("kept: %v", slices.Sorted(maps.Keys(got)))
	}
}

// A policy that goes away altogether stays in force, also across a restart.
func TestDeletedPolicyStaysInForce(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if err := n.env.InstallChart(ctx, n.release); err != nil {
			t.Error(err)
		}
	})
	before := n.reloadOf(n.process)
	n.do("", "delete", "configmap", "-n", releaseNamespace, "-l", "countersign.dev/policy=true")
	gone := reload{revision: before.revision, success: false}
	n.awaitReload(n.process, gone)
	n.apply("before", vaultHead+"dataFrom: [kubernetes/data/NS/app]")
	n.awaitSynced("before")
	n.withoutProcess(func() {})
	n.awaitReload(n.process, gone)
	n.apply("after", vaultHead+"dataFrom: [kubernetes/data/NS/app]")
	n.awaitSynced("after")
	n.refused("forbidden", vaultHead+"dataFrom: [kubernetes/data/NS/break-glass/app]")

	if err := n.env.InstallChart(t.Context(), n.release); err != nil {
		t.Fatal(err)
	}
	n.awaitReload(n.process, before)
}

// helm writes nothing into what is kept, and nobody but the leader does.
func TestLastGoodIsTheLeadersAlone(t *testing.T) {
	n := newTenant(t)
	n.kept(func() { n.writePolicy(n.policyName(), n.grantShared("one")) })
	before := n.lastGood()
	if err := n.env.InstallChart(t.Context(), n.release); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before.BinaryData, n.lastGood().BinaryData); diff != "" {
		t.Errorf("after an upgrade: %s", diff)
	}
	n.withoutLeader(func() {
		n.changePolicy(func() { n.writePolicy(n.policyName(), n.grantShared("two")) })
		if diff := cmp.Diff(before.BinaryData, n.lastGood().BinaryData); diff != "" {
			t.Errorf("written without leading: %s", diff)
		}
	})
	harness.Await(t, within, func(context.Context) error {
		if cmp.Equal(before.BinaryData, n.lastGood().BinaryData) {
			return errors.New("the new leader has not written yet")
		}
		return nil
	})

	// Where nothing can be kept, the metric says so, and the policy is in force.
	n.do("", "delete", "configmap", lastGoodName, "-n", releaseNamespace)
	n.changePolicy(func() { n.writePolicy(n.policyName(), n.grantShared("three")) })
	n.awaitMetric("countersign_policy_last_good_success 0")
	if err := n.env.InstallChart(t.Context(), n.release); err != nil {
		t.Fatal(err)
	}
	n.changePolicy(func() { n.writePolicy(n.policyName(), n.grantShared("four")) })
	n.awaitMetric("countersign_policy_last_good_success 1")
	if len(n.lastGood().BinaryData[n.policyName()]) == 0 {
		t.Error("nothing is kept in the new ConfigMap")
	}
}

func (n *tenant) awaitMetric(line string) {
	n.t.Helper()
	harness.Await(n.t, within, func(context.Context) error {
		if !strings.Contains(n.metrics(), "\n"+line+"\n") {
			return fmt.Errorf("the metrics lack %s", line)
		}
		return nil
	})
}

// withoutLeader has a process that serves and does not lead.
func (n *tenant) withoutLeader(do func()) {
	n.t.Helper()
	lease := &coordinationv1.Lease{}
	hold := func(holder string) {
		n.t.Helper()
		ctx := context.WithoutCancel(n.t.Context())
		if err := n.env.Client.Get(ctx, client.ObjectKey{Namespace: releaseNamespace, Name: "countersign"}, lease); err != nil {
			n.t.Fatal(err)
		}
		lease.Spec.HolderIdentity, lease.Spec.LeaseDurationSeconds = new(holder), new(int32(3600))
		lease.Spec.RenewTime = new(metav1.NewMicroTime(time.Now()))
		if err := n.env.Client.Update(ctx, lease); err != nil {
			n.t.Fatal(err)
		}
	}
	n.withoutProcess(func() { hold(awayTest) })
	defer hold("")
	do()
}

// A namespace's label is part of the verdict: whoever waits for it is let
// through without being touched.
func TestWaitingForANamespaceLabel(t *testing.T) {
	n := newTenant(t)
	if err := n.env.Vault.PutKV(t.Context(), "kubernetes", "tier/"+n.ns, map[string]any{"a": "1"}); err != nil {
		t.Fatal(err)
	}
	n.changePolicy(func() {
		n.writePolicy(n.policyName(), policyHead+
			"allow: [{name: tier, namespaces: {matchLabels: {tier: NS}}, paths: [kubernetes/data/tier/NS], roles: ["+role+"]}]")
	})
	n.do("", "label", "namespace", n.ns, "tier="+n.ns)
	spec := vaultHead + "dataFrom: [kubernetes/data/tier/NS]"
	harness.Await(t, within, func(context.Context) error {
		if output := n.kubectl(n.manifest("app", spec), "apply", "-f", "-"); output.ExitCode != 0 {
			return errors.New(output.Stderr)
		}
		return nil
	})
	n.awaitSynced("app")
	n.do("", "label", "namespace", n.ns, "tier-")
	n.await("app", func(object *kesv1.ExternalSecret) error { return isAllowed(object, false) })
	n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "countersign.dev/resync=1")
	n.awaitReason("app", "PolicyDenied")
	mark := n.mark()
	n.do("", "label", "namespace", n.ns, "tier="+n.ns)
	n.awaitSynced("app")
	n.await("app", func(object *kesv1.ExternalSecret) error { return isAllowed(object, true) })
	n.wantRequests(mark, harness.Counts{Read: 1})
}

// The apiserver's audit log says what was decided, by which rules of which
// revision.
func TestAuditLogOfTheApiserver(t *testing.T) {
	n := newTenant(t)
	for _, path := range []string{"app", "old", "odd"} {
		n.put("kubernetes", path, map[string]any{"a": "1"})
	}
	n.changePolicy(func() {
		n.writePolicy(n.policyName(), policyHead+`allow: []
deny:
  - {name: no-secret, namespaces: {names: [NS]}, paths: [kubernetes/data/NS/secret]}
  - {name: no-old, namespaces: {names: [NS]}, paths: [kubernetes/data/NS/old], enforcement: Warn}
  - {name: no-odd, namespaces: {names: [NS]}, paths: [kubernetes/data/NS/odd], enforcement: Audit}`)
	})
	n.apply("allowed", vaultHead+"dataFrom: [kubernetes/data/NS/app]")
	n.refused("denied", vaultHead+"dataFrom: [kubernetes/data/NS/secret]")
	n.apply("warned", vaultHead+"dataFrom: [kubernetes/data/NS/old]")
	n.apply("audited", vaultHead+"dataFrom: [kubernetes/data/NS/odd]")
	const own = "countersign-policy/own-tree"
	tests := map[string]struct{ rule string }{
		"allowed": {own},
		"denied":  {n.policyName() + "/no-secret"},
		"warned":  {n.policyName() + "/no-old, " + own},
		"audited": {n.policyName() + "/no-odd, " + own},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			want := map[string]string{"verdict": name, "rule": tc.rule, "revision": n.revision()}
			harness.Await(t, within, func(context.Context) error {
				if diff := cmp.Diff(want, n.annotationsOf(name)); diff != "" {
					return errors.New(diff)
				}
				return nil
			})
		})
	}
	logs, err := n.process.Logs()
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`"msg":"audited".*"namespace":"` + n.ns + `".*is denied by rule .*/no-odd`).MatchString(logs) {
		t.Error("the log does not tell what was audited")
	}
}

// annotationsOf are those of the enforce webhook in the audit log, for the
// creation of an object.
func (n *tenant) annotationsOf(name string) map[string]string {
	n.t.Helper()
	requests, err := n.env.APIAudit()
	if err != nil {
		n.t.Fatal(err)
	}
	found := map[string]string{}
	for _, request := range requests {
		if request.Namespace != n.ns || request.Name != name || request.Verb != "create" {
			continue
		}
		for key, value := range request.Annotations {
			if short, ok := strings.CutPrefix(key, "enforce.countersign.dev/"); ok {
				found[short] = value
			}
		}
	}
	return found
}
