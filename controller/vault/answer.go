package vault

import "time"

// Answer is what Vault said to a read.
type Answer struct {
	// Data is the "data" of the answer; numbers are json.Number. Those who share
	// an answer must not change it.
	Data map[string]any
	// LeaseEnds is when Vault takes the values back: the earlier of the end of
	// the lease and of the token that it hangs on. Zero is never: no lease.
	LeaseEnds time.Time
}

func (a *Answer) isLeased() bool { return !a.LeaseEnds.IsZero() }

// readAnswer is the part of a read's answer that matters.
// https://developer.hashicorp.com/vault/docs/concepts/lease
type readAnswer struct {
	Data          map[string]any `json:"data"`
	LeaseID       string         `json:"lease_id"`
	LeaseDuration int            `json:"lease_duration"`
}

// answer dates the lease. KV engines answer with a duration too, but with no
// lease that ends.
func (r *readAnswer) answer(now time.Time, from token) *Answer {
	a := &Answer{Data: r.Data}
	if r.LeaseID == "" {
		return a
	}
	a.LeaseEnds = now.Add(time.Duration(r.LeaseDuration) * time.Second)
	if !from.expires.IsZero() && from.expires.Before(a.LeaseEnds) {
		a.LeaseEnds = from.expires
	}
	return a
}
