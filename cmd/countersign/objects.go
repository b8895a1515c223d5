package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
	"github.com/countersign/countersign/policy/files"
)

// object is one that asks something of Vault.
type object struct {
	kind            schema.GroupVersionKind
	namespace, name string
	policy.Asked
}

// newObject is nil for an object of another backend than Vault that may pass.
func newObject(kind schema.GroupVersionKind, source, old api.Source, settings *config.Settings) *object {
	claim := settings.Admission(source)
	if claim == nil {
		return nil
	}
	o := &object{kind: kind, namespace: source.GetNamespace(), name: cmp.Or(source.GetName(), source.GetGenerateName()), Asked: policy.Asked{Claim: claim}}
	if old != nil {
		o.Old = settings.Admission(old)
	}
	return o
}

// String is kind and name, as kubectl prints them.
func (o *object) String() string { return fmt.Sprintf("%s %s/%s", o.kind.Kind, o.namespace, o.name) }

// namespaceLabels are the labels of namespaces by their names.
type namespaceLabels map[string]map[string]string

// judge asks the policy with what stands in the namespace's labels.
func (l namespaceLabels) judge(p *policy.Policy, o object) policy.Answer {
	labels := policy.NamespaceLabels(o.namespace, l[o.namespace])
	return policy.Answer{Claim: o.Claim, Verdict: p.EvaluateUpdate(o.Claim, o.Old, labels)}
}

// loadObjects reads the ExternalSecrets and the Namespaces of files. The
// namespace is that of objects which name none. Mistakes come as
// policy.Problems, all of them.
func loadObjects(stdin io.Reader, settings *config.Settings, namespace string, paths ...string) ([]object, namespaceLabels, error) {
	m := &manifests{settings: settings, namespace: namespace, labels: namespaceLabels{}}
	for _, path := range paths {
		parts, err := files.Parts(stdin, path)
		if err != nil {
			return nil, nil, err
		}
		before := m.found
		for _, part := range parts {
			if err := m.part(part); err != nil {
				return nil, nil, err
			}
		}
		if m.found == before && len(m.problems) == 0 {
			return nil, nil, fmt.Errorf("%s: no ExternalSecret in it", path)
		}
	}
	return m.objects, m.labels, m.problems.Err()
}

// objectsOf is the same for a manifest in place.
func objectsOf(node *policy.Node, settings *config.Settings, namespace string) ([]object, namespaceLabels, error) {
	m := &manifests{settings: settings, namespace: namespace, labels: namespaceLabels{}}
	if err := m.add(m.node(node)); err != nil {
		return nil, nil, err
	}
	if m.found == 0 && len(m.problems) == 0 {
		m.problems = policy.Problems{node.Problem("kind", "no ExternalSecret in it")}
	}
	return m.objects, m.labels, m.problems.Err()
}

// manifests collects what is found.
type manifests struct {
	settings  *config.Settings
	namespace string

	objects []object
	labels  namespaceLabels
	// found counts objects of every backend.
	found    int
	problems policy.Problems
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
