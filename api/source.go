package api

import (
	"fmt"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

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

// Source is an object that asks for a Secret of its own name and namespace.
// +kubebuilder:object:generate=false
type Source interface {
	metav1.Object
	runtime.Object
	// Claim is what the object asks of Vault; nil when it asks another
	// backend and is none of Countersign's business.
	Claim(Defaults) *policy.Claim
	// Controller is the instance that the object is for; empty is the one that
	// has no name.
	Controller() string
	// Render makes the Secret's content of what Vault answered. The errors
	// never hold a value.
	Render(Values) (*Content, field.ErrorList)
	// SyncStatus is the part of the status that all dialects share.
	SyncStatus() *SyncStatus
	// Report writes the outcome of a visit into the dialect's own fields; an
	// empty message is success.
	Report(at metav1.Time, message string)
	// SyncedByPredecessor is the version that another controller of the same
	// dialect left as synced, or nil.
	SyncedByPredecessor() *Version
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
}

// Values are the "data" objects of Vault's answers. Numbers are json.Number.
// +kubebuilder:object:generate=false
type Values map[Address]map[string]any

// Content is what a Secret is made of, apart from its name and owner.
// +kubebuilder:object:generate=false
type Content struct {
	Type                string
	Labels, Annotations map[string]string
	Data                map[string][]byte
	Immutable           *bool
}
