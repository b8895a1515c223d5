package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
	"github.com/countersign/countersign/policy/files"
)

// reading is how manifests are read.
type reading struct {
	*scene

	// namespace is that of objects which name none.
	namespace string
	// labels are those of namespaces that are known already.
	labels namespaceLabels
}

// files reads the objects and the Namespaces of files. Mistakes come as
// policy.Problems, all of them.
func (r *reading) files(ctx context.Context, stdin io.Reader, paths ...string) (*subjects, error) {
	m := r.manifests()
	for _, path := range paths {
		parts, err := files.Parts(stdin, path)
		if err != nil {
			return nil, err
		}
		before := m.found
		for _, part := range parts {
			if err := m.part(part); err != nil {
				return nil, err
			}
		}
		if m.found == before && len(m.problems) == 0 {
			return nil, fmt.Errorf("%s: no ExternalSecret in it", path)
		}
	}
	return m.subjects(ctx)
}

// node is the same for a manifest in place.
func (r *reading) node(ctx context.Context, node *policy.Node) (*subjects, error) {
	m := r.manifests()
	if err := m.add(m.node(node)); err != nil {
		return nil, err
	}
	if m.found == 0 && len(m.problems) == 0 {
		m.problems = policy.Problems{node.Problem("kind", "no ExternalSecret in it")}
	}
	return m.subjects(ctx)
}

func (r *reading) manifests() *manifests {
	labels := r.labels
	if labels == nil {
		labels = namespaceLabels{}
	}
	return &manifests{reading: r, labels: labels}
}

// manifests collects what is found.
type manifests struct {
	*reading

	entries []entry
	given   []givenObject
	labels  namespaceLabels
	// found counts objects of every backend.
	found    int
	problems policy.Problems
}

// entry is an object that is to be judged: what a guarded one asks is known
// only once all are read.
type entry struct {
	object
	guarded *givenObject
}

// add keeps mistakes for later; any other error ends the reading.
func (m *manifests) add(err error) error {
	problems, ok := errors.AsType[policy.Problems](err)
	if !ok {
		return err
	}
	m.problems = append(m.problems, problems...)
	return nil
}

// subjects leaves out what asks nothing of Vault.
func (m *manifests) subjects(ctx context.Context) (*subjects, error) {
	if err := m.problems.Err(); err != nil {
		return nil, err
	}
	around, err := m.around(ctx)
	if err != nil {
		return nil, err
	}
	all := &subjects{labels: m.labels}
	for _, one := range m.entries {
		if one.guarded != nil {
			claims, err := m.settings.OtherBackends.Claims(ctx, one.guarded.Guarded, around)
			if err != nil {
				return nil, err
			}
			one.object = newGuardedObject(one.guarded.kind, one.guarded.Guarded, claims)
		}
		if len(one.asked) > 0 {
			all.objects = append(all.objects, one.object)
		}
	}
	all.missing = around.missing
	return all, nil
}

// around is what is given before what stands, if any of it matters.
func (m *manifests) around(ctx context.Context) (*given, error) {
	g := &given{objects: m.given, labels: m.labels}
	switch {
	case len(m.given) == 0:
		return g, nil
	case m.cluster != nil:
		judge, err := m.guardedJudge(ctx)
		if err != nil {
			return nil, err
		}
		g.standing = judge.Surroundings()
		return g, nil
	case m.settings.Vaults[config.DefaultVault].Address == unknownVault:
		return nil, fmt.Errorf("the stores of External Secrets Operator name servers: say which Vaults there are with --%s", flagSettings)
	}
	var err error
	g.operator, err = m.settings.Operator(m.readFile(ctx))
	return g, err
}
