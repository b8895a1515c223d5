package v1

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
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
	"github.com/countersign/countersign/test/esocorpus"
)

// The corpus has what ESO makes of its objects, recorded. What is rendered here
// of the same objects is the same, or is an error where that is one: that much
// without a cluster, and so at each change. test/esocorpus has the whole of it.
func TestRenderCorpus(t *testing.T) {
	cases, err := esocorpus.Load("../../../test/esocorpus/testdata/cases")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, one := range cases {
		t.Run(one.Name, func(t *testing.T) {
			scene := &corpusScene{T: t, Case: one, world: worldOf(t, oursStore(store("vault", kv2)))}
			compared += scene.compare()
		})
	}
	if compared < 100 {
		t.Errorf("only %d Secrets are compared", compared)
	}
}

// corpusScene is a case, and the cluster that it happens in.
type corpusScene struct {
	*testing.T
	esocorpus.Case

	world   *world
	objects []*ExternalSecret
	data    map[api.DataRef]map[string][]byte
}

// compare answers how many Secrets were.
func (s *corpusScene) compare() int {
	s.data = map[api.DataRef]map[string][]byte{}
	for i := range s.Objects {
		s.add(&s.Objects[i])
	}
	compared := 0
	for _, object := range s.objects {
		content, err := s.render(object)
		switch {
		case s.Differs != nil && s.Differs.Refused != "":
			if !strings.Contains(message(err), s.Differs.Refused) {
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

func (s *corpusScene) add(object *unstructured.Unstructured) {
	switch object.GetKind() {
	case "ConfigMap", "Secret":
		s.data[api.DataRef{ConfigMap: object.GetKind() == "ConfigMap", Namespace: "team-a", Name: object.GetName()}] = dataIn(object)
	case KindSecretStore, KindClusterSecretStore:
		s.set(object, "countersign", "spec", "controller")
		for name, value := range map[string]any{"server": "https://vault.example:8200", "auth": map[string]any{"kubernetes": map[string]any{"mountPath": "kubernetes", "role": "reader"}}} {
			s.set(object, value, "spec", "provider", "vault", name)
		}
		s.world.objects = append(s.world.objects, decode(s.T, s.text(object)))
	case "ExternalSecret":
		s.objects = append(s.objects, synced(s.T, s.text(object)))
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

func (s *corpusScene) set(object *unstructured.Unstructured, value any, path ...string) {
	if err := unstructured.SetNestedField(object.Object, value, path...); err != nil {
		s.Fatal(err)
	}
}

func (s *corpusScene) text(object *unstructured.Unstructured) string {
	if object.GetKind() != KindClusterSecretStore {
		object.SetNamespace("team-a")
	}
	text, err := object.MarshalJSON()
	if err != nil {
		s.Fatal(err)
	}
	return string(text)
}

// render is a plan's, whose problems are errors too.
func (s *corpusScene) render(object *ExternalSecret) (*api.Content, error) {
	plan, err := object.Plan(s.Context(), s.world)
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

// answer is Vault's: of a version, of metadata, or of what is below.
func (s *corpusScene) answer(claim *policy.Claim, address api.Address, at *field.Path) (map[string]any, error) {
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
	return decodeObject([]byte(text))
}

func (s *corpusScene) list(folder string) string {
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
	return keys(slices.Sorted(maps.Keys(names))...)
}

func versionsOf(stored esocorpus.Stored) []map[string]any {
	if stored.Versions == nil && stored.Data != nil {
		return []map[string]any{stored.Data}
	}
	return stored.Versions
}

func (s *corpusScene) metadata(stored esocorpus.Stored) string {
	versions := versionsOf(stored)
	if versions == nil {
		return nothing
	}
	return s.json(map[string]any{"created_time": "2026-01-02T03:04:05Z", "current_version": len(versions), "delete_version_after": "0s", "custom_metadata": stored.Metadata})
}

func (s *corpusScene) value(stored esocorpus.Stored, version int, kv2 bool) string {
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
	return kv(s.json(held))
}

func (s *corpusScene) json(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		s.Fatal(err)
	}
	return string(text)
}

// fails compares an error with what the object has to say. Where nothing is made
// of nothing, that is one here, and none to ESO.
func (s *corpusScene) fails(object *ExternalSecret, err error) {
	want := s.Want.Ready
	if other, differs := s.Want.Others[object.Name]; differs {
		want = other
	}
	if _, made := s.Want.Secrets[object.SecretName()]; made && want.Status != "False" {
		s.Errorf("%s fails: %v", object.Name, err)
	}
}

// same compares a Secret that is the object's alone. What is in one that is
// somebody else's, too, is there at least.
func (s *corpusScene) same(object *ExternalSecret, content *api.Content) int {
	want, exists := s.Want.Secrets[object.SecretName()]
	if !exists && !content.Gone && !slices.Contains(s.othersRefuse(), s.Name) && object.Spec.Target.creation() != api.CreateNone && object.Spec.Target.creation() != api.MergeOnly {
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
	if object.Spec.Target.creation().Merges() || len(s.data[api.DataRef{Namespace: "team-a", Name: object.SecretName()}]) > 0 {
		for name, text := range dataOf(content) {
			if text != data[name] {
				s.Errorf("%s is %q, not %q", name, text, data[name])
			}
		}
		return 1
	}
	if diff := cmp.Diff(data, dataOf(content)); diff != "" {
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
func (*corpusScene) othersRefuse() []string {
	return []string{"vault-denies", "template-type-refused-by-apiserver"}
}
