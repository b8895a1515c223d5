// Package vault is the only door to Vault.
//
// A Vault is one that the operator configured: its address, CA, namespace and
// budget come from the settings, nothing that a tenant writes chooses them. A
// read goes through a session, which is one login however many objects wait
// for it, and through the budget, which all requests share. Each request is
// for a Visit: right before its bytes leave, the visit's guard is asked once
// more whether they may, and the object's name goes along in a header that
// Vault can audit.
//
// What was judged is sent byte for byte: the transport refuses any other path,
// and redirects are not followed.
package vault
