// Package webhook is the admission side. Stamp (mutating) marks what is new so
// that the controller knows that it has to read; it never refuses. Enforce
// (validating) asks the policy and refuses; it never changes anything. Guard
// (validating) looks after the policy ConfigMaps themselves: it refuses mistakes
// and warns of whom a change concerns. All are stateless and are served by every
// replica.
package webhook
