package webhook

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

const (
	nowStamp   = "2026-11-24T10:00:00.123456Z"
	oldStamp   = "2026-11-24T09:00:00.000001Z"
	replaced   = "countersign.dev/stamped-at is written by Countersign; your value was replaced by "
	howElse    = ". Change countersign.dev/resync to have the values read again"
	replacedBy = "countersign.dev/stamped-by is written by Countersign; your value was replaced by "
)

func newStamp(t testing.TB) *Stamp {
	t.Helper()
	now, err := time.Parse(time.RFC3339Nano, "2026-11-24T10:00:00.123456789Z")
	if err != nil {
		t.Fatal(err)
	}
	return &Stamp{Clock: testclock.NewFakePassiveClock(now), RecordRequester: sets.New("kubernetes-client.io")}
}

func request(old, object string) admission.Request {
	r := admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Kind: metav1.GroupVersionKind{Group: "kubernetes-client.io"}, Operation: admissionv1.Create, Object: runtime.RawExtension{Raw: []byte(object)},
		UserInfo: authenticationv1.UserInfo{Username: "alice"},
	}}
	if old != "" {
		r.Operation, r.OldObject = admissionv1.Update, runtime.RawExtension{Raw: []byte(old)}
	}
	return r
}

// patched is the object as the apiserver would have it after the response.
func patched(t testing.TB, object string, response admission.Response) map[string]string {
	t.Helper()
	if !response.Allowed {
		t.Fatalf("refused: %v", response.Result)
	}
	operations, err := json.Marshal(response.Patches)
	if err != nil {
		t.Fatal(err)
	}
	result := []byte(object)
	if len(response.Patches) > 0 {
		patch, err := jsonpatch.DecodePatch(operations)
		if err != nil {
			t.Fatal(err)
		}
		if result, err = patch.Apply(result); err != nil {
			t.Fatal(err)
		}
	}
	var decoded stamped
	if err := json.Unmarshal(result, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded.Metadata.Annotations
}

func TestStamp(t *testing.T) {
	fresh := map[string]string{"countersign.dev/stamped-at": nowStamp, "countersign.dev/stamped-by": "alice"}
	carried := map[string]string{"countersign.dev/stamped-at": oldStamp, "countersign.dev/stamped-by": "bob"}
	object := func(annotations, spec string) string {
		return `{"metadata":{"name":"x","annotations":{` + annotations + `}},"spec":{` + spec + `}}`
	}
	at := func(stamp string) string {
		return `"countersign.dev/stamped-at":"` + stamp + `","countersign.dev/stamped-by":"bob"`
	}
	withKey := func(base map[string]string, key, value string) map[string]string {
		merged := maps.Clone(base)
		merged[key] = value
		return merged
	}
	tests := map[string]struct {
		old, object string
		want        map[string]string
		warnings    []string
	}{
		"create without annotations":     {"", `{"metadata":{"name":"x"},"spec":{}}`, fresh, nil},
		"create with null annotations":   {"", `{"metadata":{"annotations":null},"spec":{}}`, fresh, nil},
		"create keeps other annotations": {"", object(`"a":"b"`, ""), withKey(fresh, "a", "b"), nil},
		"create with a user's own stamp": {"", object(at("2099-01-01T00:00:00Z"), ""), fresh, []string{replaced + nowStamp + howElse, replacedBy + "alice" + howElse}},
		"identical update":               {object(at(oldStamp), `"a":1`), object(at(oldStamp), `"a":1`), carried, nil},
		"update with the stamp dropped":  {object(at(oldStamp), `"a":1`), object("", `"a":1`), carried, nil},
		"update of a label only":         {object(at(oldStamp), `"a":1`), `{"metadata":{"labels":{"x":"y"},"annotations":{` + at(oldStamp) + `}},"spec":{"a":1}}`, carried, nil},
		"update with a user's own stamp": {object(at(oldStamp), `"a":1`), object(at("2026-11-24T09:30:00Z"), `"a":1`), carried, []string{replaced + oldStamp + howElse}},
		"spec changed":                   {object(at(oldStamp), `"a":1`), object(at(oldStamp), `"a":2`), fresh, nil},
		"spec spelled in another order":  {object(at(oldStamp), `"a":1,"b":2`), object(at(oldStamp), `"b":2,"a":1`), carried, nil},
		"resync asked for":               {object(at(oldStamp), ""), object(at(oldStamp)+`,"countersign.dev/resync":"1"`, ""), withKey(fresh, "countersign.dev/resync", "1"), nil},
		"never stamped, nothing new":     {object("", `"a":1`), object("", `"a":1`), map[string]string{}, nil},
		"never stamped, user writes one": {object("", `"a":1`), object(at(oldStamp), `"a":1`), map[string]string{}, []string{replaced + "none" + howElse, replacedBy + "none" + howElse}},
		"old stamp of the year 2099":     {object(at("2099-01-01T00:00:00Z"), ""), object(at("2099-01-01T00:00:00Z"), ""), fresh, nil},
		"old stamp does not parse":       {object(at("yesterday"), ""), object(at("yesterday"), ""), fresh, nil},
		"old stamp of a replica ahead":   {object(at("2026-11-24T10:00:10.5Z"), `"a":1`), object(at("2026-11-24T10:00:10.5Z"), `"a":2`), map[string]string{"countersign.dev/stamped-at": "2026-11-24T10:00:10.500001Z", "countersign.dev/stamped-by": "alice"}, nil},
		"same microsecond":               {object(at(nowStamp), `"a":1`), object(at(nowStamp), `"a":2`), map[string]string{"countersign.dev/stamped-at": "2026-11-24T10:00:00.123457Z", "countersign.dev/stamped-by": "alice"}, nil},
		"does not decode":                {"", `{"metadata":{"annotations":{"a":1}}}`, nil, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			response := newStamp(t).Handle(t.Context(), request(tc.old, tc.object))
			if diff := cmp.Diff(tc.warnings, response.Warnings); diff != "" {
				t.Error(diff)
			}
			if tc.want == nil {
				if len(response.Patches) > 0 || !response.Allowed {
					t.Errorf("got %v, want an empty answer", response)
				}
				return
			}
			if diff := cmp.Diff(tc.want, patched(t, tc.object, response)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whose requester is not recorded has the time alone.
func TestStampWithoutRequester(t *testing.T) {
	object := `{"metadata":{"name":"x"},"spec":{}}`
	unnamed := request("", object)
	unnamed.Kind.Group = "external-secrets.io"
	got := patched(t, object, newStamp(t).Handle(t.Context(), unnamed))
	if diff := cmp.Diff(map[string]string{"countersign.dev/stamped-at": nowStamp}, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzStamp: stamping what is stamped changes nothing, whatever the object is,
// and nothing is ever refused.
func FuzzStamp(f *testing.F) {
	f.Add(`{"metadata":{"name":"x"},"spec":{"a":1}}`)
	f.Add(`{"metadata":{"annotations":{"countersign.dev/stamped-at":"x"}},"spec":null}`)
	f.Add(`[]`)
	f.Add(`{"metadata":7}`)
	f.Fuzz(func(t *testing.T, object string) {
		stamp := newStamp(t)
		first := stamp.Handle(t.Context(), request("", object))
		if !first.Allowed {
			t.Fatal("refused")
		}
		if len(first.Patches) == 0 {
			return
		}
		operations, err := json.Marshal(first.Patches)
		if err != nil {
			t.Fatal(err)
		}
		patch, err := jsonpatch.DecodePatch(operations)
		if err != nil {
			t.Fatal(err)
		}
		once, err := patch.Apply([]byte(object))
		if err != nil {
			t.Skip("no object that an apiserver would send: ", err)
		}
		again := stamp.Handle(t.Context(), request(string(once), string(once)))
		if len(again.Patches) > 0 {
			t.Errorf("stamped again: %v", again.Patches)
		}
	})
}
