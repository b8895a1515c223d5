package policy

// EvaluateUpdate judges what a claim asks anew: what an old claim of the same
// object had already passes (see Without). A nil old claim is that of an object
// that is new.
func (p *Policy) EvaluateUpdate(claim, old *Claim, labels map[string]string) *Verdict {
	verdict := p.Evaluate(claim, labels)
	if old == nil || len(verdict.Violations) == 0 {
		return verdict
	}
	return verdict.Without(claim, old, p.Evaluate(old, labels))
}
