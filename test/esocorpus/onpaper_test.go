package esocorpus

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
	esov1 "github.com/countersign/countersign/api/eso/v1"
	"github.com/countersign/countersign/policy"
)

// The corpus has what ESO makes of its objects, recorded. What is rendered here
// of the same objects is the same, or is an error where that is one: that much
// without a cluster, and so at each change.
func TestRenderCorpus(t *testing.T) {
	cases, err := Load("testdata/cases")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, one := range cases {
		t.Run(one.Name, func(t *testing.T) {
			paper := &onPaper{T: t, Case: one, data: map[api.DataRef]map[string][]byte{}}
			compared += paper.compare()
		})
	}
	if compared < 100 {
		t.Errorf("only %d Secrets are compared", compared)
	}
}

// onPaper is a case without a cluster.
type onPaper struct {
	*testing.T
	Case

	stores  []api.Guarded
	objects []*esov1.ExternalSecret
	data    map[api.DataRef]map[string][]byte
}

// Operator implements api.Surroundings.
func (*onPaper) Operator() api.Operator {
	return api.Operator{StoreClass: paperClass, Vaults: map[string]api.Vault{"default": {Address: paperVault, Audience: "vault"}}}
}

// Find implements api.Surroundings.
func (s *onPaper) Find(_ context.Context, to api.Referent) ([]api.Guarded, error) {
	var found []api.Guarded
	for _, store := range s.stores {
		if to.Means(store.GetObjectKind().GroupVersionKind(), store) {
			found = append(found, store)
		}
	}
	return found, nil
}

// Namespaces implements api.Surroundings.
func (s *onPaper) Namespaces(_ context.Context, selector labels.Selector) ([]string, error) {
	if selector.Matches(labels.Set{"kubernetes.io/metadata.name": s.Name}) {
		return []string{s.Name}, nil
	}
	return nil, nil
}

const (
	paperClass = "countersign"
	paperVault = "https://vault.example:8200"
)

// compare answers how many Secrets were.
func (s *onPaper) compare() int {
	store := defaultStore()
	s.add(&store)
	for i := range s.Objects {
		s.add(&s.Objects[i])
	}
	compared := 0
	for _, object := range s.objects {
		content, err := s.render(object)
		switch {
		case s.Differs != nil && s.Differs.Refused != "":
			if !strings.Contains(fmt.Sprint(err), s.Differs.Refused) {
				s.Errorf("%s is not refused: %v", object.Name, err)
			}
		case err != nil:
			s.fails(object, err)
		default:
			compared += s.same(object, content)
		}
	}
	return compared
}

func (s *onPaper) add(object *unstructured.Unstructured) {
	switch object.GetKind() {
	case "ConfigMap", "Secret":
		s.data[api.DataRef{ConfigMap: object.GetKind() == "ConfigMap", Namespace: s.Name, Name: object.GetName()}] = dataIn(object)
	case kindStore, kindClusterStore:
		s.set(object, paperClass, "spec", "controller")
		for name, value := range map[string]any{"server": paperVault, "auth": map[string]any{"kubernetes": map[string]any{"mountPath": "kubernetes", "role": "reader"}}} {
			s.set(object, value, "spec", "provider", "vault", name)
		}
		s.stores = append(s.stores, s.decode(object))
	case kindExternalSecret:
		if decoded, ok := s.decode(object).(*esov1.ExternalSecret); ok {
			s.objects = append(s.objects, decoded)
		}
	}
}

func dataIn(object *unstructured.Unstructured) map[string][]byte {
	data := map[string][]byte{}
	for _, from := range []string{"data", "stringData"} {
		texts, _, _ := unstructured.NestedStringMap(object.Object, from)
		for name, text := range texts {
			data[name] = []byte(text)
		}
	}
	return data
}

func (s *onPaper) set(object *unstructured.Unstructured, value any, path ...string) {
	if err := unstructured.SetNestedField(object.Object, value, path...); err != nil {
		s.Fatal(err)
	}
}

