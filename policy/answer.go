package policy

import (
	"cmp"
	"fmt"
	"slices"
)

// Outcome is a verdict in one word.
type Outcome string

// The outcomes. What is audited passes, and is recorded only.
const (
	Denied  Outcome = "denied"
	Warned  Outcome = "warned"
	Audited Outcome = "audited"
	Allowed Outcome = "allowed"
)

// Outcomes are all of them, worst first.
func Outcomes() []Outcome { return []Outcome{Denied, Warned, Audited, Allowed} }

// Compare orders outcomes, worst first.
func (o Outcome) Compare(other Outcome) int {
	return cmp.Compare(slices.Index(Outcomes(), o), slices.Index(Outcomes(), other))
}

// Outcome is that of the worst violation.
func (v *Verdict) Outcome() Outcome {
	worst := Allowed
	for i := range v.Violations {
		if outcome := outcomeOf(v.Violations[i].Mode); outcome.Compare(worst) < 0 {
			worst = outcome
		}
	}
	return worst
}

func outcomeOf(mode Mode) Outcome { return Outcomes()[severity(mode)] }

// Answer is a claim with its verdict.
type Answer struct {
	Claim   *Claim
	Verdict *Verdict
}

// Lines are the whole answer: every violation, then every read that a rule
// grants.
func (a Answer) Lines() []string {
	lines := a.Verdict.Messages()
	for i, grant := range a.Verdict.Grants {
		if grant.Rule != "" {
			read := &a.Claim.Reads[i]
			lines = append(lines, fmt.Sprintf("%s: %s is allowed by rule %q", read.Field, read, grant.Rule))
		}
	}
	return lines
}

// Messages are all violations in the order of the object's fields. Those that
// do not refuse say so.
func (v *Verdict) Messages() []string {
	var messages []string
	for _, violation := range v.told() {
		message := violation.Err.Error()
		if violation.Mode != Enforce {
			message = fmt.Sprintf("%s (%s)", message, outcomeOf(violation.Mode))
		}
		messages = append(messages, message)
	}
	return messages
}
