package api

import (
	"context"
	"fmt"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/countersign/countersign/policy"
)

// Annotations that Countersign reads or writes.
const (
	// StampedAt is written by the webhook when a change is admitted. To the
	// controller it is an opaque token.
	StampedAt = "countersign.dev/stamped-at"
	// StampedBy is the name of the user whose change was admitted.
	StampedBy = "countersign.dev/stamped-by"
	// Resync is changed by users to have the values read again.
	Resync = "countersign.dev/resync"
	// Suspend pauses an object while it is "true".
	Suspend = "countersign.dev/suspend"
	// Adopt on a Secret without an owner names the object that may take it.
	Adopt = "countersign.dev/adopt"
	// ReservedPrefix is the part of annotation and label keys that no template
	// may use.
	ReservedPrefix = "countersign.dev/"
)

// MaxResyncBytes bounds the value of the Resync annotation.
const MaxResyncBytes = 256

// Synced is an object that Countersign makes a Secret for.
// +kubebuilder:object:generate=false
type Synced interface {
	metav1.Object
	runtime.Object
	// Ours reports whether the object is this Countersign's business, and no more:
	// it costs less than a Plan. An error means that the surroundings could not be
	// read.
	Ours(context.Context, Surroundings) (bool, error)
	// Plan is what is to be done now; nil where the object is not Ours. An error
	// is that of Ours.
	Plan(context.Context, Surroundings) (*Plan, error)
	// SecretName is that of the Secret, in the object's namespace.
	SecretName() string
	// SyncStatus is what Countersign remembers of the object.
	SyncStatus() *SyncStatus
	// WholeStatus is what the object has in its field "status".
	WholeStatus() any
	// Report writes the outcome of a visit into the dialect's own fields; an
	// empty message is success.
	Report(at metav1.Time, message string)
	// Keep writes what is remembered to where the object has a place for it,
	// right before it is saved.
	Keep()
	// SyncedByPredecessor is the version that another controller of the same
	// dialect left as synced, or nil.
	SyncedByPredecessor() *Version
}

// Source is an object that asks by itself, whatever stands around it.
// +kubebuilder:object:generate=false
type Source interface {
	Synced
	// Claim is what the object asks of Vault; nil when it asks another
	// backend and is none of Countersign's business.
	Claim(Defaults) *policy.Claim
	// Controller is the instance that the object is for; empty is the one that
	// has no name.
	Controller() string
}

// EachItem visits the items of a list, which are Sources or Guarded.
func EachItem[T any](list runtime.Object, visit func(T)) error {
	return apimeta.EachListItem(list, func(item runtime.Object) error {
		one, ok := item.(T)
		if !ok {
			return fmt.Errorf("%T is not of a dialect", item)
		}
		visit(one)
		return nil
	})
}

// Operator is what the operator has set that matters to plans.
// +kubebuilder:object:generate=false
type Operator struct {
	Defaults Defaults
	// ControllerID is the instance's name; empty is the one without a name.
	ControllerID string
	// StoreClass is that of the ESO stores whose objects are this instance's to
	// sync.
	StoreClass string
	// Vaults are those that are configured, by name.
	Vaults map[string]Vault
}

// Defaults are the operator's settings that fill what an object leaves out.
// +kubebuilder:object:generate=false
type Defaults struct {
	// Vault and VaultNamespace say where claims of this dialect go.
	Vault, VaultNamespace string
	// AuthMount and Role stand in for empty fields; a role may be empty.
	AuthMount, Role string
}

// Address is one distinct read.
// +kubebuilder:object:generate=false
type Address struct {
	// Path is a full Vault API path.
	Path string
	// Version is a KV v2 version, 0 the latest.
	Version int
	// List asks for the names below the path, in "keys".
	List bool
}

// Values are the "data" objects of Vault's answers. Numbers are json.Number.
// +kubebuilder:object:generate=false
type Values map[Address]map[string]any

// MaxSecretBytes is the limit of a Secret's data.
// https://kubernetes.io/docs/concepts/configuration/secret/#restriction-data-size
const MaxSecretBytes = 1 << 20

// DataBytes is what counts towards MaxSecretBytes.
func (c *Content) DataBytes() int {
	total := 0
	for _, value := range c.Data {
		total += len(value)
	}
	return total
}

// Content is what a Secret is made of, apart from its name and owner.
// +kubebuilder:object:generate=false
type Content struct {
	Type                string
	Labels, Annotations map[string]string
	Data                map[string][]byte
	Immutable           *bool
	// Gone: there is nothing that a Secret could be made of, and the object says
	// that it is to be deleted then.
	Gone bool
}