func (s *onPaper) decode(object *unstructured.Unstructured) api.Guarded {
	if object.GetKind() != kindClusterStore {
		object.SetNamespace(s.Name)
	}
	text, err := object.MarshalJSON()
	if err != nil {
		s.Fatal(err)
	}
	scheme := runtime.NewScheme()
	if err := esov1.AddToScheme(scheme); err != nil {
		s.Fatal(err)
	}
	decoded, err := runtime.Decode(serializer.NewCodecFactory(scheme).UniversalDeserializer(), text)
	if err != nil {
		s.Fatal(err)
	}
	guarded, ok := decoded.(api.Guarded)
	if !ok {
		s.Fatalf("%T is not guarded", decoded)
	}
	return guarded
}

// render is a plan's, whose problems are errors too.
func (s *onPaper) render(object *esov1.ExternalSecret) (*api.Content, error) {
	plan, err := object.Plan(s.Context(), s)
	if err != nil {
		return nil, err
	}
	if plan == nil {
		return nil, fmt.Errorf("%s is nobody's", object.Name)
	}
	var doors []api.Door
	for _, claim := range plan.Claims {
		if len(claim.Problems) > 0 {
			return nil, claim.Problems.ToAggregate()
		}
		doors = append(doors, func(_ context.Context, address api.Address, at *field.Path) (map[string]any, error) {
			return s.answer(claim, address, at)
		})
	}
	return plan.Render(s.Context(), api.Material{Doors: doors, Data: func(_ context.Context, ref api.DataRef) (map[string][]byte, error) {
		data, ok := s.data[ref]
		if !ok {
			return nil, api.ErrNothing
		}
		return data, nil
	}})
}

// nothing is what Vault does not hold.
const nothing = ""

// covers reports whether a read asks for a name.
func covers(read *policy.Read, name string) bool {
	folder, isList := strings.CutPrefix(name, "list ")
	switch {
	case isList:
		return read.Subtree && strings.HasPrefix(folder+"/", read.ListPath()+"/")
	case read.Subtree:
		return strings.HasPrefix(name, read.Path+"/")
	}
	return name == read.Path
}

// answer is Vault's: of a version, of metadata, or of what is below.
func (s *onPaper) answer(claim *policy.Claim, address api.Address, at *field.Path) (map[string]any, error) {
	name := address.Path
	if address.List {
		name = "list " + name
	}
	if !slices.ContainsFunc(claim.Reads, func(read policy.Read) bool { return covers(&read, name) }) {
		s.Errorf("%q is not claimed", name)
	}
	mount, path, _ := strings.Cut(address.Path, "/")
	part := ""
	if mount != "legacy" {
		part, path, _ = strings.Cut(path, "/")
	}
	var text string
	switch {
	case address.List:
		text = s.list(strings.TrimSuffix(mount+"/"+path, "/") + "/")
	case part == "metadata":
		text = s.metadata(s.Vault[mount+"/"+path])
	default:
		text = s.value(s.Vault[mount+"/"+path], address.Version, mount != "legacy")
	}
	if text == nothing {
		return nil, fmt.Errorf("%s: %w", at, api.ErrNothing)
	}
	answer := map[string]any{}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	return answer, decoder.Decode(&answer)
}

func (s *onPaper) list(folder string) string {
	names := map[string]bool{}
	for full := range s.Vault {
		if rest, below := strings.CutPrefix(full, folder); below {
			name, _, isFolder := strings.Cut(rest, "/")
			if isFolder {
				name += "/"
			}
			names[name] = true
		}
	}
	if len(names) == 0 {
		return nothing
	}
	return s.json(map[string]any{"keys": slices.Sorted(maps.Keys(names))})
}

func versionsOf(stored Stored) []map[string]any {
	if stored.Versions == nil && stored.Data != nil {
		return []map[string]any{stored.Data}
	}
	return stored.Versions
}

