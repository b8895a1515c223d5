package main

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

// selection says which ExternalSecrets are meant: those for which all of it
// holds.
type selection struct {
	names []string
	// namespace is empty for all.
	namespace string
	labels    labels.Selector
	// path is a pattern; empty is any.
	path string
	// role is empty for any.
	role string
	// defaults are the operator's; they fill in what an object leaves out.
	defaults api.Defaults
	// claims are those of an object that another controller syncs.
	claims func(context.Context, api.Guarded) ([]*policy.Claim, error)
	// syncs reports whether Countersign syncs an object that may be another
	// controller's.
	syncs func(context.Context, client.Object) (bool, error)
}

// matches looks at what the object asks. One of another backend asks nothing.
func (s *selection) matches(ctx context.Context, object client.Object) (bool, error) {
	if !s.labels.Matches(labels.Set(object.GetLabels())) {
		return false, nil
	}
	switch one := object.(type) {
	case api.Source:
		claim := one.Claim(s.defaults)
		return claim != nil && s.matchesClaim(claim), nil
	case api.Guarded:
		if s.path == "" && s.role == "" {
			// What it asks stands in stores, which not everyone may read.
			return true, nil
		}
		claims, err := s.claims(ctx, one)
		return slices.ContainsFunc(claims, s.matchesClaim), err
	}
	return false, nil
}

func (s *selection) matchesClaim(claim *policy.Claim) bool {
	switch {
	case s.role != "" && claim.Role != s.role:
		return false
	case s.path == "":
		return true
	}
	return slices.ContainsFunc(claim.Reads, func(read policy.Read) bool { return read.Meets(s.path, claim.Namespace) })
}
