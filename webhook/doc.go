// Package webhook is the admission side. Stamp (mutating) marks what is new so
// that the controller knows that it has to read; it never refuses. Enforce
// (validating) asks the policy and refuses; it never changes anything. Both
// are stateless and are served by every replica.
package webhook
