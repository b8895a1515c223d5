// Package v1 is the dialect of kubernetes-external-secrets (KES):
// kubernetes-client.io/v1 ExternalSecret.
//
// The schema is a superset of that of KES 8.5.5, so that no field of an
// existing object is ever pruned. Objects of other backends than Vault are
// stored as they are and make no claim. Each path of a Vault object is the
// full API path, as in "vault read secret/data/app": what stands in the object
// is what is asked of Vault.
//
// +kubebuilder:object:generate=true
// +groupName=kubernetes-client.io
package v1
