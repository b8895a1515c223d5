// Package guard shows what Countersign does for the objects of External Secrets
// Operator, on a real apiserver with ESO's own CRDs: it judges and stamps them,
// and tells of those that stand in violation. Nobody syncs them here, but where
// ESO_BIN names the operator's binary.
package guard
