// Package certificates looks after the webhooks' serving certificate, beside
// cert-controller, which makes it.
//
// The files are what counts: a replica serves what the kubelet has written into
// its folder. Serving compares what is served with what is in the files, and
// Expiry tells how long the files are good for.
//
// Rotation replaces the CA before cert-controller would, because that swaps it
// at once: replicas then serve, for a minute or two, a certificate that the
// apiserver no longer trusts. Here the apiserver learns of the next CA first;
// then the replicas get a certificate of it, each in its own time; the old CA
// goes last. Where a rotation stands is read from the Secret alone.
package certificates
