// Package esocorpus says in one file a case what External Secrets Operator makes
// of an ExternalSecret: what Vault holds, the objects, and the Secrets that come
// of them. The expectations were written from the operator's documentation. Its
// own binary proves them where ESO_BIN names it, and they are what Countersign
// has to make of the same objects.
//
// A case is a namespace of its own name, and what Vault holds for it is below
// that name, too: secret/<case>/... A file in testdata/cases has, in this order:
// what the case shows, the operator's own name for it if it has one, Vault, the
// objects in the order of their creation, what is wanted, then steps, and how
// Countersign differs on purpose.
package esocorpus
