package policy

import (
	"fmt"
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
	path := claim.Reads[i].Path
	for j := range p.deny {
		rule := &p.deny[j]
		if rule.namespaces.matches(claim.Namespace, labels) {
			part := pathPart(rule.paths, strings.ToLower(path), claim.Namespace)
			part.Has = path
			all = append(all, Explanation{Rule: rule.name, Deny: true, Mode: rule.mode, Matches: part.Matches, Parts: []PartExplanation{part}})
		}
	}
	for _, rule := range p.rulesOf(claim.Namespace, labels) {
		all = append(all, p.explainAllow(rule, claim, path))
	}
	return all
}

func (p *Policy) explainAllow(rule *allowRule, claim *Claim, path string) Explanation {
	first := pathPart(rule.paths, path, claim.Namespace)
	explained := Explanation{Rule: rule.name, Matches: first.Matches, Parts: []PartExplanation{first}}
	for _, one := range parts() {
		if one == partIdentity && claim.ServiceAccount == "" {
			continue
		}
		matches := p.partMatches(rule, one, claim)
		explained.Matches = explained.Matches && matches
		explained.Parts = append(explained.Parts, PartExplanation{
			Part: string(one), Matches: matches, Wants: p.wants(rule, one, claim), Has: fmt.Sprintf("%q", p.has(one, claim)),
		})
	}
	return explained
}

func pathPart(patterns []string, path, namespace string) PartExplanation {
	return PartExplanation{
		Part: "path", Matches: matchesAny(patterns, path, namespace), Has: path,
		Wants: strings.ReplaceAll(strings.Join(patterns, " or "), namespaceVariable, namespace),
	}
}
