package webhook

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
)

func compiled(t *testing.T, text string) *policy.Policy {
	t.Helper()
	document, err := policy.Parse("cm", "policy.yaml", []byte(policyHead+text))
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := policy.Compile([]*policy.Document{document}, policySettings())
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func TestChangeWarnings(t *testing.T) {
	names := func(n int) []string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf("team-a/%02d", n-i)
		}
		return all
	}
	const ten = "team-a/01, team-a/02, team-a/03, team-a/04, team-a/05, team-a/06, team-a/07, team-a/08, team-a/09, team-a/10"
	tests := map[string]struct {
		change change
		want   []string
	}{
		"nobody":          {change{all: 5, judged: 5}, nil},
		"one":             {change{denied: names(1), all: 5, judged: 5}, []string{"the change newly denies 1 ExternalSecret: team-a/01"}},
		"as many as told": {change{allowed: names(10), all: 20, judged: 20}, []string{"the change newly allows 10 ExternalSecrets: " + ten}},
		"more than told":  {change{denied: names(12), all: 20, judged: 20}, []string{"the change newly denies 12 ExternalSecrets: " + ten + " and 2 more"}},
		"time was up": {change{denied: names(12), allowed: names(1), all: 20, judged: 13}, []string{
			"the change newly denies at least 12 ExternalSecrets: " + ten + " and 2 more",
			"the change newly allows at least 1 ExternalSecret: team-a/01",
			"only 13 of 20 ExternalSecrets were judged in 1s",
		}},
		"time was up with nobody found": {change{all: 20, judged: 13}, []string{"only 13 of 20 ExternalSecrets were judged in 1s"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, []string(tc.change.warnings())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The comparison ends with its time, and says how far it came.
func TestImpactEndsInTime(t *testing.T) {
	impact := newGuard(t).Impact
	objects := []api.Source{externalSecret("team-a", "app", "kv/data/team-a/app")}
	ctx, cancel := context.WithCancel(t.Context())
	before, after := compiled(t, grant), compiled(t, nothing)
	if found := impact.compare(ctx, objects, before, after); found.judged != 1 || len(found.denied) != 1 {
		t.Errorf("in time: %+v", found)
	}
	cancel()
	if found := impact.compare(ctx, objects, before, after); found.judged != 0 || len(found.denied) != 0 {
		t.Errorf("out of time: %+v", found)
	}
}

// A mode that only warns denies nothing.
func TestImpactFollowsTheMode(t *testing.T) {
	namespaces := clientOf(t,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team-a"}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team-warned"}})
	impact := &Impact{Judge: &config.Judge{Namespaces: namespaces, Live: namespaces}, Defaults: defaults()}
	found := impact.compare(t.Context(), []api.Source{
		externalSecret("team-a", "app", "kv/data/team-a/app"),
		externalSecret("team-warned", "app", "kv/data/team-warned/app"),
	}, compiled(t, grant), compiled(t, nothing))
	want := change{denied: []string{"team-a/app"}, all: 2, judged: 2}
	if diff := cmp.Diff(want, found, cmp.AllowUnexported(change{})); diff != "" {
		t.Error(diff)
	}
}