func (s *onPaper) metadata(stored Stored) string {
	versions := versionsOf(stored)
	if versions == nil {
		return nothing
	}
	return s.json(map[string]any{"created_time": "2026-01-02T03:04:05Z", "current_version": len(versions), "delete_version_after": "0s", "custom_metadata": stored.Metadata})
}

func (s *onPaper) value(stored Stored, version int, kv2 bool) string {
	versions := versionsOf(stored)
	if version == 0 {
		version = len(versions)
	}
	if version == 0 || version > len(versions) || slices.Contains(stored.Deleted, version) {
		return nothing
	}
	if !kv2 {
		return s.json(versions[version-1])
	}
	// KV v2 holds numbers with 53 bits.
	var held map[string]any
	if err := json.Unmarshal([]byte(s.json(versions[version-1])), &held); err != nil {
		s.Fatal(err)
	}
	return s.json(map[string]any{"data": held, "metadata": map[string]any{"version": version}})
}

func (s *onPaper) json(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		s.Fatal(err)
	}
	return string(text)
}

func textsOf(data map[string][]byte) map[string]string {
	texts := map[string]string{}
	for name, value := range data {
		texts[name] = string(value)
	}
	return texts
}

// fails compares an error with what the object has to say. Where nothing is made
// of nothing, that is one here, and none to ESO.
func (s *onPaper) fails(object *esov1.ExternalSecret, err error) {
	want := s.Want.readyOf(object.Name)
	if _, made := s.Want.Secrets[object.SecretName()]; made && want.Status != "False" {
		s.Errorf("%s fails: %v", object.Name, err)
	}
}

// same compares a Secret that is the object's alone. What is in one that is
// somebody else's, too, is there at least.
func (s *onPaper) same(object *esov1.ExternalSecret, content *api.Content) int {
	want, exists := s.Want.Secrets[object.SecretName()]
	if !exists && !content.Gone && !slices.Contains(s.othersRefuse(), s.Name) && object.Spec.Target.CreationPolicy != string(api.CreateNone) && object.Spec.Target.CreationPolicy != string(api.MergeOnly) {
		s.Errorf("%s makes a Secret: %v", object.Name, slices.Sorted(maps.Keys(content.Data)))
	}
	if !exists || content.Gone {
		return 0
	}
	data := map[string]string{}
	maps.Copy(data, want.Data)
	for name, value := range want.Binary {
		data[name] = string(value)
	}
	if api.Creation(object.Spec.Target.CreationPolicy).Merges() || len(s.data[api.DataRef{Namespace: s.Name, Name: object.SecretName()}]) > 0 {
		for name, text := range textsOf(content.Data) {
			if text != data[name] {
				s.Errorf("%s is %q, not %q", name, text, data[name])
			}
		}
		return 1
	}
	if diff := cmp.Diff(data, textsOf(content.Data)); diff != "" {
		s.Error(diff)
	}
	kind := want.Type
	if kind == "" {
		kind = "Opaque"
	}
	if content.Type != kind || want.Immutable != (content.Immutable != nil) {
		s.Errorf("of type %q, not %q", content.Type, kind)
	}
	if s.Differs != nil && s.Differs.Want != nil && s.Then == nil {
		want = s.Differs.Want.Secrets[object.SecretName()]
	}
	if diff := cmp.Diff(want.Labels, content.Labels, cmpopts.EquateEmpty()); diff != "" {
		s.Error(diff)
	}
	if diff := cmp.Diff(want.Annotations, content.Annotations, cmpopts.EquateEmpty()); diff != "" {
		s.Error(diff)
	}
	return 1
}

// othersRefuse are cases that fail of what is not there: Vault's policies, and
// the apiserver.
func (*onPaper) othersRefuse() []string {
	return []string{"vault-denies", "template-type-refused-by-apiserver"}
}
