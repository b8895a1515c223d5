package main

import (
	"encoding/json"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
	"github.com/countersign/countersign/webhook"
)

// takeGuarded has an update judged where admission would judge it: as a whole,
// and only where it asks anything anew.
func (m *manifests) takeGuarded(of guardedKind, node, old *policy.Node, namespace string) error {
	object, asJSON, err := m.decodeGuarded(of, node, namespace)
	if err != nil {
		return err
	}
	asksAnew := true
	if old != nil {
		_, oldJSON, err := m.decodeGuarded(of, old, namespace)
		if err != nil {
			return err
		}
		if asksAnew, err = webhook.AsksAnew(asJSON, oldJSON); err != nil {
			return err
		}
	}
	m.found++
	one := givenObject{object, of.kind}
	m.given = append(m.given, one)
	if asksAnew {
		m.entries = append(m.entries, entry{guarded: &one})
	}
	return nil
}

// envelope is what every object has; what a guarded one has in its spec besides
// what it knows is for its claims to tell.
type envelope struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec   json.RawMessage `json:"spec"`
	Status json.RawMessage `json:"status"`
}

func (m *manifests) decodeGuarded(of guardedKind, node *policy.Node, namespace string) (api.Guarded, []byte, error) {
	var asJSON json.RawMessage
	if err := errors.Join(node.Decode(&envelope{}), node.Decode(&asJSON)); err != nil {
		return nil, nil, err
	}
	object := of.newObject()
	if err := kjson.UnmarshalCaseSensitivePreserveInts(asJSON, object); err != nil {
		return nil, nil, policy.Problems{node.Problem("spec", err.Error())}
	}
	if of.cluster {
		object.SetNamespace("")
		return object, asJSON, nil
	}
	return object, asJSON, m.setNamespace(node, object, namespace)
}
