package api

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Condition types.
const (
	// ConditionReady says whether the Secret holds what was last asked for.
	ConditionReady = "Ready"
	// ConditionAllowed says whether policy allows the object now.
	ConditionAllowed = "Allowed"
)

// ReasonSynced and MessageSynced are of the Ready condition where the Secret
// stands.
const (
	ReasonSynced  = "Synced"
	MessageSynced = "the Secret holds what was last asked for"
)

// SyncStatus is what the controller remembers of an object, so that a restart
// resumes and reads nothing it need not.
type SyncStatus struct {
	// Conditions are Ready and Allowed.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// SyncedGeneration is the generation that the Secret was last written for.
	// +optional
	SyncedGeneration int64 `json:"syncedGeneration,omitempty"`
	// SyncedStamp is the countersign.dev/stamped-at that the Secret was last written for.
	// +optional
	SyncedStamp string `json:"syncedStamp,omitempty"`
	// SyncedResync is the countersign.dev/resync that the Secret was last written for.
	// +optional
	SyncedResync string `json:"syncedResync,omitempty"`
	// SyncedSources tell what the object refers to, as it stood then.
	// +optional
	SyncedSources string `json:"syncedSources,omitempty"`
	// SyncedAt is when the Secret was last made of what Vault answered.
	// +optional
	SyncedAt *metav1.Time `json:"syncedAt,omitempty"`
	// Secret is how the Secret was left.
	// +optional
	Secret *SecretState `json:"secret,omitempty"`
	// Reads are the Vault paths that the Secret was made of.
	// +optional
	// +listType=atomic
	Reads []ReadState `json:"reads,omitempty"`
	// Lease is set while the values are lent: Vault takes them back.
	// +optional
	Lease *Lease `json:"lease,omitempty"`
	// Retry is set while the last attempt has failed.
	// +optional
	Retry *Retry `json:"retry,omitempty"`
}

// SecretState is what tells a Secret that stands as it was left from one that
// somebody changed.
type SecretState struct {
	// Name of the Secret, where it is not the object's.
	// +optional
	Name string `json:"name,omitempty"`
	// UID of the Secret.
	UID types.UID `json:"uid"`
	// AppliedAt is the time of our entry in the Secret's managedFields.
	AppliedAt metav1.Time `json:"appliedAt"`
	// Keys is the number of data keys that were applied.
	Keys int32 `json:"keys"`
}

// ReadState is one read that the Secret was made of.
type ReadState struct {
	// Path is the full Vault API path.
	Path string `json:"path"`
	// Version is the KV v2 version that Vault answered with.
	// +optional
	Version int64 `json:"version,omitempty"`
}

// Lease is how long values live that Vault has made for this object alone.
type Lease struct {
	// Ends is when they end.
	Ends metav1.Time `json:"ends"`
	// RenewAt is when others are read in their place.
	RenewAt metav1.Time `json:"renewAt"`
}

// Retry is the failed attempt and when the next one is due.
type Retry struct {
	// Reason is the class of the failure, as in the Ready condition.
	Reason string `json:"reason"`
	// Attempts counts the failures in a row. While Vault is away only the first
	// is counted.
	Attempts int32 `json:"attempts"`
	// Next is the time from which on it is attempted again.
	Next metav1.Time `json:"next"`
	// Version is what was attempted; a newer one is tried at once.
	Version Version `json:"version"`
	// PolicyRevision is the policy at the time; another one is tried at once.
	// +optional
	PolicyRevision string `json:"policyRevision,omitempty"`
}

// Version is what a user can change to have the values read.
type Version struct {
	// Generation is metadata.generation: it rises with each change of the spec.
	Generation int64 `json:"generation"`
	// Stamp is the value of countersign.dev/stamped-at.
	// +optional
	Stamp string `json:"stamp,omitempty"`
	// Resync is the value of countersign.dev/resync.
	// +optional
	Resync string `json:"resync,omitempty"`
	// Sources tell what the object refers to as it stood.
	// +optional
	Sources string `json:"sources,omitempty"`
}

// VersionOf is the version of the object as it stands.
func VersionOf(source metav1.Object) Version {
	annotations := source.GetAnnotations()
	return Version{
		Generation: source.GetGeneration(),
		Stamp:      annotations[StampedAt],
		Resync:     annotations[Resync],
	}
}

// Synced is the version that the Secret was last written for.
func (s *SyncStatus) Synced() Version {
	return Version{Generation: s.SyncedGeneration, Stamp: s.SyncedStamp, Resync: s.SyncedResync, Sources: s.SyncedSources}
}

// SetSynced records that the Secret was written for a version.
func (s *SyncStatus) SetSynced(v Version, at metav1.Time) {
	s.SyncedGeneration, s.SyncedStamp, s.SyncedResync, s.SyncedSources = v.Generation, v.Stamp, v.Resync, v.Sources
	s.SyncedAt = &at
	s.Retry = nil
}
