package v1

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
)

// All of a tree is listed, and what is wanted of it is read, each as JSON under
// its name.
func TestFind(t *testing.T) {
	top := vaultOf{"list secret/metadata": keys("a", "app/", "b"), "list secret/metadata/app": keys("db", "deep/"), "list secret/metadata/app/deep": keys("er")}
	with := func(more vaultOf) vaultOf {
		all := vaultOf{}
		for _, some := range []vaultOf{top, more} {
			maps.Copy(all, some)
		}
		return all
	}
	below := vaultOf{"list secret/metadata/app": keys("db", "deep/"), "list secret/metadata/app/deep": keys("er"), "secret/data/app/db": kv(`{"x": 1.50, "y": "<"}`)}
	testRenderings(t, map[string]rendering{
		"by name": {spec: `"dataFrom": [{"find": {"name": {"regexp": "^(a|app/db)$"}}}]`, vault: with(vaultOf{"secret/data/a": kv(`{"x": "1"}`), "secret/data/app/db": kv(`{}`)}),
			want: map[string]string{"a": `{"x":"1"}`, "app_db": "{}"}},
		"by any part of the name":     {spec: `"dataFrom": [{"find": {"name": {"regexp": "deep"}}}]`, vault: with(vaultOf{"secret/data/app/deep/er": kv(`{"x": "1"}`)}), want: map[string]string{"app_deep_er": `{"x":"1"}`}},
		"below a path":                {spec: `"dataFrom": [{"find": {"path": "app", "name": {"regexp": "db"}}}]`, vault: below, want: map[string]string{"app_db": `{"x":1.50,"y":"\u003c"}`}},
		"the path is part of names":   {spec: `"dataFrom": [{"find": {"path": "app", "name": {"regexp": "^app/db$"}}}]`, vault: below, want: map[string]string{"app_db": `{"x":1.50,"y":"\u003c"}`}},
		"as Unicode":                  {spec: `"dataFrom": [{"find": {"path": "app", "name": {"regexp": "db"}, "conversionStrategy": "Unicode"}}]`, vault: below, want: map[string]string{"app_U002f_db": `{"x":1.50,"y":"\u003c"}`}},
		"by neither name nor tags":    {spec: `"dataFrom": [{"find": {"path": "app/deep"}}]`, vault: vaultOf{"list secret/metadata/app/deep": keys("er"), "secret/data/app/deep/er": kv(`{}`)}, want: map[string]string{"app_deep_er": "{}"}},
		"what is deleted is left out": {spec: `"dataFrom": [{"find": {"name": {"regexp": "^[ab]$"}}}]`, vault: with(vaultOf{"secret/data/a": nothing, "secret/data/b": kv(`{}`)}), want: map[string]string{"b": "{}"}},
		"no such path":                {spec: `"dataFrom": [{"find": {"path": "gone"}}]`, vault: vaultOf{"list secret/metadata/gone": nothing}, err: `spec.dataFrom[0].find.path: nothing there`},
		"no such path, left out":      {spec: `"dataFrom": [{"find": {"path": "gone"}}], "target": {"deletionPolicy": "Merge"}`, vault: vaultOf{"list secret/metadata/gone": nothing}, want: map[string]string{}},
		"a folder that goes":          {spec: `"dataFrom": [{"find": {"path": "app"}}]`, vault: vaultOf{"list secret/metadata/app": keys("db", "deep/"), "list secret/metadata/app/deep": nothing, "secret/data/app/db": kv(`{}`)}, want: map[string]string{"app_db": "{}"}},
		"KV v1":                       {spec: `"dataFrom": [{"sourceRef": {"storeRef": {"name": "legacy"}}, "find": {"path": "app"}}]`, vault: vaultOf{"list legacy/app": keys("db"), "legacy/app/db": `{"x": "1"}`}, want: map[string]string{"app_db": `{"x":"1"}`}},
		"tags in KV v1":               {spec: `"dataFrom": [{"sourceRef": {"storeRef": {"name": "legacy"}}, "find": {"tags": {}}}]`, err: `spec.dataFrom[0].find.tags: Forbidden: KV v1 has none; find by name`},
		"a store without a path":      {spec: `"dataFrom": [{"sourceRef": {"storeRef": {"name": "keyless"}}, "find": {"path": "m/data/app"}}]`, vault: vaultOf{"list m/metadata/app": keys("db"), "m/data/app/db": kv(`{"x": "1"}`)}, want: map[string]string{"m_data_app_db": `{"x":"1"}`}},
		"no path at all":              {spec: `"dataFrom": [{"sourceRef": {"storeRef": {"name": "keyless"}}, "find": {}}]`, err: `spec.dataFrom[0].find.path: Invalid value: "": begin with the mount and data/, as in secret/data/app; the store has no path`},
		"decoded":                     {spec: `"dataFrom": [{"find": {"path": "app", "name": {"regexp": "db"}, "decodingStrategy": "Auto"}}]`, vault: below, want: map[string]string{"app_db": `{"x":1.50,"y":"\u003c"}`}},
		"decoded, which it cannot be": {spec: `"dataFrom": [{"find": {"path": "app", "name": {"regexp": "db"}, "decodingStrategy": "Base64"}}]`, vault: below,
			err: `spec.dataFrom[0].find.decodingStrategy: Invalid value: "Base64": field app_db: the value is not Base64: illegal base64 data at input byte 0`},
		"no regular expression": {spec: `"dataFrom": [{"find": {"path": "gone", "name": {"regexp": "("}}}]`, vault: vaultOf{"list secret/metadata/gone": keys("a")}, err: `spec.dataFrom[0].find.name.regexp: Invalid value: "(": no regular expression of Go`},
	})
}

