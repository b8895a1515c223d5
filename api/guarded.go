package api

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/policy"
)

// Guarded is an object that another controller syncs, or that such an object
// refers to. Countersign asks Vault nothing for it, and judges what the other
// controller would ask.
// +kubebuilder:object:generate=false
type Guarded interface {
	metav1.Object
	runtime.Object
	// Claims are what the object has its controller ask of Vault, one for each
	// login, in the order of the object's fields. What it refers to and does
	// not exist adds nothing, nor does another provider than Vault: there may
	// be no claims. An error means that the surroundings could not be read.
	Claims(context.Context, Surroundings) ([]*policy.Claim, error)
	// Refers has what the claims depend on, whether it exists or not. Objects
	// of the whole cluster that others are made of refer to nothing: the
	// others do.
	Refers() []Referent
	// OtherProvider is the field that names another provider than Vault; nil
	// for an object that names none.
	OtherProvider() *field.Path
}

// Surroundings are what claims depend on besides the object.
// +kubebuilder:object:generate=false
type Surroundings interface {
	// Operator is what the operator has set.
	Operator() Operator
	// Find reads the objects that a reference means now.
	Find(context.Context, Referent) ([]Guarded, error)
	// Namespaces reads the names of those that a selector selects now.
	Namespaces(context.Context, labels.Selector) ([]string, error)
}

// Vault is one that the operator configured, as far as objects may name its
// parts.
// +kubebuilder:object:generate=false
type Vault struct {
	Address, Namespace string
	// Audience is that of tokens of ServiceAccounts.
	Audience string
	// CA is a PEM bundle; empty where the system's roots apply.
	CA []byte
}

// Referent is what an object refers to.
// +kubebuilder:object:generate=false
type Referent struct {
	Kind schema.GroupVersionKind
	// Namespace is empty for an object of the whole cluster.
	Namespace string
	// Name is empty where Labels select, as text of a selector; both empty are
	// all objects of the kind in the namespace.
	Name, Labels string
}

// Means reports whether a reference is to an object.
func (r Referent) Means(kind schema.GroupVersionKind, object metav1.Object) bool {
	switch {
	case r.Kind.GroupKind() != kind.GroupKind() || r.Namespace != object.GetNamespace():
		return false
	case r.Name != "":
		return r.Name == object.GetName()
	}
	selector, err := labels.Parse(r.Labels)
	return err == nil && selector.Matches(labels.Set(object.GetLabels()))
}
