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
