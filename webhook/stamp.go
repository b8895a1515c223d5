package webhook

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"gomodules.xyz/jsonpatch/v2"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/countersign/countersign/api"
)

// stampFormat is RFC 3339 in UTC, with microseconds.
const stampFormat = "2006-01-02T15:04:05.000000Z"

// clockSkew is how far ahead a stamp of another replica may be.
const clockSkew = time.Minute

// Stamp writes the two stamp annotations and nothing else. It is a thin
// handler and not a typed defaulter: what does not decode is left to Enforce,
// since an error here would refuse although the webhook's failurePolicy is
// Ignore.
type Stamp struct {
	Clock clock.PassiveClock
	// RecordRequester has the API groups to whose objects the user's name is
	// written beside the time.
	RecordRequester sets.Set[string]
}

// stamped is the part of an object that decides about its stamp.
type stamped struct {
	Metadata struct {
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec any `json:"spec"`
}

// Handle stamps a new object and one whose spec or resync annotation differs.
// Otherwise the old stamp is carried over, so that an identical apply changes
// nothing.
func (s *Stamp) Handle(_ context.Context, request admission.Request) admission.Response {
	object, err := decodeStamped(request.Object.Raw)
	if err != nil {
		return admission.Allowed("")
	}
	var old *stamped
	if request.Operation == admissionv1.Update {
		if old, err = decodeStamped(request.OldObject.Raw); err != nil {
			return admission.Allowed("")
		}
	}
	user := ""
	if s.RecordRequester.Has(request.Kind.Group) {
		user = request.UserInfo.Username
	}
	want := s.want(object, old, user)
	return admission.Patched("", patches(object.Metadata.Annotations, want)...).
		WithWarnings(warnings(object, old, want)...)
}

func decodeStamped(raw []byte) (*stamped, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	object := &stamped{}
	return object, decoder.Decode(object)
}

// want is the values that the two annotations are to have; empty is none.
func (s *Stamp) want(object, old *stamped, user string) map[string]string {
	now := s.Clock.Now().UTC()
	if old != nil && !asksAnew(object, old) && isGenuine(old.Metadata.Annotations[api.StampedAt], now) {
		return map[string]string{
			api.StampedAt: old.Metadata.Annotations[api.StampedAt],
			api.StampedBy: old.Metadata.Annotations[api.StampedBy],
		}
	}
	return map[string]string{api.StampedAt: nextStamp(old, now).Format(stampFormat), api.StampedBy: user}
}

func asksAnew(object, old *stamped) bool {
	return !reflect.DeepEqual(object.Spec, old.Spec) ||
		object.Metadata.Annotations[api.Resync] != old.Metadata.Annotations[api.Resync]
}

// isGenuine reports a stamp that may be carried over: none, or one that parses
// and is not of the future.
func isGenuine(stamp string, now time.Time) bool {
	at, err := time.Parse(time.RFC3339Nano, stamp)
	return stamp == "" || err == nil && !at.After(now.Add(clockSkew))
}

// nextStamp is now, or the next microsecond after the old stamp where that is
// not before now.
func nextStamp(old *stamped, now time.Time) time.Time {
	now = now.Truncate(time.Microsecond)
	if old == nil {
		return now
	}
	stamp := old.Metadata.Annotations[api.StampedAt]
	at, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil || !isGenuine(stamp, now) || at.Before(now) {
		return now
	}
	return at.UTC().Truncate(time.Microsecond).Add(time.Microsecond)
}

// patches brings the two annotations to the values that they are to have.
func patches(have, want map[string]string) []jsonpatch.JsonPatchOperation {
	var operations []jsonpatch.JsonPatchOperation
	if have == nil {
		operations = append(operations, jsonpatch.NewOperation("add", "/metadata/annotations", map[string]string{}))
	}
	for _, key := range []string{api.StampedAt, api.StampedBy} {
		value, present := have[key]
		path := "/metadata/annotations/" + strings.ReplaceAll(key, "/", "~1")
		switch {
		case want[key] == "" && present:
			operations = append(operations, jsonpatch.NewOperation("remove", path, nil))
		case want[key] != value:
			operations = append(operations, jsonpatch.NewOperation("add", path, want[key]))
		}
	}
	if have == nil && len(operations) == 1 {
		return nil
	}
	return operations
}

// warnings tells a user whose own value was overwritten.
func warnings(object, old *stamped, want map[string]string) []string {
	var warnings []string
	for _, key := range []string{api.StampedAt, api.StampedBy} {
		value := object.Metadata.Annotations[key]
		var before string
		if old != nil {
			before = old.Metadata.Annotations[key]
		}
		if value != "" && value != before && value != want[key] {
			warnings = append(warnings, key+" is written by Countersign; your value was replaced by "+
				cmp.Or(want[key], "none")+". Change "+api.Resync+" to have the values read again")
		}
	}
	return warnings
}
