package webhook

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
)

const staged = mounts + `allow: [{name: own, namespaces: {names: ["team-a"]}, paths: ["kv/data/{namespace}/*"], roles: [reader]}]
deny:
- {name: no-secret, paths: ["kv/data/+/secret"]}
- {name: no-old, paths: ["kv/data/+/old"], enforcement: Warn}
- {name: no-odd, paths: ["kv/data/+/odd"], enforcement: Audit}`

// admit sends a new object through the handler that is registered.
func admit(t *testing.T, enforce *Enforce[*kesv1.ExternalSecret], object *kesv1.ExternalSecret) admission.Response {
	t.Helper()
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	handler := audited{admission.WithValidator(clientOf(t).Scheme(), enforce).Handler}
	return handler.Handle(t.Context(), admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Operation: admissionv1.Create, Object: runtime.RawExtension{Raw: raw}, Namespace: object.Namespace, Name: object.Name,
	}})
}

func newEnforce(t *testing.T, text string) *Enforce[*kesv1.ExternalSecret] {
	t.Helper()
	namespaces := clientOf(t)
	for _, name := range []string{"team-a", "team-warned", "team-audited"} {
		if err := namespaces.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	inForce := compiled(t, text)
	return &Enforce[*kesv1.ExternalSecret]{&Enforcement{
		Judge:    &config.Judge{Policy: func() *policy.Policy { return inForce }, Namespaces: namespaces, Live: namespaces},
		Settings: &config.Settings{Vaults: map[string]config.Vault{config.DefaultVault: {AuthMount: "kubernetes", Role: "reader"}}},
		Metrics:  NewMetrics(prometheus.NewRegistry()),
	}}
}

// counted are the counters by their labels.
func counted(t *testing.T, metrics *Metrics) map[string]float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.admissions)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, label := range metric.GetLabel() {
				labels = append(labels, label.GetValue())
			}
			counts[strings.Join(labels, " ")] = metric.GetCounter().GetValue()
		}
	}
	return counts
}

// Each outcome is counted, and told in the audit log by its rules.
func TestEnforceOutcomes(t *testing.T) {
	tests := map[string]struct {
		namespace, path string
		outcome, rule   string
		warnings        int
	}{
		"allowed":                {"team-a", "kv/data/team-a/app", "allowed", "cm/own", 0},
		"denied by no rule":      {"team-a", "kv/data/team-b/app", "denied", "", 0},
		"denied by a rule":       {"team-a", "kv/data/team-a/secret", "denied", "cm/no-secret", 0},
		"warned by a rule":       {"team-a", "kv/data/team-a/old", "warned", "cm/no-old, cm/own", 1},
		"audited by a rule":      {"team-a", "kv/data/team-a/odd", "audited", "cm/no-odd, cm/own", 0},
		"warned by the mode":     {"team-warned", "kv/data/team-a/app", "warned", "", 1},
		"audited by the mode":    {"team-audited", "kv/data/team-a/app", "audited", "", 0},
		"the mode spares a path": {"team-audited", "kv/data/../app", "denied", "", 0},
		"the mode spares a rule": {"team-audited", "kv/data/team-a/secret", "denied", "cm/no-secret", 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			enforce := newEnforce(t, staged)
			response := admit(t, enforce, externalSecret(tc.namespace, "app", tc.path))
			want := map[string]string{"verdict": tc.outcome, "rule": tc.rule, "revision": enforce.Judge.Policy().Revision()}
			if diff := cmp.Diff(want, response.AuditAnnotations); diff != "" {
				t.Error(diff)
			}
			if response.Allowed != (tc.outcome != "denied") || len(response.Warnings) != tc.warnings {
				t.Errorf("allowed %v with warnings %q", response.Allowed, response.Warnings)
			}
			if diff := cmp.Diff(map[string]float64{tc.namespace + " " + tc.outcome: 1}, counted(t, enforce.Metrics)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What has no verdict has no annotation of one.
func TestEnforceWithoutVerdict(t *testing.T) {
	enforce := newEnforce(t, staged)
	unknown := admit(t, enforce, externalSecret("nowhere", "app", "kv/data/team-a/app"))
	if unknown.Allowed || unknown.Result.Code != 500 || len(unknown.AuditAnnotations) > 0 {
		t.Errorf("of an unknown namespace: %+v", unknown)
	}
	if diff := cmp.Diff(map[string]float64{"nowhere error": 1}, counted(t, enforce.Metrics)); diff != "" {
		t.Error(diff)
	}
	other := admit(t, enforce, &kesv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "of-aws"}})
	if !other.Allowed || len(other.AuditAnnotations) > 0 {
		t.Errorf("of another backend: %+v", other)
	}
}

// An annotation names ten rules at most.
func TestAuditRulesAreBounded(t *testing.T) {
	verdict := &policy.Verdict{}
	for i := range 30 {
		verdict.Grants = append(verdict.Grants, policy.Grant{Rule: fmt.Sprintf("cm/r%d", i/2)})
	}
	if got := rulesOf(verdict); !strings.HasPrefix(got, "cm/r0, cm/r1, ") || !strings.HasSuffix(got, ", cm/r9, and 5 more") {
		t.Errorf("rules %s", got)
	}
}
