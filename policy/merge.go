package policy

import "slices"

// Merge is the verdict of an object that makes several claims, in the order of
// the object's fields. Reads are counted through all of them.
func Merge(verdicts ...*Verdict) *Verdict {
	merged := &Verdict{}
	for _, one := range verdicts {
		for _, violation := range one.Violations {
			if violation.Read >= 0 {
				violation.Read += len(merged.Grants)
			}
			merged.Violations = append(merged.Violations, violation)
		}
		merged.Grants = append(merged.Grants, one.Grants...)
		merged.Revision = one.Revision
	}
	slices.SortStableFunc(merged.Violations, func(a, b Violation) int { return compareFields(a.Err.Field, b.Err.Field) })
	return merged
}

// Within has the fields of a verdict tell whose they are, where another object
// is judged: an edited store with each object that refers to it.
func (v *Verdict) Within(owner string) *Verdict {
	moved := &Verdict{Grants: v.Grants, Revision: v.Revision}
	for _, violation := range v.Violations {
		err := *violation.Err
		err.Field = owner + "." + err.Field
		violation.Err = &err
		moved.Violations = append(moved.Violations, violation)
	}
	return moved
}
