package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/countersign/countersign/policy"
	"github.com/countersign/countersign/test/harness"
)

const guardName = "policy.countersign.dev"

// unguarded does something past the guard, as if it was away at the time.
func (n *tenant) unguarded(do func()) {
	n.t.Helper()
	n.setGuard("somewhere-else", true)
	defer n.setGuard(releaseNamespace, false)
	do()
}

// setGuard has the guard look after a namespace, and waits until a bad policy
// of the release passes, or does not.
func (n *tenant) setGuard(namespace string, passes bool) {
	n.t.Helper()
	ctx := context.WithoutCancel(n.t.Context())
	harness.Await(n.t, within, func(context.Context) error {
		configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
		if err := n.env.Client.Get(ctx, client.ObjectKey{Name: "countersign"}, configuration); err != nil {
			return err
		}
		for i := range configuration.Webhooks {
			if configuration.Webhooks[i].Name == guardName {
				configuration.Webhooks[i].NamespaceSelector.MatchLabels[corev1.LabelMetadataName] = namespace
			}
		}
		return n.env.Client.Update(ctx, configuration)
	})
	harness.Await(n.t, within, func(context.Context) error {
		err := n.env.Client.Create(ctx, policyConfigMap("guard-probe", badPolicy), client.DryRunAll)
		if (err == nil) != passes {
			return fmt.Errorf("a bad policy: %w", err)
		}
		return nil
	})
}

func policyConfigMap(name, text string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: releaseNamespace, Name: name, Labels: map[string]string{policy.Label: "true"}},
		Data:       map[string]string{"policy.yaml": text},
	}
}

// policyManifest is a policy ConfigMap for kubectl.
func (n *tenant) policyManifest(text string) string {
	n.t.Helper()
	configMap := policyConfigMap(n.policyName(), strings.ReplaceAll(text, "NS", n.ns))
	configMap.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}
	manifest, err := yaml.Marshal(configMap)
	if err != nil {
		n.t.Fatal(err)
	}
	return string(manifest)
}

func (n *tenant) told(output harness.Output) string {
	return strings.ReplaceAll(output.Stderr, n.ns, "NS")
}

// A policy with mistakes is refused where it is written, with the lines.
func TestGuardRefusesMistakes(t *testing.T) {
	n := newTenant(t)
	tests := map[string]struct{ text, want string }{
		"unknown field":   {badPolicy, `data[policy.yaml]: Invalid value: 4:1: unknown field "rules"`},
		"not YAML":        {policyHead + "allow: [", `data[policy.yaml]: Invalid value: 3:1: `},
		"a pattern":       {policyHead + "allow: []\ndeny:\n  - {name: all, paths: [kubernetes/**]}", `data[policy.yaml]: Invalid value: 5:25: deny[0].paths[0]: Invalid value: "kubernetes/**": "**" is not a pattern`},
		"a foreign mount": {policyHead + "mounts: {kubernetes: {kv: 1}}\nallow: []", `data[policy.yaml]: Invalid value: 3:10: mounts[kubernetes]: Invalid value: 1: another document declares kv: 2`},
		"the same name twice": {policyHead + "allow: []\ndeny:\n  - {name: all, paths: [kubernetes/data/x]}\n  - {name: all, paths: [kubernetes/data/y]}",
			`data[policy.yaml]: Invalid value: 6:6: deny[1].name: Duplicate value: "all"`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			n := &tenant{world: n.world, t: t, ns: n.ns}
			output := n.kubectl(n.policyManifest(tc.text), "apply", "-f", "-")
			if told := n.told(output); output.ExitCode == 0 || !strings.Contains(told, `The ConfigMap "policy-NS" is invalid`) || !strings.Contains(told, tc.want) {
				t.Errorf("kubectl said %s", told)
			}
		})
	}
	// No policy, or none of this release.
	other := policyConfigMap(n.policyName(), badPolicy)
	other.Namespace = n.ns
	noPolicy := policyConfigMap(n.policyName()+"-not", badPolicy)
	noPolicy.Labels = nil
	for _, configMap := range []*corev1.ConfigMap{other, noPolicy} {
		if err := n.env.Client.Create(t.Context(), configMap); err != nil {
			t.Error(err)
		}
		t.Cleanup(func() { _ = n.env.Client.Delete(context.WithoutCancel(t.Context()), configMap) })
	}
	labelled := n.kubectl("", "label", "configmap", noPolicy.Name, "-n", releaseNamespace, "countersign.dev/policy=true")
	if labelled.ExitCode == 0 || !strings.Contains(labelled.Stderr, `4:1: unknown field "rules"`) {
		t.Errorf("the label makes it a policy, but kubectl said %s", labelled.Stderr)
	}
}

