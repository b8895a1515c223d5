package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Violations keep the order of the object's fields, and know their reads.
func TestMerge(t *testing.T) {
	data := field.NewPath("spec", "data")
	at := func(i, read int) Violation {
		return Violation{Err: field.Forbidden(data.Index(i), "no"), Mode: Enforce, Read: read}
	}
	whole := Violation{Err: field.Forbidden(field.NewPath("spec"), "no"), Mode: Warn, Read: -1}
	got := Merge(
		&Verdict{Grants: []Grant{{Rule: "cm/a"}, {}}, Violations: []Violation{at(2, 1)}, Revision: "r"},
		&Verdict{Grants: []Grant{{}, {Rule: "cm/b"}}, Violations: []Violation{whole, at(1, 0)}, Revision: "r"},
	)
	want := &Verdict{
		Grants:     []Grant{{Rule: "cm/a"}, {}, {}, {Rule: "cm/b"}},
		Violations: []Violation{whole, at(1, 2), at(2, 1)},
		Revision:   "r",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := Merge(); !got.Allowed() || len(got.Grants) > 0 {
		t.Errorf("of no claims: %+v", got)
	}
}

// Each field tells whose it is, and the verdict itself stays as it was.
func TestWithinMovesEachField(t *testing.T) {
	spec := field.NewPath("spec")
	verdict := &Verdict{Grants: []Grant{{Rule: "cm/a"}}, Revision: "r", Violations: []Violation{
		{Err: field.Required(spec.Child("secretStoreRef"), "no"), Mode: Enforce, Read: 0},
		{Err: field.Forbidden(spec.Child("data").Index(1), "no"), Mode: Warn, Rule: "cm/b", Read: 0},
		{Err: field.Forbidden(spec.Child("target"), "no"), Mode: Enforce, Read: -1},
	}}
	fields := func(verdict *Verdict) []string {
		var all []string
		for _, violation := range verdict.Violations {
			all = append(all, violation.Err.Field)
		}
		return all
	}
	before := fields(verdict)
	moved := verdict.Within("ExternalSecret a/app")
	want := []string{"ExternalSecret a/app.spec.secretStoreRef", "ExternalSecret a/app.spec.data[1]", "ExternalSecret a/app.spec.target"}
	if diff := cmp.Diff(want, fields(moved)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(before, fields(verdict)); diff != "" {
		t.Errorf("the verdict itself has changed: %s", diff)
	}
	rest := cmp.Diff(verdict, moved, cmpopts.IgnoreFields(Violation{}, "Err"))
	if rest != "" {
		t.Error(rest)
	}
}
