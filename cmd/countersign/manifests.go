package main

import (
	"cmp"
	"fmt"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	item := strings.TrimSuffix(kind, suffixList)
	return kind == suffixList || kind == kindAdmissionReview || item == kindNamespace || hasKind(item) || hasGuardedKind(item)
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
	}
	return m.take(node, nil, "")
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

// take passes over objects of no dialect.
func (m *manifests) take(node, old *policy.Node, namespace string) error {
	kind := schema.FromAPIVersionAndKind(node.Kind())
	if one, known := dialectOf(kind); known {
		return m.takeSource(one, node, old, namespace)
	}
	if one, known := guardedOf(kind); known {
		return m.takeGuarded(one, node, old, namespace)
	}
	if hasKind(kind.Kind) || hasGuardedGroupKind(kind.GroupKind()) {
		return policy.Problems{node.Problem("apiVersion", fmt.Sprintf(
			"%s of %q is not known; known are those of %s", kind.Kind, kind.GroupVersion(), apiVersions(kind.Kind)))}
	}
	return nil
}

func (m *manifests) takeSource(of dialect, node, oldNode *policy.Node, namespace string) error {
	source, err := m.decode(of, node, namespace)
	if err != nil {
		return err
	}
	var old api.Source
	if oldNode != nil {
		if old, err = m.decode(of, oldNode, namespace); err != nil {
			return err
		}
	}
	m.found++
	if o := newObject(of.kind, source, old, m.settings); o != nil {
		m.entries = append(m.entries, entry{object: *o})
	}
	return nil
}

func (m *manifests) decode(of dialect, node *policy.Node, namespace string) (api.Source, error) {
	source := of.newObject()
	if err := node.Decode(source); err != nil {
		return nil, err
	}
	return source, m.setNamespace(node, source, namespace)
}

// setNamespace prefers that of the request that the object is of.
func (m *manifests) setNamespace(node *policy.Node, object metav1.Object, namespace string) error {
	object.SetNamespace(cmp.Or(namespace, object.GetNamespace(), m.namespace))
	if object.GetNamespace() == "" {
		return policy.Problems{node.Problem("metadata", "metadata.namespace: name the namespace there, or for all such objects with --namespace")}
	}
	return nil
}

func (m *manifests) takeNamespace(node *policy.Node) error {
	namespace := &corev1.Namespace{}
	if err := node.Decode(namespace); err != nil {
		return err
	}
	m.labels[namespace.Name] = namespace.Labels
	return nil
}
