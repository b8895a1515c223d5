package v1

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/policy"
)

// tenantPolicy lets team-a read its own tree, and write a part of it.
const tenantPolicy = `
apiVersion: countersign.dev/v1alpha1
kind: AccessPolicy
mounts: {secret: {kv: 2}, database: {}}
allow:
- {name: own-tree, namespaces: {names: ["team-*"]}, paths: ["secret/data/{namespace}/*"], roles: [reader]}
- {name: own-out, namespaces: {names: ["team-*"]}, paths: ["secret/data/{namespace}/out/*", "secret/metadata/{namespace}/out/*"], roles: [writer], operations: [read, write]}
- {name: own-user, namespaces: {names: ["team-*"]}, paths: ["database/creds/{namespace}"], roles: [reader]}
- {name: shared-login, namespaces: {names: [team-a]}, paths: ["secret/data/shared/*"], roles: [shared], identity: {namespace: vault-logins, serviceAccount: shared}}
deny:
- {name: no-keys, paths: ["secret/data/+/keys/*"]}
`

func compiled(t testing.TB) *policy.Policy {
	t.Helper()
	document, err := policy.Parse("cm", "policy.yaml", []byte(tenantPolicy))
	if err != nil {
		t.Fatal(err)
	}
	made, err := policy.Compile([]*policy.Document{document}, policy.Settings{
		Enforcement: policy.Enforcement{Default: policy.Enforce}, DefaultVault: "default",
		DefaultAuthMounts: map[string]string{"default": "kubernetes", "eu": "kubernetes"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// What a tenant may try, and the end of what it is told; empty is allowed.
func TestBypasses(t *testing.T) {
	login := func(role, more string) string {
		return server + `, "path": "secret", "auth": {"kubernetes": {"role": "` + role + `"` + more + `}}`
	}
	reader := store("vault", login("reader", ""))
	reads := func(key string) string {
		return externalSecret(`"secretStoreRef": {"name": "vault"}, "data": [{"remoteRef": {"key": "` + key + `"}}]`)
	}
	through := func(ref, key string) string {
		return externalSecret(`"secretStoreRef": {` + ref + `}, "data": [{"remoteRef": {"key": "` + key + `"}}]`)
	}
	finds := func(find string) string {
		return externalSecret(`"secretStoreRef": {"name": "vault"}, "dataFrom": [{"find": {` + find + `}}]`)
	}
	pushes := func(key string) string {
		return pushSecret(`"secretStoreRefs": [{"name": "vault"}], "data": [{"match": {"remoteRef": {"remoteKey": "` + key + `"}}}]`)
	}
	generates := externalSecret(`"dataFrom": [{"sourceRef": {"generatorRef": {"kind": "VaultDynamicSecret", "name": "db"}}}]`)
	tests := map[string]struct {
		object string
		around []string
		want   string
	}{
		"its own":                            {reads("team-a/db"), []string{reader}, ""},
		"its own, with the mount":            {reads("secret/data/team-a/db"), []string{reader}, ""},
		"the neighbour's":                    {reads("team-b/db"), []string{reader}, "no rule allows the path"},
		".. in the key":                      {reads("team-a/../team-b/db"), []string{reader}, `it has a ".." segment; write "secret/data/team-b/db"`},
		".. to sys":                          {reads("../../sys/health"), []string{reader}, `it has a ".." segment`},
		"slashes":                            {reads("team-a//db"), []string{reader}, "it has an empty segment"},
		"an escape":                          {reads("team-a/%2e%2e/team-b/db"), []string{reader}, "has a character outside"},
		"a query":                            {reads("team-a/db?list=true"), []string{reader}, "has a character outside"},
		"data in another case":               {reads("secret/Data/team-a/db"), []string{reader}, "no rule allows the path"},
		"the mount as a directory":           {reads("secret/secret/data/team-a/db"), []string{reader}, "no rule allows the path"},
		"metadata":                           {externalSecret(`"secretStoreRef": {"name": "vault"}, "data": [{"remoteRef": {"key": "team-a/db", "metadataPolicy": "Fetch"}}]`), []string{reader}, "no rule allows the path"},
		"an entry's own store":               {externalSecret(`"secretStoreRef": {"name": "vault"}, "data": [{"remoteRef": {"key": "team-a/db"}}, {"remoteRef": {"key": "db"}, "sourceRef": {"storeRef": {"name": "other"}}}]`), []string{reader, store("other", strings.Replace(login("reader", ""), `"secret"`, `"secret/data/team-b"`, 1))}, "no rule allows the path"},
		"find over everything":               {finds(`"name": {"regexp": ".*"}`), []string{reader}, `everything below "secret/data": a part of it is denied by rule "cm/no-keys"; name the paths that are needed, or a smaller part`},
		"find over the neighbour's":          {finds(`"path": "team-b/app", "name": {"regexp": ".*"}`), []string{reader}, "no path of a rule covers all of it"},
		"find over its own, denied part":     {finds(`"path": "team-a", "name": {"regexp": "app"}`), []string{reader}, `a part of it is denied by rule "cm/no-keys"`},
		"find over its own":                  {finds(`"path": "team-a/app", "name": {"regexp": ".*"}`), []string{reader}, ""},
		"find with ..":                       {finds(`"path": "team-a/app/../../team-b", "name": {}`), []string{reader}, `it has a ".." segment`},
		"find by tags":                       {finds(`"path": "team-a/app", "tags": {"a": "b"}`), []string{reader}, `everything below "secret/metadata/team-a/app" with role "reader"`},
		"find that reads elsewhere":          {finds(`"path": "secret", "name": {}`), []string{reader}, "it begins like the store's path"},
		"evil server":                        {reads("team-a/db"), []string{store("vault", strings.Replace(login("reader", ""), "vault.example", "evil.example", 1))}, "no Vault that the operators have configured"},
		"header injection":                   {reads("team-a/db"), []string{store("vault", login("reader", "")+`, "headers": {"x-vault-namespace": "admin"}`)}, "a store may not send this header"},
		"another Vault namespace":            {reads("team-a/db"), []string{store("vault", login("reader", "")+`, "namespace": "admin"`)}, `only with Vault namespace "", not "admin"`},
		"login in another namespace":         {reads("team-a/db"), []string{store("vault", strings.Replace(login("reader", ""), `"auth": {`, `"auth": {"namespace": "admin", `, 1))}, `wants Vault namespace "", not "admin"`},
		"another Vault":                      {reads("team-a/db"), []string{store("vault", strings.Replace(login("reader", ""), "vault.example:8200", "vault-eu.example", 1))}, `only with Vault "default", not "eu"`},
		"another role":                       {reads("team-a/db"), []string{store("vault", login("admin", ""))}, `only with role "reader", not "admin"`},
		"another auth mount":                 {reads("team-a/db"), []string{store("vault", login("reader", `, "mountPath": "kubernetes-admin"`))}, `only with auth mount "kubernetes", not "kubernetes-admin"`},
		"another auth method":                {reads("team-a/db"), []string{store("vault", server+`, "path": "secret", "auth": {"jwt": {"path": "kubernetes", "role": "reader"}}`)}, `only with auth method "kubernetes", not "jwt"`},
		"a token of its own":                 {reads("team-a/db"), []string{store("vault", server+`, "path": "secret", "auth": {"tokenSecretRef": {"name": "root"}}`)}, `only with role "reader", not "token:token"`},
		"another ServiceAccount":             {reads("team-a/db"), []string{store("vault", login("reader", `, "serviceAccountRef": {"name": "admin"}`))}, `only with identity of the controller itself, not "admin"`},
		"a store of all":                     {through(`"name": "all", "kind": "ClusterSecretStore"`, "team-b/db"), []string{clusterStore("all", login("reader", ""))}, "no rule allows the path"},
		"conditions that let it":             {through(`"name": "all", "kind": "ClusterSecretStore"`, "team-b/db"), []string{strings.Replace(clusterStore("all", login("reader", "")), `"provider"`, `"conditions": [{"namespaces": ["team-a"]}], "provider"`, 1)}, "no rule allows the path"},
		"conditions that keep it out":        {through(`"name": "all", "kind": "ClusterSecretStore"`, "team-b/db"), []string{strings.Replace(clusterStore("all", login("reader", "")), `"provider"`, `"conditions": [{"namespaces": ["team-b"]}], "provider"`, 1)}, "no rule allows the path"},
		"the login of another namespace":     {through(`"name": "all", "kind": "ClusterSecretStore"`, "shared/db"), []string{clusterStore("all", login("shared", `, "serviceAccountRef": {"name": "shared", "namespace": "vault-logins"}`))}, ""},
		"the same name in its own":           {through(`"name": "all", "kind": "ClusterSecretStore"`, "shared/db"), []string{clusterStore("all", login("shared", `, "serviceAccountRef": {"name": "shared"}`))}, `only with identity "shared" of namespace "vault-logins", not "shared"`},
		"the same name in a SecretStore":     {reads("shared/db"), []string{store("vault", login("shared", `, "serviceAccountRef": {"name": "shared", "namespace": "vault-logins"}`))}, `only with identity "shared" of namespace "vault-logins", not "shared"`},
		"a generator":                        {generates, []string{generator(`"path": "database/creds/team-a"`)}, ""},
		"a generator with another role":      {generates, []string{strings.Replace(generator(`"path": "database/creds/team-a"`), `"role": "reader"`, `"role": "admin"`, 1)}, `only with role "reader", not "admin"`},
		"a generator that posts":             {generates, []string{generator(`"path": "database/creds/team-a", "method": "POST"`)}, `only with operation "read", not "write"`},
		"a generator of tokens":              {generates, []string{generator(`"path": "auth/token/create", "method": "POST"`)}, `"auth" is reserved by Vault and never readable`},
		"a generator elsewhere":              {generates, []string{strings.Replace(generator(`"path": "database/creds/team-a"`), "vault.example", "evil.example", 1)}, "no Vault that the operators have configured"},
		"a generator by itself":              {generator(`"path": "database/creds/team-b"`), nil, "no rule allows the path"},
		"a store by itself":                  {reader, nil, ""},
		"a store by itself, another role":    {store("vault", login("admin", "")), nil, `rule "cm/own-tree" wants role "reader", not "admin"`},
		"a store by itself, evil":            {store("vault", strings.Replace(login("reader", ""), "vault.example", "evil.example", 1)), nil, "no Vault that the operators have configured"},
		"push":                               {pushes("team-a/out/x"), []string{store("vault", login("writer", ""))}, ""},
		"push to another tree":               {pushes("team-b/out/x"), []string{store("vault", login("writer", ""))}, `writing "secret/metadata/team-b/out/x" with role "writer" is not allowed`},
		"push to what is read only":          {pushes("team-a/x"), []string{store("vault", login("reader", ""))}, `only with operation "read", not "write"`},
		"push with the mount in the key":     {pushes("secret/team-a/out/x"), []string{store("vault", login("writer", ""))}, `writing "secret/metadata/secret/team-a/out/x" with role "writer" is not allowed`},
		"push by label":                      {pushSecret(`"secretStoreRefs": [{"labelSelector": {}}], "data": [{"match": {"remoteRef": {"remoteKey": "team-b/x"}}}]`), []string{store("vault", login("writer", ""))}, `writing "secret/metadata/team-b/x"`},
		"push of all keys":                   {pushSecret(`"secretStoreRefs": [{"name": "vault"}], "dataTo": [{"storeRef": {"name": "vault"}}]`), []string{store("vault", login("writer", ""))}, `writing everything below "secret/metadata" with role "writer" is not allowed`},
		"push of a generator's":              {pushSecret(`"secretStoreRefs": [{"name": "none"}], "selector": {"generatorRef": {"kind": "VaultDynamicSecret", "name": "db"}}`), []string{generator(`"path": "database/creds/team-b"`)}, "no rule allows the path"},
		"an ExternalSecret for all":          {`{"apiVersion": "external-secrets.io/v1", "kind": "ClusterExternalSecret", "metadata": {"name": "p"}, "spec": {"namespaces": ["team-a", "team-b"], "externalSecretSpec": {"secretStoreRef": {"name": "all", "kind": "ClusterSecretStore"}, "data": [{"remoteRef": {"key": "team-a/db"}}]}}}`, []string{clusterStore("all", login("reader", ""))}, `"secret/data/team-a/db" with role "reader" is not allowed in namespace "team-b"`},
		"a field that ESO may have later":    {externalSecret(`"secretStoreRef": {"name": "vault"}, "data": [{"remoteRef": {"key": "team-a/db", "mount": "sys"}}]`), []string{reader}, "spec.data[0].remoteRef.mount: Forbidden: Countersign does not know this field"},
		"a later field where no store is":    {externalSecret(`"valuesFrom": {"vault": "sys"}`), nil, "spec.valuesFrom: Forbidden: Countersign does not know this field"},
		"a store edited after its admission": {reads("team-a/db"), []string{store("vault", strings.Replace(login("reader", ""), `"path": "secret"`, `"path": "secret/data/team-b/out"`, 1))}, "no rule allows the path"},
	}
	rules := compiled(t)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			claims, err := decode(t, tc.object).Claims(t.Context(), worldOf(t, tc.around...))
			if err != nil || len(claims) == 0 {
				t.Fatalf("%d claims, error %v", len(claims), err)
			}
			var denials []string
			for _, claim := range claims {
				for _, denial := range rules.Evaluate(claim, nil).Denials() {
					denials = append(denials, denial.Error())
				}
			}
			told := strings.Join(denials, "\n")
			if (tc.want == "") != (told == "") || !strings.Contains(told, tc.want) {
				t.Error(cmp.Diff(tc.want, told))
			}
		})
	}
}
