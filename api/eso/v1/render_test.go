package v1

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

// canary is in values, and never in errors.
const canary = "canary-value"

// vaultOf has what stands at an address: a path, with ?version= or list before
// it. Nothing is what Vault does not hold.
type vaultOf map[string]string

const nothing = ""

// kv is an answer of KV v2.
func kv(object string) string {
	return `{"data": ` + object + `, "metadata": {"version": 1, "created_time": "2026-01-02T03:04:05Z"}}`
}

// keys are an answer to a list.
func keys(names ...string) string {
	text, err := json.Marshal(map[string][]string{"keys": names})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// fake is Vault and the namespace, and fails the test where it is asked for
// anything that does not stand there.
type fake struct {
	testing.TB

	vault vaultOf
	data  map[api.DataRef]map[string]string
	asked []string
}

func (f *fake) door(_ context.Context, address api.Address, at *field.Path) (map[string]any, error) {
	name := address.Path
	if address.List {
		name = "list " + name
	}
	if address.Version > 0 {
		name += fmt.Sprintf("?version=%d", address.Version)
	}
	f.asked = append(f.asked, name)
	text, known := f.vault[name]
	if !known {
		f.Errorf("Vault was asked for %q at %s", name, at)
	}
	if text == nothing {
		return nil, fmt.Errorf("%s: %w", at, api.ErrNothing)
	}
	answer, err := decodeObject([]byte(text))
	if err != nil {
		f.Fatal(err)
	}
	return answer, nil
}

func (f *fake) from(ref StoreRef) source {
	engines := map[string]engine{"vault": {mount: new("secret")}, "legacy": {mount: new("legacy"), kv1: true}, "keyless": {}}
	found, known := engines[ref.Name]
	if !known {
		f.Errorf("no store %q", ref.Name)
	}
	return source{door: f.door, engine: found}
}

func (f *fake) read(_ context.Context, ref api.DataRef) (map[string][]byte, error) {
	texts, known := f.data[ref]
	if !known {
		return nil, fmt.Errorf("%s: %w", ref.Name, api.ErrNothing)
	}
	data := map[string][]byte{}
	for name, text := range texts {
		data[name] = []byte(text)
	}
	return data, nil
}

// render makes the content of an object of one store.
func (f *fake) render(spec string) (*api.Content, error) {
	f.Helper()
	object := synced(f, externalSecret(`"secretStoreRef": {"name": "vault"}, `+spec))
	object.Labels = map[string]string{"team": "a"}
	return object.render(f.Context(), f.from, f.read)
}

// texts of a Secret's data; nil where there is no content.
func dataOf(content *api.Content) map[string]string {
	if content == nil {
		return nil
	}
	return texts(content.Data)
}

// rendering is a spec, and what becomes of it: data or an error.
type rendering struct {
	spec  string
	vault vaultOf
	data  map[api.DataRef]map[string]string
	want  map[string]string
	err   string
}

func (r rendering) test(t *testing.T) {
	fake := &fake{TB: t, vault: r.vault, data: r.data}
	content, err := fake.render(r.spec)
	if diff := cmp.Diff(r.want, dataOf(content)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(r.err, message(err)); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(message(err), canary) {
		t.Error("the error tells a value")
	}
	for name := range r.vault {
		if !slices.Contains(fake.asked, name) {
			t.Errorf("%q was never asked for", name)
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func testRenderings(t *testing.T, tests map[string]rendering) {
	t.Helper()
	for name, tc := range tests {
		t.Run(name, tc.test)
	}
}

// dataFrom comes before data, and the later of two values wins.
func TestRenderOrder(t *testing.T) {
	testRenderings(t, map[string]rendering{
		"data over dataFrom": {
			spec:  `"data": [{"secretKey": "a", "remoteRef": {"key": "one", "property": "b"}}], "dataFrom": [{"extract": {"key": "one"}}, {"extract": {"key": "two"}}]`,
			vault: vaultOf{"secret/data/one": kv(`{"a": "1a", "b": "1b"}`), "secret/data/two": kv(`{"b": "2b"}`)},
			want:  map[string]string{"a": "1b", "b": "2b"},
		},
		"stores of entries": {
			spec: `"data": [{"secretKey": "a", "remoteRef": {"key": "k", "property": "a"}, "sourceRef": {"storeRef": {"name": "legacy"}}}, {"secretKey": "b", "remoteRef": {"key": "k", "property": "a"}}],
				"dataFrom": [{"extract": {"key": "mount/k"}, "sourceRef": {"storeRef": {"name": "keyless"}}}]`,
			vault: vaultOf{"legacy/k": `{"a": "old"}`, "secret/data/k": kv(`{"a": "new"}`), "mount/data/k": kv(`{"c": "far"}`)},
			want:  map[string]string{"a": "old", "b": "new", "c": "far"},
		},
		"neither extract nor find": {spec: `"dataFrom": [{}]`, err: `spec.dataFrom[0]: Required value: write extract or find`},
	})
}

// What Vault does not hold is an error, or is left out where the object says so.
func TestRenderDeletionPolicy(t *testing.T) {
	const two = `"data": [{"secretKey": "a", "remoteRef": {"key": "a", "property": "x"}}, {"secretKey": "b", "remoteRef": {"key": "b", "property": "x"}}], `
	some := vaultOf{"secret/data/a": kv(`{"x": "1"}`), "secret/data/b": nothing}
	none := vaultOf{"secret/data/a": nothing, "secret/data/b": nothing}
	testRenderings(t, map[string]rendering{
		"retained":                             {spec: two + `"target": {"deletionPolicy": "Retain"}`, vault: some, err: `spec.data[1].remoteRef.key: nothing there`},
		"default":                              {spec: two + `"target": {}`, vault: some, err: `spec.data[1].remoteRef.key: nothing there`},
		"deleted":                              {spec: two + `"target": {"deletionPolicy": "Delete"}`, vault: some, want: map[string]string{"a": "1"}},
		"merged":                               {spec: two + `"target": {"deletionPolicy": "Merge"}`, vault: some, want: map[string]string{"a": "1"}},
		"all are merged, which leaves nothing": {spec: two + `"target": {"deletionPolicy": "Merge"}`, vault: none, want: map[string]string{}},
		"a deleted version":                    {spec: two + `"target": {"deletionPolicy": "Merge"}`, vault: vaultOf{"secret/data/a": kv("null"), "secret/data/b": kv(`{"x": ""}`)}, want: map[string]string{"b": ""}},
		"dataFrom":                             {spec: `"dataFrom": [{"extract": {"key": "a"}}, {"extract": {"key": "b"}}], "target": {"deletionPolicy": "Delete"}`, vault: some, want: map[string]string{"x": "1"}},
		"a fallback":                           {spec: `"data": [{"secretKey": "a", "remoteRef": {"key": "a", "property": "x"}}, {"secretKey": "a", "remoteRef": {"key": "b", "property": "x"}}], "target": {"deletionPolicy": "Merge"}`, vault: some, want: map[string]string{"a": "1"}},
		"no field at all, retained":            {spec: `"dataFrom": [{"extract": {"key": "a"}}]`, vault: vaultOf{"secret/data/a": kv("{}")}, err: `spec: Required value: nothing of what is asked for has a field; a Secret is not emptied`},
		"a missing field is no missing secret": {spec: two + `"target": {"deletionPolicy": "Delete"}`, vault: vaultOf{"secret/data/a": kv(`{"y": "1"}`)}, err: `spec.data[0].remoteRef.property: Invalid value: "x": no such field in "a"`},
	})
}

// Only where nothing at all is left is the Secret to go, and only by the
// object's own word.
func TestRenderGone(t *testing.T) {
	const spec = `"data": [{"secretKey": "a", "remoteRef": {"key": "a"}}], "target": {"deletionPolicy": "%s", "template": {"data": {"always": "here"}}}`
	for policy, gone := range map[string]bool{"Delete": true, "Merge": false} {
		t.Run(policy, func(t *testing.T) {
			fake := &fake{TB: t, vault: vaultOf{"secret/data/a": nothing}}
			content, err := fake.render(fmt.Sprintf(spec, policy))
			if err != nil || content.Gone != gone {
				t.Errorf("gone: %v, %v", content.Gone, err)
			}
		})
	}
}

// An error of a door is not hidden, whatever the policy.
func TestRenderDoorFails(t *testing.T) {
	broken := errors.New("sealed")
	door := func(context.Context, api.Address, *field.Path) (map[string]any, error) {
		return map[string]any{"data": map[string]any{"a": canary}}, broken
	}
	for name, spec := range map[string]string{
		"data":     `"data": [{"secretKey": "a", "remoteRef": {"key": "a"}}]`,
		"extract":  `"dataFrom": [{"extract": {"key": "a"}}]`,
		"metadata": `"dataFrom": [{"extract": {"key": "a", "metadataPolicy": "Fetch"}}]`,
		"find":     `"dataFrom": [{"find": {"name": {"regexp": ".*"}}}]`,
	} {
		t.Run(name, func(t *testing.T) {
			object := synced(t, externalSecret(`"secretStoreRef": {"name": "vault"}, "target": {"deletionPolicy": "Delete"}, `+spec))
			content, err := object.render(t.Context(), func(StoreRef) source { return source{door: door, engine: engine{mount: new("secret")}} }, nil)
			if !errors.Is(err, broken) || content != nil {
				t.Errorf("%v, %v", content, err)
			}
		})
	}
}

// What is wrong with values is told as such.
func TestRenderValueError(t *testing.T) {
	fake := &fake{TB: t, vault: vaultOf{"secret/data/a": kv(`{"x": "` + canary + `"}`)}}
	_, err := fake.render(`"data": [{"secretKey": "a", "remoteRef": {"key": "a", "property": "y"}}]`)
	var problem *api.ValueError
	if !errors.As(err, &problem) || len(problem.Problems) != 1 {
		t.Errorf("%T", err)
	}
}

// A Secret has a size, and its keys letters.
func TestRenderBounds(t *testing.T) {
	long := strings.Repeat("x", api.MaxSecretBytes/2)
	testRenderings(t, map[string]rendering{
		"as large as can be": {spec: `"dataFrom": [{"extract": {"key": "a"}}]`, vault: vaultOf{"secret/data/a": kv(`{"x": "` + long + `", "y": "` + long + `"}`)}, want: map[string]string{"x": long, "y": long}},
		"too large":          {spec: `"dataFrom": [{"extract": {"key": "a"}}]`, vault: vaultOf{"secret/data/a": kv(`{"x": "` + long + `", "y": "` + long + `x"}`)}, err: `spec: Too long: may not be more than 1048576 bytes`},
		"letters that a Secret's keys have not": {spec: `"dataFrom": [{"extract": {"key": "a"}}]`, vault: vaultOf{"secret/data/a": kv(`{"ä": "` + canary + `"}`)},
			err: `spec: Invalid value: "ä": cannot be a key of a Secret: a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')`},
	})
}

// Whatever a plan's object reads is below what it claims.
func TestRenderReadsWhatIsClaimed(t *testing.T) {
	fake := &fake{TB: t, vault: vaultOf{
		"secret/data/a": kv(`{"x": "1"}`), "secret/data/b?version=3": kv(`{"x": "1"}`), "secret/metadata/c": `{"created_time": "now"}`,
		"list secret/metadata/tree": keys("d/", "e"), "list secret/metadata/tree/d": keys("f"), "secret/metadata/tree/e": `{"custom_metadata": {"k": "v"}}`, "secret/metadata/tree/d/f": `{}`,
		"secret/data/tree/e": kv(`{"x": "1"}`),
	}}
	object := synced(t, externalSecret(`"secretStoreRef": {"name": "vault"}, "data": [{"secretKey": "a", "remoteRef": {"key": "a"}}, {"secretKey": "b", "remoteRef": {"key": "b", "version": "3"}}],
		"dataFrom": [{"extract": {"key": "c", "metadataPolicy": "Fetch"}}, {"find": {"path": "tree", "tags": {"k": "v"}}}]`))
	plan, err := object.Plan(t.Context(), worldOf(t, oursStore(store("vault", kv2))))
	if err != nil {
		t.Fatal(err)
	}
	reads := plan.Claims[0].Reads
	content, err := plan.Render(t.Context(), api.Material{Doors: []api.Door{fake.door}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b", "created_time", "tree_e"}, slices.Sorted(maps.Keys(content.Data))); diff != "" {
		t.Error(diff)
	}
	for _, name := range fake.asked {
		if !slices.ContainsFunc(reads, func(read policy.Read) bool { return covers(&read, name) }) {
			t.Errorf("%q is not claimed: %v", name, reads)
		}
	}
}

// covers reports whether a read asks for a name.
func covers(read *policy.Read, name string) bool {
	name, _, _ = strings.Cut(name, "?")
	folder, isList := strings.CutPrefix(name, "list ")
	switch {
	case isList:
		return read.Subtree && strings.HasPrefix(folder+"/", read.ListPath()+"/")
	case read.Subtree:
		return strings.HasPrefix(name, read.Path+"/")
	}
	return name == read.Path
}
