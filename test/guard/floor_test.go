package guard

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/harness"
)

// What leads out of a store's mount is refused also while no webhook is.
func TestFloorHoldsWithoutWebhooks(t *testing.T) {
	n := newTenant(t)
	n.withoutWebhooks()
	tests := map[string]struct{ manifest, told string }{
		"a key":          {external("app", "NS/../other"), `the Vault path "NS/../other" has a "." or ".." segment`},
		"a line break":   {external("app", "NS/app\nx"), "control character"},
		"extract":        {strings.Replace(external("app"), "\n  data:", "\n  dataFrom: [{extract: {key: ../x}}]", 1), `"../x"`},
		"find":           {strings.Replace(external("app"), "\n  data:", "\n  dataFrom: [{find: {path: a/.., name: {regexp: x}}}]", 1), `"a/.."`},
		"a store's":      {strings.Replace(store("evil", "reader"), "path: secret", "path: secret/..", 1), `"secret/.."`},
		"what is asked":  {external("app", "other/app"), ""},
		"a dotted name":  {external("dots", "NS/app..x/.hidden"), ""},
		"another tenant": {store("any", "admin"), ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			n := &tenant{world: n.world, t: t, ns: n.ns}
			if tc.told == "" {
				n.apply(tc.manifest)
				return
			}
			if told := n.refused(tc.manifest); !strings.Contains(told, tc.told) {
				t.Errorf("told %s", told)
			}
		})
	}
}

// withoutWebhooks leaves out the tenant's namespace until the test ends.
func (n *tenant) withoutWebhooks() {
	n.t.Helper()
	configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: n.release.Name}}
	set := func(ctx context.Context, selector *metav1.LabelSelector) error {
		return harness.Eventually(ctx, 100*time.Millisecond, within, func(ctx context.Context) error {
			if err := n.env.Client.Get(ctx, client.ObjectKeyFromObject(configuration), configuration); err != nil {
				return err
			}
			configuration.Webhooks[0].NamespaceSelector = selector
			return n.env.Client.Update(ctx, configuration)
		})
	}
	except := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: "kubernetes.io/metadata.name", Operator: metav1.LabelSelectorOpNotIn, Values: []string{n.ns}},
	}}
	if err := set(n.t.Context(), except); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		if err := set(context.WithoutCancel(n.t.Context()), &metav1.LabelSelector{}); err != nil {
			n.t.Error(err)
		}
	})
	// The apiserver learns of it by a watch.
	harness.Await(n.t, within, func(ctx context.Context) error {
		admitted, err := n.create(ctx, store("probe", "admin"))
		if err == nil && !admitted {
			err = errors.New("the webhook is still called")
		}
		return err
	})
}
