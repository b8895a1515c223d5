package v1

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/api"
)

var _ = []api.Guarded{
	&ExternalSecret{}, &ClusterExternalSecret{}, &SecretStore{}, &ClusterSecretStore{},
	&PushSecret{}, &ClusterPushSecret{}, &VaultDynamicSecret{}, &ClusterGenerator{},
}

func TestClaims(t *testing.T) {
	stores := []string{
		store("vault", kv2), store("keyless", keyless), store("legacy", kv1), clusterStore("shared", server+`, "path": "shared", "auth": {"kubernetes": {"mountPath": "k8s", "role": "shared", "serviceAccountRef": {"name": "reader"}}}`),
		store("elsewhere", server+`, "path": "secret", "namespace": "org/team", "auth": {"namespace": "org", "kubernetes": {"role": "reader"}}`),
		store("evil", `"server": "https://evil.example", "path": "secret", `+kubernetes),
		`{"apiVersion": "external-secrets.io/v1", "kind": "SecretStore", "metadata": {"namespace": "team-a", "name": "aws"}, "spec": {"provider": {"aws": {"service": "SecretsManager"}}}}`,
		generator(`"path": "database/creds/app"`), clusterGenerator("VaultDynamicSecret", `"vaultDynamicSecretSpec": {"path": "pki/issue/app", "method": "POST", "provider": {`+server+`, `+kubernetes+`}}`),
	}
	const ref = `"secretStoreRef": {"name": "vault"}, `
	const login = "spec.secretStoreRef: team-a default/ kubernetes@kubernetes reader"
	tests := map[string]struct {
		object string
		want   []string
	}{
		"one value": {externalSecret(ref + `"data": [{"secretKey": "a", "remoteRef": {"key": "app/db", "property": "x", "version": "3"}}]`),
			[]string{login, `  spec.data[0].remoteRef.key: "secret/data/app/db" version 3`}},
		"each spelling": {externalSecret(ref + `"data": [{"remoteRef": {"key": "secret/data/app"}}, {"remoteRef": {"key": "../x", "version": "latest"}}], "dataFrom": [{"extract": {"key": "secret/app"}}]`),
			[]string{login, `  spec.data[0].remoteRef.key: "secret/data/app"`, `  spec.data[1].remoteRef.key: "secret/data/../x"`, `  spec.dataFrom[0].extract.key: "secret/data/app"`}},
		"metadata": {externalSecret(ref + `"data": [{"remoteRef": {"key": "app", "metadataPolicy": "Fetch"}}], "dataFrom": [{"extract": {"key": "app", "metadataPolicy": "Fetch"}}]`),
			[]string{login, `  spec.data[0].remoteRef.key: "secret/metadata/app"`, `  spec.dataFrom[0].extract.key: "secret/metadata/app"`}},
		"metadata of KV v1": {externalSecret(`"secretStoreRef": {"name": "legacy"}, "data": [{"remoteRef": {"key": "app", "metadataPolicy": "Fetch"}}]`),
			[]string{`  spec.data[0].remoteRef.metadataPolicy: Invalid value: "Fetch": KV v1 has no metadata; leave it out`}},
		"find by name": {externalSecret(ref + `"dataFrom": [{"find": {"name": {"regexp": ".*"}}}, {"find": {"path": "app", "name": {"regexp": "x"}}}]`),
			[]string{login, `  spec.dataFrom[0].find.path: everything below "secret/data"`, `  spec.dataFrom[1].find.path: everything below "secret/data/app"`}},
		"find by tags": {externalSecret(ref + `"dataFrom": [{"find": {"path": "app", "tags": {"a": "b"}}}, {"find": {"path": "all"}}]`),
			[]string{login, `  spec.dataFrom[0].find.path: everything below "secret/data/app"`, `  spec.dataFrom[0].find.path: everything below "secret/metadata/app"`,
				`  spec.dataFrom[1].find.path: everything below "secret/data/all"`, `  spec.dataFrom[1].find.path: everything below "secret/metadata/all"`}},
		"find that is ambiguous": {externalSecret(ref + `"dataFrom": [{"find": {"path": "secret", "name": {}}}]`),
			[]string{`  spec.dataFrom[0].find.path: Invalid value: "secret": it begins like the store's path, and would find other names than it reads; leave that part out`}},
		"without a store's path": {externalSecret(`"secretStoreRef": {"name": "keyless"}, "data": [{"remoteRef": {"key": "secret/app"}}], "dataFrom": [{"find": {"path": "kv/data/x", "name": {}}}]`),
			[]string{login, `  spec.data[0].remoteRef.key: "secret/data/app"`, `  spec.dataFrom[0].find.path: everything below "kv/data/x"`}},
		"stores of entries": {externalSecret(ref + `"data": [{"remoteRef": {"key": "a"}}, {"remoteRef": {"key": "b"}, "sourceRef": {"storeRef": {"name": "shared", "kind": "ClusterSecretStore"}}}, {"remoteRef": {"key": "c"}, "sourceRef": {"storeRef": {"name": "vault"}}}],
			"dataFrom": [{"extract": {"key": "d"}, "sourceRef": {"storeRef": {"name": "shared", "kind": "ClusterSecretStore"}}}]`),
			[]string{login, `  spec.data[0].remoteRef.key: "secret/data/a"`, `  spec.data[2].remoteRef.key: "secret/data/c"`,
				"spec.data[1].sourceRef.storeRef: team-a default/ kubernetes@k8s shared as /reader", `  spec.data[1].remoteRef.key: "shared/data/b"`, `  spec.dataFrom[0].extract.key: "shared/data/d"`}},
		"another Vault namespace": {externalSecret(`"secretStoreRef": {"name": "elsewhere"}, "data": [{"remoteRef": {"key": "a"}}]`),
			[]string{"spec.secretStoreRef: team-a default/org/team kubernetes@kubernetes reader", `  spec.data[0].remoteRef.key: "secret/data/a"`, "spec.secretStoreRef: team-a default/org kubernetes@kubernetes reader login"}},
		"generators": {externalSecret(`"dataFrom": [{"sourceRef": {"generatorRef": {"kind": "VaultDynamicSecret", "name": "db"}}}, {"sourceRef": {"generatorRef": {"kind": "ClusterGenerator", "name": "shared"}}}, {"sourceRef": {"generatorRef": {"kind": "Password", "name": "p"}}}]`),
			[]string{"spec.dataFrom[0].sourceRef.generatorRef: team-a default/ kubernetes@kubernetes reader", `  spec.dataFrom[0].sourceRef.generatorRef: "database/creds/app"`,
				"spec.dataFrom[1].sourceRef.generatorRef: team-a default/ kubernetes@kubernetes reader", `  spec.dataFrom[1].sourceRef.generatorRef: writing "pki/issue/app"`}},
		"a generator of one value": {externalSecret(ref + `"data": [{"secretKey": "a", "remoteRef": {"key": "x"}, "sourceRef": {"generatorRef": {"kind": "VaultDynamicSecret", "name": "db"}}}]`),
			[]string{login, `  spec.data[0].remoteRef.key: "secret/data/x"`, "spec.data[0].sourceRef.generatorRef: team-a default/ kubernetes@kubernetes reader", `  spec.data[0].sourceRef.generatorRef: "database/creds/app"`}},
		"all at once, though ESO takes one": {externalSecret(ref + `"dataFrom": [{"extract": {"key": "a"}, "find": {"path": "b", "name": {}}, "sourceRef": {"storeRef": {"name": "legacy"}, "generatorRef": {"kind": "VaultDynamicSecret", "name": "db"}}}]`),
			[]string{"spec.dataFrom[0].sourceRef.generatorRef: team-a default/ kubernetes@kubernetes reader", `  spec.dataFrom[0].sourceRef.generatorRef: "database/creds/app"`,
				"spec.dataFrom[0].sourceRef.storeRef: team-a default/ kubernetes@kubernetes reader", `  spec.dataFrom[0].extract.key: "legacy/a"`, `  spec.dataFrom[0].find.path: everything below "legacy/b"`}},
		"a store that does not exist":     {externalSecret(`"secretStoreRef": {"name": "none"}, "data": [{"remoteRef": {"key": "a"}}]`), nil},
		"a store of another kind":         {externalSecret(`"secretStoreRef": {"name": "vault", "kind": "ClusterSecretStore"}, "data": [{"remoteRef": {"key": "a"}}]`), nil},
		"a store of another provider":     {externalSecret(`"secretStoreRef": {"name": "aws"}, "data": [{"remoteRef": {"key": "../a"}}]`), nil},
		"no name":                         {externalSecret(`"secretStoreRef": {}, "data": [{"remoteRef": {"key": "a"}}, {"remoteRef": {"key": "a"}, "sourceRef": {"storeRef": {}, "generatorRef": {"kind": "VaultDynamicSecret"}}}]`), nil},
		"what is wrong with the store":    {externalSecret(`"secretStoreRef": {"name": "evil"}, "data": [{"remoteRef": {"key": "a"}}]`), []string{`  spec.secretStoreRef: Forbidden: SecretStore "evil": spec.provider.vault.server: Invalid value: "https://evil.example": no Vault that the operators have configured; write https://vault.example:8200 (Vault "default") or https://vault-eu.example (Vault "eu")`}},
		"a field that ESO may have later": {externalSecret(ref + `"dataFrom": [{"exact": {"key": "a"}}]`), []string{`  spec.dataFrom[0].exact: Forbidden: Countersign does not know this field, so it may name a Vault path or role; leave it out, or ask the operators of Countersign to update it`}},
		"what ESO does with the answer":   {externalSecret(`"target": {"template": {"any": "thing"}}, "refreshPolicy": "OnChange", "refreshInterval": "0s", "syncWindows": {"kind": "allow"}, "dataFrom": [{"rewrite": [{"any": 1}], "extract": {"nullBytePolicy": "Fail"}}]`), nil},

		"push": {pushSecret(`"secretStoreRefs": [{"name": "vault", "kind": "SecretStore"}], "deletionPolicy": "Delete", "data": [{"match": {"secretKey": "a", "remoteRef": {"remoteKey": "out/a", "property": "p"}}}]`),
			[]string{"spec.secretStoreRefs[0]: team-a default/ kubernetes@kubernetes reader", `  spec.data[0].match.remoteRef.remoteKey: "secret/data/out/a"`, `  spec.data[0].match.remoteRef.remoteKey: writing "secret/data/out/a"`,
				`  spec.data[0].match.remoteRef.remoteKey: "secret/metadata/out/a"`, `  spec.data[0].match.remoteRef.remoteKey: writing "secret/metadata/out/a"`}},
		"push to KV v1, with the mount": {pushSecret(`"secretStoreRefs": [{"name": "legacy"}], "data": [{"match": {"remoteRef": {"remoteKey": "legacy/a"}}}]`),
			[]string{"spec.secretStoreRefs[0]: team-a default/ kubernetes@kubernetes reader", `  spec.data[0].match.remoteRef.remoteKey: "legacy/a"`, `  spec.data[0].match.remoteRef.remoteKey: writing "legacy/a"`, `  spec.data[0].match.remoteRef.remoteKey: "legacy/legacy/a"`}},
		"push of a key alone": {pushSecret(`"secretStoreRefs": [{"name": "keyless"}], "data": [{"match": {"remoteRef": {"remoteKey": "data"}}}]`),
			[]string{"spec.secretStoreRefs[0]: team-a default/ kubernetes@kubernetes reader", `  spec.data[0].match.remoteRef.remoteKey: "data/data/data"`, `  spec.data[0].match.remoteRef.remoteKey: writing "data/data"`,
				`  spec.data[0].match.remoteRef.remoteKey: "data"`, `  spec.data[0].match.remoteRef.remoteKey: writing "data"`}},
		"push without data in the key": {pushSecret(`"secretStoreRefs": [{"name": "keyless"}], "data": [{"match": {"remoteRef": {"remoteKey": "secret/a"}}}]`),
			[]string{`  spec.data[0].match.remoteRef.remoteKey: Invalid value: "secret/a": write data/ after the mount; the store has no path`}},
		"push to stores by label": {pushSecret(`"secretStoreRefs": [{"name": "none", "labelSelector": {"matchLabels": {"tier": "vault"}}}, {"kind": "ClusterSecretStore", "labelSelector": {"matchExpressions": [{"key": "tier", "operator": "Exists"}]}}, {"labelSelector": {"matchExpressions": [{"key": "tier", "operator": "Maybe"}]}}, {}], "data": [{"match": {"remoteRef": {"remoteKey": "a"}}}]`),
			[]string{"spec.secretStoreRefs[0]: team-a default/ kubernetes@kubernetes reader", `  spec.data[0].match.remoteRef.remoteKey: "secret/data/a"`, `  spec.data[0].match.remoteRef.remoteKey: writing "secret/data/a"`, `  spec.data[0].match.remoteRef.remoteKey: "secret/metadata/a"`, `  spec.data[0].match.remoteRef.remoteKey: writing "secret/metadata/a"`,
				"spec.secretStoreRefs[1]: team-a default/ kubernetes@k8s shared as /reader", `  spec.data[0].match.remoteRef.remoteKey: "shared/data/a"`, `  spec.data[0].match.remoteRef.remoteKey: writing "shared/data/a"`, `  spec.data[0].match.remoteRef.remoteKey: "shared/metadata/a"`, `  spec.data[0].match.remoteRef.remoteKey: writing "shared/metadata/a"`}},
		"push of all keys": {pushSecret(`"secretStoreRefs": [{"name": "vault"}], "dataTo": [{"storeRef": {"name": "vault"}, "match": {"regexp": "x"}}, {"storeRef": {"name": "legacy"}}, {"storeRef": {"name": "vault"}, "conversionStrategy": "None", "remoteKey": "all"}]`),
			[]string{"spec.secretStoreRefs[0]: team-a default/ kubernetes@kubernetes reader",
				`  spec.dataTo[0]: everything below "secret/data"`, `  spec.dataTo[0]: everything below "secret/metadata"`, `  spec.dataTo[0]: writing everything below "secret/data"`, `  spec.dataTo[0]: writing everything below "secret/metadata"`,
				`  spec.dataTo[2].remoteKey: "secret/data/all"`, `  spec.dataTo[2].remoteKey: writing "secret/data/all"`, `  spec.dataTo[2].remoteKey: "secret/metadata/all"`, `  spec.dataTo[2].remoteKey: writing "secret/metadata/all"`}},
		"push of all keys, rewritten": {pushSecret(`"secretStoreRefs": [{"name": "vault"}, {"name": "keyless"}], "dataTo": [{"storeRef": {"name": "vault"}, "rewrite": [{"regexp": {"source": "a", "target": "../b"}}]}, {"conversionStrategy": "ReverseUnicode"}, {"storeRef": {"name": "keyless"}}]`),
			[]string{`  spec.dataTo[0]: Forbidden: the paths that keys are rewritten to are not known before; name them under data, or a remoteKey`, `  spec.dataTo[1]: Forbidden: the paths that keys are rewritten to are not known before; name them under data, or a remoteKey`,
				`  spec.dataTo[1]: Forbidden: the paths that keys are rewritten to are not known before; name them under data, or a remoteKey`, `  spec.dataTo[2]: Forbidden: the store has no path, so each key would be a mount of its own; name a remoteKey`}},
		"push of what a generator makes": {pushSecret(`"secretStoreRefs": [{"name": "none"}], "selector": {"generatorRef": {"kind": "ClusterGenerator", "name": "shared"}}`),
			[]string{"spec.selector.generatorRef: team-a default/ kubernetes@kubernetes reader", `  spec.selector.generatorRef: writing "pki/issue/app"`}},
		"push that has been, and is deleted": {strings.Replace(pushSecret(`"secretStoreRefs": [], "deletionPolicy": "Delete"`), `"spec"`, `"status": {"syncedPushSecrets": {"SecretStore/legacy": {"a/p": {"match": {"remoteRef": {"remoteKey": "a"}}}}, "odd": {}, "SecretStore/": {}}}, "spec"`, 1),
			[]string{"status.syncedPushSecrets[SecretStore/legacy]: team-a default/ kubernetes@kubernetes reader", `  status.syncedPushSecrets[SecretStore/legacy][a/p]: "legacy/a"`, `  status.syncedPushSecrets[SecretStore/legacy][a/p]: writing "legacy/a"`, `  status.syncedPushSecrets[SecretStore/legacy][a/p]: "legacy/a"`}},
		"push that has been, and stays": {strings.Replace(pushSecret(`"secretStoreRefs": []`), `"spec"`, `"status": {"syncedPushSecrets": {"SecretStore/legacy": {"a": {"match": {"remoteRef": {"remoteKey": "a"}}}}}}, "spec"`, 1), nil},

		"a generator by itself":              {generator(`"path": "database/creds/app", "method": "GET", "parameters": {"a": 1}, "getParameters": {"list": ["true"]}`), []string{"spec.provider.auth: team-a default/ kubernetes@kubernetes reader", `  spec.path: "database/creds/app"`}},
		"a generator that lists":             {generator(`"path": "secret/metadata/app", "method": "LIST"`), []string{"spec.provider.auth: team-a default/ kubernetes@kubernetes reader", `  spec.path: "secret/metadata/app"`}},
		"a generator that deletes":           {generator(`"path": "secret/data/app", "method": "DELETE"`), []string{"spec.provider.auth: team-a default/ kubernetes@kubernetes reader", `  spec.path: writing "secret/data/app"`}},
		"a method that ESO has post":         {generator(`"path": "secret/data/app", "method": "get"`), []string{"spec.provider.auth: team-a default/ kubernetes@kubernetes reader", `  spec.path: writing "secret/data/app"`}},
		"a generator of nothing":             {strings.Replace(generator(`"path": "a/b"`), `"provider"`, `"resultType": "Raw", "xprovider"`, 1), []string{`  spec.xprovider: Forbidden: Countersign does not know this field, so it may name a Vault path or role; leave it out, or ask the operators of Countersign to update it`, `  spec.provider: Required value: name the Vault`}},
		"a generator for all":                {clusterGenerator("VaultDynamicSecret", `"vaultDynamicSecretSpec": {"path": "a/b", "provider": {`+server+`, `+kubernetes+`}}`), nil},
		"a generator for all, somewhere":     {clusterGenerator("VaultDynamicSecret", `"vaultDynamicSecretSpec": {"path": "a/b", "new": 1, "provider": {"server": "http://vault.example:8200", `+kubernetes+`}}`), []string{`  spec.generator.vaultDynamicSecretSpec.new: Forbidden: Countersign does not know this field, so it may name a Vault path or role; leave it out, or ask the operators of Countersign to update it`, `  spec.generator.vaultDynamicSecretSpec.provider.server: Invalid value: "http://vault.example:8200": no Vault that the operators have configured; write https://vault.example:8200 (Vault "default") or https://vault-eu.example (Vault "eu")`}},
		"a generator of another kind":        {clusterGenerator("Password", `"passwordSpec": {"length": 3}`), nil},
		"a generator of another kind, Vault": {clusterGenerator("Password", `"vaultDynamicSecretSpec": {"path": "a/b"}`), nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			object := decode(t, tc.object)
			claims, err := object.Claims(t.Context(), worldOf(t, stores...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, show(claims)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What an object refers to is what its claims depend on.
func TestRefers(t *testing.T) {
	tests := map[string]struct {
		object string
		want   []string
	}{
		"stores and generators": {externalSecret(`"secretStoreRef": {"name": "vault"}, "data": [{"sourceRef": {"storeRef": {"name": "shared", "kind": "ClusterSecretStore"}}}, {"sourceRef": {"storeRef": {"name": "vault"}}}],
			"dataFrom": [{"sourceRef": {"generatorRef": {"kind": "VaultDynamicSecret", "name": "db"}}}, {"sourceRef": {"generatorRef": {"kind": "ClusterGenerator", "name": "all"}}}, {"sourceRef": {"generatorRef": {"kind": "UUID", "name": "u"}}}]`),
			[]string{"SecretStore team-a/vault ", "ClusterSecretStore /shared ", "VaultDynamicSecret team-a/db ", "ClusterGenerator /all "}},
		"stores by label, and on record": {strings.Replace(pushSecret(`"deletionPolicy": "Delete", "secretStoreRefs": [{"labelSelector": {}}, {"kind": "ClusterSecretStore", "labelSelector": {"matchLabels": {"a": "b"}}}], "selector": {"generatorRef": {"kind": "ClusterGenerator", "name": "all"}}`), `"spec"`, `"status": {"syncedPushSecrets": {"ClusterSecretStore/shared": {}}}, "spec"`, 1),
			[]string{"SecretStore team-a/ ", "ClusterSecretStore / a=b", "ClusterGenerator /all ", "ClusterSecretStore /shared "}},
		"a store":  {store("vault", kv2), nil},
		"a parent": {`{"apiVersion": "external-secrets.io/v1", "kind": "ClusterExternalSecret", "spec": {"externalSecretSpec": {"secretStoreRef": {"name": "vault"}}}}`, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, to := range decode(t, tc.object).Refers() {
				got = append(got, to.Kind.Kind+" "+to.Namespace+"/"+to.Name+" "+to.Labels)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Objects of the whole cluster are judged in each namespace that they select.
func TestClaimsOfEachNamespace(t *testing.T) {
	const externalSecretSpec = `"externalSecretSpec": {"secretStoreRef": {"name": "shared", "kind": "ClusterSecretStore"}, "data": [{"remoteRef": {"key": "x"}}, {"remoteRef": {"key": "y"}, "sourceRef": {"storeRef": {"name": "vault"}}}]}`
	at := func(namespace string) []string {
		return []string{"spec.externalSecretSpec.secretStoreRef: " + namespace + " default/ kubernetes@kubernetes reader", `  spec.externalSecretSpec.data[0].remoteRef.key: "secret/data/x"`}
	}
	own := []string{"spec.externalSecretSpec.data[1].sourceRef.storeRef: team-a default/ kubernetes@kubernetes reader", `  spec.externalSecretSpec.data[1].remoteRef.key: "secret/data/y"`}
	parent := func(kind, version, spec string) string {
		return `{"apiVersion": "external-secrets.io/` + version + `", "kind": "` + kind + `", "metadata": {"name": "p"}, "spec": {` + spec + `}}`
	}
	tests := map[string]struct {
		object string
		want   []string
	}{
		"by name":          {parent("ClusterExternalSecret", "v1", externalSecretSpec+`, "namespaces": ["team-b", "none"]`), at("team-b")},
		"by label":         {parent("ClusterExternalSecret", "v1", externalSecretSpec+`, "namespaceSelector": {"matchLabels": {"team": "a"}}`), slices.Concat(at("team-a"), own)},
		"by several, once": {parent("ClusterExternalSecret", "v1", externalSecretSpec+`, "namespaces": ["team-b"], "namespaceSelectors": [{"matchLabels": {"team": "b"}}, {"matchLabels": {"team": "a"}}]`), slices.Concat(at("team-a"), own, at("team-b"))},
		"by no selector":   {parent("ClusterExternalSecret", "v1", externalSecretSpec+`, "namespaceSelectors": [{"matchExpressions": [{"key": "a", "operator": "Maybe"}]}]`), nil},
		"nowhere":          {parent("ClusterExternalSecret", "v1", externalSecretSpec), nil},
		"by a later field": {parent("ClusterExternalSecret", "v1", externalSecretSpec+`, "namespaceRegexes": [".*"]`), []string{`  spec.namespaceRegexes: Forbidden: Countersign does not know this field, so it may name a Vault path or role; leave it out, or ask the operators of Countersign to update it`}},
		"everywhere, pushed": {parent("ClusterPushSecret", "v1alpha1", `"namespaceSelectors": [{}], "pushSecretSpec": {"secretStoreRefs": [{"name": "vault"}], "data": [{"match": {"remoteRef": {"remoteKey": "a"}}}]}`),
			[]string{"spec.pushSecretSpec.secretStoreRefs[0]: team-a default/ kubernetes@kubernetes reader", `  spec.pushSecretSpec.data[0].match.remoteRef.remoteKey: "secret/data/a"`, `  spec.pushSecretSpec.data[0].match.remoteRef.remoteKey: writing "secret/data/a"`,
				`  spec.pushSecretSpec.data[0].match.remoteRef.remoteKey: "secret/metadata/a"`, `  spec.pushSecretSpec.data[0].match.remoteRef.remoteKey: writing "secret/metadata/a"`}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			around := worldOf(t, clusterStore("shared", kv2), store("vault", kv2))
			claims, err := decode(t, tc.object).Claims(t.Context(), around)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, show(claims)); diff != "" {
				t.Error(diff)
			}
			// The store of all is read once, that of a namespace in each.
			if around.finds > 4 {
				t.Errorf("%d finds", around.finds)
			}
		})
	}
}

// Without its surroundings an object has no verdict.
func TestClaimsNeedTheSurroundings(t *testing.T) {
	objects := []string{
		externalSecret(`"secretStoreRef": {"name": "vault"}, "data": [{"remoteRef": {"key": "x"}}]`),
		pushSecret(`"secretStoreRefs": [{"name": "vault"}]`),
		pushSecret(`"secretStoreRefs": [], "selector": {"generatorRef": {"kind": "ClusterGenerator", "name": "x"}}`),
		strings.Replace(pushSecret(`"secretStoreRefs": [], "deletionPolicy": "Delete"`), `"spec"`, `"status": {"syncedPushSecrets": {"SecretStore/x": {}}}, "spec"`, 1),
		`{"apiVersion": "external-secrets.io/v1", "kind": "ClusterExternalSecret", "spec": {"namespaces": ["team-a"], "externalSecretSpec": {"secretStoreRef": {"name": "vault"}}}}`,
		`{"apiVersion": "external-secrets.io/v1alpha1", "kind": "ClusterPushSecret", "spec": {"namespaceSelectors": [{}]}}`,
	}
	for _, text := range objects {
		around := worldOf(t)
		around.err = errors.New("away")
		if _, err := decode(t, text).Claims(t.Context(), around); !errors.Is(err, around.err) {
			t.Errorf("%s: error %v", text, err)
		}
	}
}

func TestOtherProvider(t *testing.T) {
	tests := map[string]string{
		store("vault", kv2): "<nil>",
		`{"apiVersion": "external-secrets.io/v1", "kind": "SecretStore", "spec": {"provider": {"aws": {}}}}`:               "spec.provider.aws",
		`{"apiVersion": "external-secrets.io/v1", "kind": "ClusterSecretStore", "spec": {"provider": {"kubernetes": {}}}}`: "spec.provider.kubernetes",
		externalSecret(`"secretStoreRef": {"name": "aws"}`):                                                                "<nil>",
		pushSecret(``):                   "<nil>",
		generator(`"path": "a/b"`):       "<nil>",
		clusterGenerator("Password", ``): "<nil>",
		`{"apiVersion": "external-secrets.io/v1", "kind": "ClusterExternalSecret"}`:   "<nil>",
		`{"apiVersion": "external-secrets.io/v1alpha1", "kind": "ClusterPushSecret"}`: "<nil>",
	}
	for text, want := range tests {
		object := decode(t, text)
		if got := object.OtherProvider().String(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		if want != "<nil>" {
			if claims, err := object.Claims(t.Context(), worldOf(t)); claims != nil || err != nil {
				t.Errorf("%s: claims %v, error %v", text, show(claims), err)
			}
		}
	}
}
