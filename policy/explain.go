package policy

import (
	"slices"
	"strings"
)

// Explanation says of one rule which of its parts match a read.
type Explanation struct {
	// Rule is configmap/rule.
	Rule string `json:"rule"`
	// Deny tells deny rules from allow rules; Mode is a deny rule's.
	Deny bool `json:"deny,omitempty"`
	Mode Mode `json:"mode,omitempty"`
	// Matches holds when every part does.
	Matches bool              `json:"matches"`
	Parts   []PartExplanation `json:"parts"`
}

// PartExplanation is one part of a rule.
type PartExplanation struct {
	Part    string `json:"part"`
	Matches bool   `json:"matches"`
	// Wants is what the rule says, Has what the read has.
	Wants string `json:"wants"`
	Has   string `json:"has"`
}

// Explain goes through every rule that selects the claim's namespace, deny
// rules first, and compares each part with the i-th read.
func (p *Policy) Explain(claim *Claim, i int, labels map[string]string) []Explanation {
	var all []Explanation
	read := &claim.Reads[i]
	for j := range p.deny {
		rule := &p.deny[j]
		if rule.namespaces.matches(claim.Namespace, labels) {
			part := pathPart(rule.paths, read, claim.Namespace, deniesPath(rule.paths, read, claim.Namespace))
			all = append(all, Explanation{Rule: rule.name, Deny: true, Mode: rule.mode, Matches: part.Matches, Parts: []PartExplanation{part}})
		}
	}
	for _, rule := range p.rulesOf(claim.Namespace, labels) {
		all = append(all, p.explainAllow(rule, claim, read))
	}
	return all
}

func (p *Policy) explainAllow(rule *allowRule, claim *Claim, read *Read) Explanation {
	first := pathPart(rule.paths, read, claim.Namespace, grantsPath(rule.paths, read, claim.Namespace))
	explained := Explanation{Rule: rule.name, Matches: first.Matches, Parts: []PartExplanation{first}}
	for _, one := range parts() {
		matches := p.partMatches(rule, one, claim, read)
		if matches && isUsual(one, claim, read) {
			continue
		}
		explained.Matches = explained.Matches && matches
		explained.Parts = append(explained.Parts, PartExplanation{
			Part: string(one), Matches: matches, Wants: p.wants(rule, one, claim), Has: p.has(one, claim, read),
		})
	}
	return explained
}

// isUsual holds for parts that are worth a line only where they do not match,
// or the object chose them.
func isUsual(of part, claim *Claim, read *Read) bool {
	switch of {
	case partIdentity:
		return claim.ServiceAccount == ""
	case partOperation:
		return read.operation() == OperationRead
	default:
		return false
	}
}

func pathPart(patterns []string, read *Read, namespace string, matches bool) PartExplanation {
	has := read.Path
	if read.Subtree {
		has += "/*"
	}
	return PartExplanation{
		Part: "path", Matches: matches, Has: has,
		Wants: strings.ReplaceAll(strings.Join(patterns, " or "), namespaceVariable, namespace),
	}
}

// deniesPath reports whether one of the folded patterns of a deny rule matches
// any of the read.
func deniesPath(patterns []string, read *Read, namespace string) bool {
	path := strings.ToLower(read.Path)
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if read.Subtree {
			return meetsBelow(pattern, path, namespace)
		}
		return MatchesPattern(pattern, path, namespace)
	})
}
