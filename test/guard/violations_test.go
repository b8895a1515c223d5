package guard

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/policy"
	"github.com/countersign/countersign/test/harness"
)

// violations of the tenant's namespace, as the metric counts them.
func (n *tenant) violations(ctx context.Context) (int, error) {
	text, err := n.process.Metrics(ctx)
	if err != nil {
		return 0, err
	}
	sum := 0
	for _, match := range regexp.MustCompile(`(?m)^countersign_standing_violations\{kind="\w+",namespace="`+n.ns+`"\} (\d+)$`).FindAllStringSubmatch(text, -1) {
		count, err := strconv.Atoi(match[1])
		if err != nil {
			return 0, err
		}
		sum += count
	}
	return sum, nil
}

func (n *tenant) awaitViolations(want int) {
	n.t.Helper()
	harness.Await(n.t, within, func(ctx context.Context) error {
		got, err := n.violations(ctx)
		if err == nil && got != want {
			err = fmt.Errorf("%d violations, want %d", got, want)
		}
		return err
	})
}

// events about an object, by reason.
func (n *tenant) events(name string) []string {
	n.t.Helper()
	list := &corev1.EventList{}
	if err := n.env.Client.List(n.t.Context(), list, client.InNamespace(n.ns)); err != nil {
		n.t.Fatal(err)
	}
	var told []string
	for _, one := range list.Items {
		if one.InvolvedObject.Name == name {
			told = append(told, one.Reason+": "+one.Message)
		}
	}
	return told
}

// withPolicy has a document in force besides the chart's, until the test ends or
// what it returns is called.
func (n *tenant) withPolicy(text string) (remove func()) {
	n.t.Helper()
	configMap := fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: policy-%s, namespace: %s, labels: {%s: \"true\"}}\ndata:\n  policy.yaml: |\n    %s",
		n.ns, releaseNamespace, policy.Label, strings.ReplaceAll(policyHead+n.manifest(text), "\n", "\n    "))
	n.do(configMap, "apply", "-f", "-")
	remove = func() {
		output, err := n.env.Kubectl(context.WithoutCancel(n.t.Context()), configMap, "delete", "--ignore-not-found", "-f", "-")
		if err != nil || output.ExitCode != 0 {
			n.t.Errorf("%v: %s", err, output.Stderr)
		}
	}
	n.t.Cleanup(remove)
	return remove
}

// Point 4: what stands is told when the policy is tightened, once for each
// change, and that it is right again.
func TestStandingViolationsAreTold(t *testing.T) {
	n := newTenant(t)
	n.apply(store("vault", "reader"), external("app", "NS/app"), external("fine", "NS/fine"))
	n.awaitViolations(0)
	deny := "allow: []\ndeny: [{name: tightened, paths: [secret/data/NS/app], reason: not any more}]"
	n.withPolicy(deny)
	n.awaitViolations(1)
	// Another change of the policy that changes nothing about it tells nothing.
	allow := n.withPolicy(deny + "\nmounts: {another: {kv: 2}}")
	n.apply(external("later", "NS/later"))
	n.do("", "label", "externalsecrets.external-secrets.io", "app", "-n", n.ns, "x=y")
	allow()
	n.awaitViolations(0)
	harness.Await(t, within, func(context.Context) error {
		told := n.events("app")
		if len(told) != 2 || !strings.Contains(strings.Join(told, "\n"), `PolicyDenied: it stands although policy denies it: spec.data[0].remoteRef.key`) ||
			!strings.Contains(strings.Join(told, "\n"), "PolicyAllows") {
			return fmt.Errorf("told %q", told)
		}
		return nil
	})
	if told := n.events("fine"); len(told) > 0 {
		t.Errorf("told of what is allowed: %q", told)
	}
}

// Point 5: Countersign runs on whether ESO's CRDs are there or not, and notices.
func TestCRDsComeAndGo(t *testing.T) {
	n := newTenant(t)
	n.apply(store("vault", "reader"), external("app", "NS/app"))
	const tightened = "allow: []\ndeny: [{name: tightened, paths: [secret/data/NS/*]}]"
	allow := n.withPolicy(tightened)
	n.awaitViolations(1)
	n.do("", "delete", "crd", "externalsecrets.external-secrets.io", "--wait=true")
	n.awaitViolations(0)
	allow()
	if err := n.installCRDs(t.Context()); err != nil {
		t.Fatal(err)
	}
	harness.Await(t, within, func(context.Context) error {
		if output := n.kubectl(n.manifest(external("app", "NS/app")), "apply", "-f", "-"); output.ExitCode != 0 {
			return errors.New(output.Stderr)
		}
		return nil
	})
	n.withPolicy(tightened)
	n.awaitViolations(1)
	select {
	case <-n.process.Done():
		t.Error("the process has ended")
	default:
	}
}
