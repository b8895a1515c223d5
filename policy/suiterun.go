package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Asked is what an object asks.
type Asked struct {
	Claim *Claim
	// Old is what it asked before; nil where it is new.
	Old *Claim
	// Labels are those of its namespace, for a suite that does not list it.
	Labels map[string]string
}

// CaseResult is what became of a case.
type CaseResult struct {
	*Case
	// Got is the worst of the answers; nothing asked is allowed.
	Got     Want
	Answers []Answer
	// Failures say what was wanted and what came instead; none is a pass.
	Failures []string

	outcome Outcome
}

// Run asks the policy each case. What a case asks is the business of the
// dialects, which ask knows; its error ends the run.
func (s *Suite) Run(p *Policy, ask func(*Case) ([]Asked, error)) ([]CaseResult, error) {
	results := make([]CaseResult, len(s.Cases))
	for i := range s.Cases {
		asked, err := ask(&s.Cases[i])
		if err != nil {
			return nil, err
		}
		results[i] = s.result(p, &s.Cases[i], asked)
	}
	return results, nil
}

func (s *Suite) result(p *Policy, c *Case, asked []Asked) CaseResult {
	result := CaseResult{Case: c, outcome: Allowed}
	for _, one := range asked {
		answer := Answer{one.Claim, p.EvaluateUpdate(one.Claim, s.labels(&one), one.Old)}
		result.Answers = append(result.Answers, answer)
		if outcome := answer.Verdict.Outcome(); outcome.Compare(result.outcome) < 0 {
			result.outcome = outcome
		}
	}
	result.Got = wantFor(result.outcome)
	result.Failures = result.failures()
	return result
}

// labels are those that the suite has for the namespace, or else the object.
func (s *Suite) labels(asked *Asked) map[string]string {
	name := asked.Claim.Namespace
	if namespace, ok := s.Namespaces[name]; ok {
		return NamespaceLabels(name, namespace.Labels)
	}
	return NamespaceLabels(name, asked.Labels)
}

func (r *CaseResult) failures() []string {
	var failures []string
	if r.Got != r.Want {
		failures = append(failures, fmt.Sprintf("want %s, got %s", r.Want, r.Got))
	}
	if rules := r.rules(); r.WantRule != "" && !slices.ContainsFunc(rules, r.isWanted) {
		failures = append(failures, fmt.Sprintf("wantRule %q, but %s decided", r.WantRule, describeRules(rules)))
	}
	if r.message != nil && !r.message.MatchString(strings.Join(r.messages(), "\n")) {
		failures = append(failures, fmt.Sprintf("wantMessage %q matches nothing that the user is told", r.WantMessage))
	}
	return failures
}

// isWanted compares by the name within the ConfigMap where no ConfigMap is
// wanted.
func (r *CaseResult) isWanted(rule string) bool {
	return rule == r.WantRule || strings.HasSuffix(rule, "/"+r.WantRule)
}

// rules are those that had a say in the outcome.
func (r *CaseResult) rules() []string {
	var rules []string
	add := func(rule string) {
		if rule != "" && !slices.Contains(rules, rule) {
			rules = append(rules, rule)
		}
	}
	for _, answer := range r.Answers {
		for _, violation := range answer.Verdict.Violations {
			if outcomeOf(violation.Mode) == r.outcome {
				add(violation.Rule)
			}
		}
		for _, grant := range answer.Verdict.Grants {
			if r.outcome == Allowed {
				add(grant.Rule)
			}
		}
	}
	return rules
}

func describeRules(rules []string) string {
	if len(rules) == 0 {
		return "no rule"
	}
	return orList(rules)
}

func (r *CaseResult) messages() []string {
	var messages []string
	for _, answer := range r.Answers {
		messages = append(messages, answer.Verdict.Messages()...)
	}
	return messages
}
