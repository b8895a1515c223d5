// Package controller syncs: it reads Vault once for each change that was
// admitted and writes the Secret.
//
// It is level-based. A reconcile looks at one object as it stands, judges it by
// the policy in force, and compares what is asked (generation, stamp, resync)
// with what its status says was synced last. Only where they differ, or the
// Secret is gone or tampered with, does it visit Vault. What it knows is in the
// status, so that a restart reads nothing it need not.
//
// Any failure leaves the Secret as it is.
package controller
