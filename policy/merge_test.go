package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
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
