// Package api is the contract between the dialects and everything above them.
//
// A dialect is an ExternalSecret API. It lives in one package below this one,
// whose types implement Source: they turn themselves into a policy.Claim, and
// what Vault answered into the Content of a Secret. The webhooks and the
// controller know Source only, so that a further dialect is a package and one
// line that registers it.
//
// +kubebuilder:object:generate=true
package api
