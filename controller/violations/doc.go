// Package violations tells of objects that stand although policy denies them:
// objects that another controller syncs, so that Countersign cannot keep their
// reads from Vault. They are older than the policy or the webhook, or slipped
// through while an object and its store were changed at the same moment.
//
// It follows every kind that the cluster has, and judges an object whenever it,
// anything that it refers to, its namespace or the policy changes. What it finds
// is told once per change, as an event, and all the time, as a metric. Kinds
// come and go with their CRDs.
package violations
