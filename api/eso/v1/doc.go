// Package v1 is the dialect of External Secrets Operator (ESO): the objects by
// which it reaches Vault, as far as they say what it asks there.
//
// ESO syncs these objects, and Countersign judges them. What a claim says is
// what ESO's client would request: its paths are built of a store and a key in
// more than one way, and the policy sees the outcome. What no Vault sees is of
// type Ignored, with a reason. A field that stands in an object and is of
// neither kind is one that this package does not know, and denies the object:
// a later ESO may take a path from there.
//
// The groups and versions are several, as ESO serves them:
// external-secrets.io/v1 and v1alpha1, generators.external-secrets.io/v1alpha1.
// No CRD is made of these types.
//
// +kubebuilder:object:generate=true
// +kubebuilder:skip
package v1
