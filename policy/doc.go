// Package policy decides which Vault paths a namespace may read or write, with
// which role. It is the ground floor: it knows no client, no Vault and no clock.
//
// A dialect turns an object into a Claim. AccessPolicy documents are parsed and
// compiled into a Policy, which is immutable and answers Evaluate with a
// Verdict. A claim is allowed when it has at least one read and every read is
// granted by one allow rule as a whole (namespace, Vault, path, auth mount and
// role together) and no enforced deny rule matches. The order of rules never
// matters, and there is no "most specific wins".
//
// A Verdict that denies is an answer. An error means that there is none.
package policy
