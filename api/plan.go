package api

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/policy"
)

// Plan is what an object has Countersign do, with all that it refers to as that
// stands: it is judged, and nothing but what it claims is asked of Vault.
// +kubebuilder:object:generate=false
type Plan struct {
	// Claims are one for each login. A claim without reads is judged only.
	Claims []*policy.Claim
	// Logins are those of the claims, by index.
	Logins []Login
	// Sources tell what the object refers to as it stands; with another one the
	// values are read again.
	Sources string
	// Resync is what the object's own dialect has as a request to read again.
	Resync string
	// Interval has the values read again in that time; 0 leaves it to the
	// operator.
	Interval time.Duration
	// Target is how the Secret is written.
	Target Target
	// Render makes the Secret's content. What is wrong with values is a
	// *ValueError; other errors are the material's.
	Render func(context.Context, Material) (*Content, error)
}

// Material is what a Secret is made of.
// +kubebuilder:object:generate=false
type Material struct {
	// Doors are to Vault, one for each claim.
	Doors []Door
	// Data reads a Secret or ConfigMap, live; an error is ErrNothing where there
	// is none.
	Data func(context.Context, DataRef) (map[string][]byte, error)
}

// DataRef names a Secret or ConfigMap.
// +kubebuilder:object:generate=false
type DataRef struct {
	ConfigMap       bool
	Namespace, Name string
}

// Version is what a user can change to have the values read.
func (p *Plan) Version(object Synced) Version {
	version := VersionOf(object)
	version.Sources = p.Sources
	if p.Resync != "" {
		version.Resync += "\n" + p.Resync
	}
	return version
}

// Target is how a Secret is written.
// +kubebuilder:object:generate=false
type Target struct {
	Creation Creation
	// Predecessor is the field manager by which another controller has written
	// the Secret for this very object; empty is none.
	Predecessor string
	// Keep has a Secret that cannot be changed stay as it is.
	Keep bool
}

// Creation says whose the Secret is.
type Creation string

const (
	// CreateOwned makes a Secret that goes with the object; the default.
	CreateOwned Creation = ""
	// CreateOrphan makes one that outlives the object.
	CreateOrphan Creation = "Orphan"
	// CreateNone makes none.
	CreateNone Creation = "None"
	// MergeOnly adds to a Secret that is somebody else's.
	MergeOnly Creation = "Merge"
	// MergeOrCreate makes a Secret that nobody owns, and adds to it.
	MergeOrCreate Creation = "CreateOrMerge"
)

// Merges reports whether the Secret may be somebody else's.
func (c Creation) Merges() bool { return c == MergeOnly || c == MergeOrCreate }

// Door reads one address for one claim, which must ask for it, and answers the
// "data" of Vault's answer. The field is the one that asks. Whatever is read
// twice is asked of Vault once.
// +kubebuilder:object:generate=false
type Door func(ctx context.Context, address Address, at *field.Path) (map[string]any, error)

// ErrNothing is of a read where Vault holds nothing, for this session at least.
var ErrNothing = errors.New("nothing there")

// ValueError is what is wrong with the values that Vault answered. It holds none
// of them.
// +kubebuilder:object:generate=false
type ValueError struct{ Problems field.ErrorList }

// Error implements error.
func (e *ValueError) Error() string { return e.Problems.ToAggregate().Error() }