// Whoever changes a policy is told whom it concerns, before it is in force.
func TestGuardWarnsOfTheImpact(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	if err := n.env.Vault.PutKV(t.Context(), "kubernetes", "shared/"+n.ns, map[string]any{"a": "1"}); err != nil {
		t.Fatal(err)
	}
	n.changePolicy(func() { n.writePolicy(n.policyName(), n.grantShared("shared")) })
	n.apply("own", vaultHead+"dataFrom: [kubernetes/data/NS/app]")
	n.apply("shared", vaultHead+"dataFrom: [kubernetes/data/shared/NS]")
	n.awaitSynced("shared")

	const denyOwn = "\ndeny: [{name: no-own, namespaces: {names: [NS]}, paths: [kubernetes/data/NS/*]}]"
	for _, tc := range []struct{ text, want string }{
		{n.grantShared("renamed"), ""},
		{policyHead + "allow: []", "Warning: the change newly denies 1 ExternalSecret: NS/shared\n"},
		{policyHead + "allow: []" + denyOwn, "Warning: the change newly denies 2 ExternalSecrets: NS/own, NS/shared\n"},
		{strings.ReplaceAll(n.grantShared("byLabel"), "names: [NS]", "matchLabels: {tier: web}"), "Warning: the change newly denies 1 ExternalSecret: NS/shared\n"},
	} {
		manifest := strings.ReplaceAll(n.policyManifest(tc.text), "byLabel", "by-label")
		output := n.kubectl(manifest, "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-")
		told := n.told(output)
		if output.ExitCode != 0 || (tc.want == "") != (told == "") || !strings.Contains(told, tc.want) {
			t.Errorf("of %s\nkubectl said %s, want %s", tc.text, told, tc.want)
		}
		if got := strings.Contains(told, "whoever may label namespaces grants this"); got != strings.Contains(tc.text, "matchLabels") {
			t.Errorf("of %s\nkubectl said %s", tc.text, told)
		}
	}
	for _, args := range [][]string{{"delete", "configmap", n.policyName()}, {"label", "configmap", n.policyName(), "countersign.dev/policy-"}} {
		output := n.kubectl("", append(args, "-n", releaseNamespace, "--dry-run=server")...)
		if told := n.told(output); output.ExitCode != 0 || told != "Warning: the change newly denies 1 ExternalSecret: NS/shared\n" {
			t.Errorf("%s: kubectl said %s", args[0], told)
		}
	}
	n.changePolicy(func() {
		n.do(n.policyManifest(policyHead+"allow: []"+denyOwn), "apply", "--server-side", "--force-conflicts", "-f", "-")
	})
	if output := n.kubectl("", "delete", "configmap", n.policyName(), "-n", releaseNamespace); output.ExitCode != 0 || n.told(output) != "Warning: the change newly allows 1 ExternalSecret: NS/own\n" {
		t.Errorf("kubectl said %s", n.told(output))
	}
}

// A bad ConfigMap that got past the guard stands in nobody's way, and can be
// touched, mended and removed.
func TestGuardBesideABadPolicy(t *testing.T) {
	n := newTenant(t)
	n.unguarded(func() { n.writePolicy(n.policyName(), badPolicy) })
	n.changePolicy(func() { n.writePolicy(n.policyName()+"-good", n.grantShared("good")) })
	n.do("", "annotate", "configmap", n.policyName(), "-n", releaseNamespace, "x=y")
	n.changePolicy(func() { n.writePolicy(n.policyName(), n.grantShared("mended")) })
	n.unguarded(func() { n.writePolicy(n.policyName(), badPolicy+" ") })
	n.do("", "delete", "configmap", n.policyName(), "-n", releaseNamespace)
}

// Nothing that helm would delete is held, the policy included: a dry run asks
// the same webhooks.
func TestGuardNeverBlocksUninstall(t *testing.T) {
	n := newTenant(t)
	uninstall := func() string {
		t.Helper()
		var told strings.Builder
		for _, kinds := range []string{
			"configmap,secret,service,serviceaccount,deployment.apps,poddisruptionbudget.policy,role,rolebinding",
			"clusterrole,clusterrolebinding,customresourcedefinition,mutatingwebhookconfiguration,validatingwebhookconfiguration",
			"validatingadmissionpolicy,validatingadmissionpolicybinding",
		} {
			told.WriteString(n.do("", "delete", kinds, "-n", releaseNamespace, "-l", "app.kubernetes.io/instance=countersign", "--dry-run=server"))
		}
		return told.String()
	}
	const last = `Warning: the policy of ConfigMap countersign-policy stays in force without it: no policy ConfigMap is left; write "allow: []" to deny everything`
	for _, want := range []string{last, `configmap "countersign-last-good" deleted`, `validatingwebhookconfiguration.admissionregistration.k8s.io "countersign" deleted`} {
		if told := uninstall(); !strings.Contains(told, want) {
			t.Errorf("kubectl said %s, want %s", told, want)
		}
	}
	n.unguarded(func() { n.writePolicy(n.policyName(), badPolicy) })
	uninstall()
	n.do("", "delete", "configmap", "--all", "-n", releaseNamespace, "--dry-run=server")
}

// A replica that does not lead guards as well.
func TestGuardWithoutLeading(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("app", vaultHead+"dataFrom: [kubernetes/data/NS/app]")
	n.withoutLeader(func() {
		const deny = policyHead + "allow: []\ndeny: [{name: all, paths: [kubernetes/data/NS/*]}]"
		harness.Await(t, within, func(context.Context) error {
			output := n.kubectl(n.policyManifest(deny), "apply", "--dry-run=server", "-f", "-")
			if told := n.told(output); told != "Warning: the change newly denies 1 ExternalSecret: NS/app\n" {
				return errors.New(told)
			}
			return nil
		})
		if output := n.kubectl(n.policyManifest(badPolicy), "apply", "-f", "-"); output.ExitCode == 0 {
			t.Error("a bad policy passes")
		}
	})
}
