package policy

// EvaluateUpdate judges what a claim asks anew: what old claims of the same
// object had already passes (see Without). Without an old claim that is not nil
// the object is new.
func (p *Policy) EvaluateUpdate(claim *Claim, labels map[string]string, old ...*Claim) *Verdict {
	verdict := p.Evaluate(claim, labels)
	for _, one := range old {
		if one != nil && len(verdict.Violations) > 0 {
			verdict = verdict.Without(claim, one, p.Evaluate(one, labels))
		}
	}
	return verdict
}
