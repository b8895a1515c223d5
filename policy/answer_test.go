package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every line of an answer is golden: commands print them.
func TestAnswerLines(t *testing.T) {
	tests := map[string]struct {
		claim   *Claim
		outcome Outcome
		want    []string
	}{
		"allowed": {claim("team-a", "team-a-read", "secret/data/team-a/x", "secret/data/shared/x/config"), Allowed, []string{
			`spec.data[0].key: "secret/data/team-a/x" is allowed by rule "cm/own-tree"`,
			`spec.data[1].key: "secret/data/shared/x/config" is allowed by rule "cm/own-tree"`,
		}},
		"denied in part": {claim("team-a", "team-a-read", "secret/data/team-a/x", "secret/data/team-a/break-glass/x"), Denied, []string{
			`spec.data[1].key: Forbidden: "secret/data/team-a/break-glass/x" is denied by rule "cm/no-break-glass": ask platform-security`,
			`spec.data[0].key: "secret/data/team-a/x" is allowed by rule "cm/own-tree"`,
		}},
		"warned": {claim("team-a", "team-a-read", "secret/data/team-a/old/x"), Warned, []string{
			`spec.data[0].key: Forbidden: "secret/data/team-a/old/x" is denied by rule "cm/staged" (warned)`,
			`spec.data[0].key: "secret/data/team-a/old/x" is allowed by rule "cm/own-tree"`,
		}},
		"audited": {claim("team-b", "team-b-read", "secret/data/team-b/watched"), Audited, []string{
			`spec.data[0].key: Forbidden: "secret/data/team-b/watched" is denied by rule "cm/watched" (audited)`,
			`spec.data[0].key: "secret/data/team-b/watched" is allowed by rule "cm/own-tree"`,
		}},
		"the same violation once": {claim("team-a", "", "secret/data/team-a/x", "secret/data/team-a/y"), Denied, []string{
			`spec.vaultRole: Required value: name the Vault role; no default is configured`,
		}},
	}
	compiled := mustCompile(t, testSettings(), testPolicy)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			answer := Answer{tc.claim, compiled.Evaluate(tc.claim, nil)}
			if got := answer.Verdict.Outcome(); got != tc.outcome {
				t.Errorf("outcome %s, want %s", got, tc.outcome)
			}
			if diff := cmp.Diff(tc.want, answer.Lines()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOutcomesAreWorstFirst(t *testing.T) {
	for i, one := range Outcomes() {
		for j, other := range Outcomes() {
			if got := one.Compare(other); (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("%s compared with %s is %d", one, other, got)
			}
		}
	}
}

// An update is judged by what it asks anew; a nil policy judges nothing anew.
func TestEvaluateUpdate(t *testing.T) {
	denied := claim("team-a", "team-a-read", "secret/data/x")
	more := claim("team-a", "team-a-read", "secret/data/x", "secret/data/y")
	tests := map[string]struct {
		policy     *Policy
		claim, old *Claim
		want       []string
	}{
		"new":        {mustCompile(t, testSettings(), testPolicy), denied, nil, []string{"spec.data[0].key"}},
		"unchanged":  {mustCompile(t, testSettings(), testPolicy), denied, denied, nil},
		"one more":   {mustCompile(t, testSettings(), testPolicy), more, denied, []string{"spec.data[1].key"}},
		"now denied": {mustCompile(t, testSettings(), testPolicy), denied, claim("team-a", "team-a-read", "secret/data/team-a/x"), []string{"spec.data[0].key"}},
		"no policy":  {nil, denied, nil, []string{"spec"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, err := range tc.policy.EvaluateUpdate(tc.claim, nil, tc.old).Denials() {
				got = append(got, err.Field)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNamespaceLabels(t *testing.T) {
	given := map[string]string{"tier": "web"}
	want := map[string]string{"tier": "web", "kubernetes.io/metadata.name": "x"}
	if diff := cmp.Diff(want, NamespaceLabels("x", given)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"kubernetes.io/metadata.name": "x"}, NamespaceLabels("x", nil)); diff != "" {
		t.Error(diff)
	}
	if len(given) != 1 {
		t.Error("the given labels were changed")
	}
}