// Tags are metadata of a secret, and have to be there all.
func TestFindByTags(t *testing.T) {
	vault := func(read ...string) vaultOf {
		all := vaultOf{
			"list secret/metadata": keys("a", "b", "c", "d", "e"),
			"secret/metadata/a":    `{"created_time": "2026", "custom_metadata": {"env": "prod", "team": "x"}}`,
			"secret/metadata/b":    `{"custom_metadata": {"env": "prod"}}`,
			"secret/metadata/c":    `{"custom_metadata": null}`,
			"secret/metadata/d":    `{"custom_metadata": {"env": "` + canary + `"}}`,
			"secret/metadata/e":    nothing,
		}
		for _, name := range read {
			all["secret/data/"+name] = kv(`{"of": "` + name + `"}`)
		}
		return all
	}
	find := func(tags string) string {
		return `"dataFrom": [{"find": {"tags": {` + tags + `}}}], "target": {"deletionPolicy": "Merge"}`
	}
	testRenderings(t, map[string]rendering{
		"one":                         {spec: find(`"env": "prod"`), vault: vault("a", "b"), want: map[string]string{"a": `{"of":"a"}`, "b": `{"of":"b"}`}},
		"both":                        {spec: find(`"env": "prod", "team": "x"`), vault: vault("a"), want: map[string]string{"a": `{"of":"a"}`}},
		"the engine's":                {spec: find(`"created_time": "2026"`), vault: vault("a"), want: map[string]string{"a": `{"of":"a"}`}},
		"empty, which is not missing": {spec: find(`"env": ""`), vault: vault(), want: map[string]string{}},
	})
	t.Run("a name goes before tags", rendering{
		spec: `"dataFrom": [{"find": {"name": {"regexp": "c"}, "tags": {"env": "prod"}}}]`, vault: vaultOf{"list secret/metadata": keys("a", "c"), "secret/data/c": kv(`{}`)}, want: map[string]string{"c": "{}"},
	}.test)
}

// A tree has bounds: nobody fills a Secret with more, and each name is a request.
func TestFindBounds(t *testing.T) {
	tests := map[string]struct {
		vault func() (names []any)
		want  string
	}{
		"folders without end": {func() []any { return []any{"d/"} },
			`spec.dataFrom[0].find.path: Invalid value: "` + strings.Repeat("d/", maxDepth+1) + `": more than 30 folders deep; name a path further down`},
		"names without end": {func() []any {
			names := make([]any, maxFound+1)
			for i := range names {
				names[i] = fmt.Sprintf("n%d", i)
			}
			return names
		}, `spec.dataFrom[0].find.path: Invalid value: "secret/metadata": more than 1000 secrets and folders; name a path further down`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			requests := 0
			door := func(_ context.Context, address api.Address, _ *field.Path) (map[string]any, error) {
				requests++
				if !address.List {
					return nil, fmt.Errorf("%q was read", address.Path)
				}
				return map[string]any{"keys": tc.vault()}, nil
			}
			object := synced(t, externalSecret(`"secretStoreRef": {"name": "vault"}, "dataFrom": [{"find": {"name": {"regexp": "."}}}]`))
			_, err := object.render(t.Context(), func(StoreRef) source { return source{door: door, engine: engine{mount: new("secret")}} }, nil)
			if diff := cmp.Diff(tc.want, message(err)); diff != "" {
				t.Error(diff)
			}
			if requests > maxDepth+1 {
				t.Errorf("%d requests", requests)
			}
		})
	}
}

// As many as are allowed are found.
func TestFindManyNames(t *testing.T) {
	vault := vaultOf{}
	names := make([]string, maxFound)
	for i := range names {
		names[i] = fmt.Sprintf("n%d", i)
		vault["secret/data/"+names[i]] = kv(`{}`)
	}
	vault["list secret/metadata"] = keys(names...)
	content, err := (&fake{TB: t, vault: vault}).render(`"dataFrom": [{"find": {"name": {"regexp": "."}}}]`)
	if err != nil || len(content.Data) != maxFound {
		t.Errorf("%d values, %v", len(content.Data), err)
	}
}

// Whatever secrets are called in Vault, and whatever names are looked for,
// nothing outside the tree is read.
func FuzzFindNames(f *testing.F) {
	f.Add("app", "db", "sub/", ".*")
	f.Add("app", "../x", "../", "x")
	f.Add("app", "", "/", "(")
	f.Add("a", "%2e%2e", "?version=1", "\\x2e")
	f.Fuzz(func(t *testing.T, path, one, two, expression string) {
		lists := 0
		door := func(_ context.Context, address api.Address, _ *field.Path) (map[string]any, error) {
			if address.List {
				if lists++; !strings.HasPrefix(address.Path+"/", "secret/metadata/"+path+"/") && strings.TrimSuffix(path, "/") == path {
					t.Errorf("%q was listed", address.Path)
				}
				return map[string]any{"keys": []any{one, two, 7}}, nil
			}
			if !strings.HasPrefix(address.Path, "secret/data/"+path+"/") {
				t.Errorf("%q was read", address.Path)
			}
			return map[string]any{"data": map[string]any{"x": canary}}, nil
		}
		find := Find{Path: &path, Name: &FindName{RegExp: expression}}
		found, err := find.values(t.Context(), source{door: door, engine: engine{mount: new("secret")}}, specPath())
		if strings.Contains(message(err), canary) || len(found) > maxFound || lists > maxFound {
			t.Errorf("%d found in %d lists, %v", len(found), lists, err)
		}
	})
}
