package v1

import (
	"encoding/json"

	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign/countersign/api"
)

// stateAnnotation has what Countersign remembers of an object. ESO's CRD has no
// place for it in the status, and prunes what it does not know.
const stateAnnotation = "countersign.dev/state"

// state is what stands in the annotation.
type state struct {
	// UID is of the object that it was written for: a copy of an object may
	// carry another one's.
	UID types.UID `json:"uid"`

	api.SyncStatus `json:",inline"`
}

// UnmarshalJSON decodes an object with what is remembered of it.
func (e *ExternalSecret) UnmarshalJSON(data []byte) error {
	type externalSecret ExternalSecret
	if err := json.Unmarshal(data, (*externalSecret)(e)); err != nil {
		return err
	}
	e.Sync = e.remembered()
	if ready := e.Status.ready(e.Generation); ready != nil {
		e.Sync.Conditions = append(e.Sync.Conditions, *ready)
	}
	return nil
}

// remembered is nothing where the annotation is another object's, or no state:
// the object is synced then.
func (e *ExternalSecret) remembered() api.SyncStatus {
	var found state
	text, written := e.Annotations[stateAnnotation]
	if !written || json.Unmarshal([]byte(text), &found) != nil || found.UID != e.UID {
		return api.SyncStatus{}
	}
	return found.SyncStatus
}

// SyncStatus is what is remembered.
func (e *ExternalSecret) SyncStatus() *api.SyncStatus { return &e.Sync }

// WholeStatus is ESO's.
func (e *ExternalSecret) WholeStatus() any { return &e.Status }

// Keep writes the Ready condition into the status, and all else that is
// remembered into the annotation: ESO's CRD has no other conditions.
func (e *ExternalSecret) Keep() {
	kept := state{UID: e.UID, SyncStatus: e.Sync}
	kept.Conditions = nil
	for _, one := range e.Sync.Conditions {
		if one.Type == api.ConditionReady {
			e.Status.keep(one)
			continue
		}
		kept.Conditions = append(kept.Conditions, one)
	}
	text, err := json.Marshal(kept)
	if err != nil {
		// A state has nothing that JSON has not.
		return
	}
	if e.Annotations == nil {
		e.Annotations = map[string]string{}
	}
	e.Annotations[stateAnnotation] = string(text)
}
