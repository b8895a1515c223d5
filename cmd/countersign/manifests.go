package main

import (
	"cmp"
	"fmt"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
	"github.com/countersign/countersign/policy/files"
)

// The kinds besides those of the dialects that are looked into.
const (
	kindNamespace       = "Namespace"
	kindAdmissionReview = "AdmissionReview"
	suffixList          = "List"
)

// part takes in one YAML document. Only those that matter are decoded strictly;
// one that is not YAML does, since nobody can say.
func (m *manifests) part(part files.Part) error {
	if kind, err := part.Kind(); err == nil && !matters(kind) {
		return nil
	}
	node, err := policy.ReadNode(policy.Origin{File: part.File, Line: part.Line}, part.Text)
	if err != nil {
		return m.add(err)
	}
	return m.add(m.node(node))
}

func matters(kind string) bool {
	return kind == kindNamespace || kind == kindAdmissionReview || hasKind(strings.TrimSuffix(kind, suffixList)) ||
		kind == suffixList || kind == kindNamespace+suffixList
}

func (m *manifests) node(node *policy.Node) error {
	apiVersion, kind := node.Kind()
	switch {
	case kind == kindAdmissionReview:
		return m.review(node)
	case kind == kindNamespace && apiVersion == corev1.SchemeGroupVersion.String():
		return m.takeNamespace(node)
	case strings.HasSuffix(kind, suffixList):
		return m.list(node)
	case hasKind(kind):
		return m.take(node, nil, "")
	}
	return nil
}

// list goes on after a mistake, so that all are told.
func (m *manifests) list(node *policy.Node) error {
	for _, item := range node.Child("items").Items() {
		err := m.node(item)
		if _, kind := item.Kind(); kind == "" {
			err = policy.Problems{item.Problem("kind", "kind: an item of a list has to say its kind")}
		}
		if err := m.add(err); err != nil {
			return err
		}
	}
	return nil
}

// review takes what an admission webhook would be asked.
func (m *manifests) review(node *policy.Node) error {
	review := &admissionv1.AdmissionReview{}
	if err := node.Decode(review); err != nil {
		return err
	}
	request := node.Child("request")
	if request == nil {
		return policy.Problems{node.Problem("request", "the AdmissionReview has no request")}
	}
	asked, old := request.Child("object"), request.Child("oldObject")
	if review.Request.Operation != admissionv1.Update {
		old = nil
	}
	if asked == nil {
		// A deletion asks nothing.
		m.found++
		return nil
	}
	return m.take(asked, old, review.Request.Namespace)
}

func (m *manifests) take(node, oldNode *policy.Node, namespace string) error {
	source, kind, err := m.decode(node, namespace)
	if err != nil || source == nil {
		return err
	}
	var old api.Source
	if oldNode != nil {
		if old, _, err = m.decode(oldNode, namespace); err != nil {
			return err
		}
	}
	m.found++
	if o := newObject(kind, source, old, m.settings); o != nil {
		m.objects = append(m.objects, *o)
	}
	return nil
}

// decode is nil for an object of no dialect.
func (m *manifests) decode(node *policy.Node, namespace string) (api.Source, schema.GroupVersionKind, error) {
	kind := schema.FromAPIVersionAndKind(node.Kind())
	if !hasKind(kind.Kind) {
		return nil, kind, nil
	}
	dialect, known := dialectOf(kind)
	if !known {
		return nil, kind, policy.Problems{node.Problem("apiVersion", fmt.Sprintf(
			"%s of %q is not known; known are those of %s", kind.Kind, kind.GroupVersion(), apiVersions()))}
	}
	source := dialect.newObject()
	if err := node.Decode(source); err != nil {
		return nil, kind, err
	}
	source.SetNamespace(cmp.Or(namespace, source.GetNamespace(), m.namespace))
	if source.GetNamespace() == "" {
		return nil, kind, policy.Problems{node.Problem("metadata", "metadata.namespace: name the namespace there, or for all such objects with --namespace")}
	}
	return source, kind, nil
}

func (m *manifests) takeNamespace(node *policy.Node) error {
	namespace := &corev1.Namespace{}
	if err := node.Decode(namespace); err != nil {
		return err
	}
	m.labels[namespace.Name] = namespace.Labels
	return nil
}
