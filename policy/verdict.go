package policy

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	maxReported = 10
	// maxToldBytes bounds each text of a violation: what a user wrote, and it
	// repeats, may have a megabyte.
	maxToldBytes = 1024
)

// Violation is one reason to refuse a claim.
type Violation struct {
	// Err has the field and tells the user what to do next.
	Err *field.Error
	// Mode says whether it refuses, warns or is only recorded.
	Mode Mode
	// Rule is the deny rule that matched, as configmap/rule; empty otherwise.
	Rule string
	// Read is the index of the read that it is about; -1 is the whole claim.
	Read int
}

// Grant is what allows one read.
type Grant struct {
	// Rule is the allow rule, as configmap/rule; empty where none allows it.
	Rule string
	// ServiceAccount of the object's namespace is who is to log in; empty is
	// Countersign itself.
	ServiceAccount string
}

// Verdict answers a Claim.
type Verdict struct {
	// Grants are by the index of the read.
	Grants []Grant
	// Violations are in the order of the object's fields.
	Violations []Violation
	// Revision is that of the policy that was asked.
	Revision string
}

// Allowed reports whether nothing refuses the claim.
func (v *Verdict) Allowed() bool {
	for i := range v.Violations {
		if v.Violations[i].Mode == Enforce {
			return false
		}
	}
	return true
}

// Denials are the violations that refuse, at most ten and a count of the rest.
func (v *Verdict) Denials() field.ErrorList {
	all := v.inMode(Enforce)
	if len(all) <= maxReported {
		return all
	}
	more := field.Forbidden(field.NewPath("spec"), fmt.Sprintf("and %d more violations", len(all)-maxReported))
	return append(all[:maxReported:maxReported], more)
}

// Warnings are the violations that only warn.
func (v *Verdict) Warnings() field.ErrorList { return v.inMode(Warn) }

func (v *Verdict) inMode(mode Mode) field.ErrorList {
	var errs field.ErrorList
	for _, violation := range v.told() {
		if violation.Mode == mode {
			errs = append(errs, violation.Err)
		}
	}
	return errs
}

// told has each thing once: a missing role is a violation of every read.
func (v *Verdict) told() []*Violation {
	type thing struct {
		mode Mode
		text string
	}
	var told []*Violation
	seen := map[thing]bool{}
	for i := range v.Violations {
		violation := v.Violations[i]
		violation.Err = bounded(violation.Err)
		if one := (thing{violation.Mode, violation.Err.Error()}); !seen[one] {
			seen[one] = true
			told = append(told, &violation)
		}
	}
	return told
}

// bounded cuts what a user wrote, wherever an error repeats it.
func bounded(err *field.Error) *field.Error {
	cut := *err
	cut.Field, cut.Detail = shortened(err.Field), shortened(err.Detail)
	if value, ok := err.BadValue.(string); ok {
		cut.BadValue = shortened(value)
	}
	return &cut
}

func shortened(text string) string {
	if len(text) <= maxToldBytes {
		return text
	}
	return strings.ToValidUTF8(text[:maxToldBytes], "") + "..."
}

// Without keeps the violations that are new since old was admitted: those of
// references that old did not have, and those of the whole claim that old did
// not have to the letter. It is the ratchet of an update: what stands already
// never blocks a change of something else, and the controller judges it again
// before any read.
func (v *Verdict) Without(claim, old *Claim, oldVerdict *Verdict) *Verdict {
	had := old.References()
	hadProblem := map[string]bool{}
	for i := range oldVerdict.Violations {
		if oldVerdict.Violations[i].Read < 0 {
			hadProblem[oldVerdict.Violations[i].Err.Error()] = true
		}
	}
	kept := &Verdict{Grants: v.Grants, Revision: v.Revision}
	for _, violation := range v.Violations {
		stands := hadProblem[violation.Err.Error()]
		if violation.Read >= 0 {
			stands = had[claim.Reference(violation.Read)]
		}
		if !stands {
			kept.Violations = append(kept.Violations, violation)
		}
	}
	return kept
}
