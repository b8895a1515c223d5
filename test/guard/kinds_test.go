package guard

import (
	"strings"
	"testing"
)

// Points 1, 2 and 5: every kind by which ESO reaches Vault is judged, by what
// its client would request.
func TestEveryKindIsJudged(t *testing.T) {
	const (
		clusterStore = `apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata: {name: cluster-NS}
spec: {provider: {vault: {server: "https://vault.example:8200", path: secret, auth: {kubernetes: {mountPath: kubernetes, role: reader}}}}}`
		generator = `apiVersion: generators.external-secrets.io/v1alpha1
kind: VaultDynamicSecret
metadata: {name: GEN, namespace: NS}
spec: {path: PATH, method: METHOD, provider: {server: "https://vault.example:8200", auth: {kubernetes: {mountPath: kubernetes, role: ROLE}}}}`
		push = `apiVersion: external-secrets.io/v1alpha1
kind: PushSecret
metadata: {name: push, namespace: NS}
spec:
  secretStoreRefs: [{name: writer, kind: SecretStore}]
  selector: {secret: {name: source}}
  data: [{match: {secretKey: a, remoteRef: {remoteKey: KEY}}}]`
		find = `apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: find, namespace: NS}
spec: {secretStoreRef: {name: vault}, dataFrom: [{find: {path: PATH, name: {regexp: ".*"}}}]}`
	)
	with := func(manifest string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(manifest) }
	tests := map[string]struct{ manifest, told string }{
		"ExternalSecret":            {external("app", "NS/app"), ""},
		"with the mount in the key": {external("app", "secret/data/NS/app"), ""},
		"of another tree":           {external("app", "other/app"), `"secret/data/other/app" with role "reader" is not allowed`},
		"climbing out":              {external("app", "NS/../other/app"), `has a "." or ".." segment`},
		"find in the own tree":      {with(find, "PATH", "NS/deep"), ""},
		"find over everything":      {with(find, "PATH", "''"), "spec.dataFrom[0].find"},
		"ClusterSecretStore": {with(external("app", "other/app"), "secretStoreRef: {name: vault}", "secretStoreRef: {name: cluster-NS, kind: ClusterSecretStore}"),
			`"secret/data/other/app" with role "reader" is not allowed`},
		"ClusterExternalSecret": {`apiVersion: external-secrets.io/v1
kind: ClusterExternalSecret
metadata: {name: everywhere-NS}
spec:
  namespaces: [NS]
  externalSecretSpec: {secretStoreRef: {name: vault}, data: [{secretKey: a, remoteRef: {key: other/app}}]}`, `"secret/data/other/app" with role "reader" is not allowed`},
		"SecretStore of another role":    {store("evil", "admin"), `"admin"`},
		"of a server that nobody knows":  {with(store("evil", "reader"), vaultAddress, "https://evil.example"), "spec.provider.vault.server"},
		"with a header of Vault's":       {with(store("evil", "reader"), "path: secret", "path: secret\n      headers: {x-vault-namespace: admin}"), "spec.provider.vault.headers"},
		"PushSecret to its own tree":     {with(push, "KEY", "NS/pushed/app"), ""},
		"PushSecret to where one reads":  {with(push, "KEY", "NS/app"), `write`},
		"VaultDynamicSecret":             {with(generator, "GEN", "db", "PATH", "database/creds/NS", "METHOD", "GET", "ROLE", "reader"), ""},
		"VaultDynamicSecret that posts":  {with(generator, "GEN", "evil", "PATH", "database/creds/NS", "METHOD", "POST", "ROLE", "reader"), "write"},
		"VaultDynamicSecret of another":  {with(generator, "GEN", "evil", "PATH", "database/creds/other", "METHOD", "GET", "ROLE", "reader"), `"database/creds/other"`},
		"generator with another role":    {with(generator, "GEN", "evil", "PATH", "database/creds/NS", "METHOD", "GET", "ROLE", "admin"), `"admin"`},
		"a field that nobody knows":      {with(external("app", "NS/app"), "refreshPolicy: OnChange", "refreshPolicy: OnChange\n  remotePath: x"), "strict decoding error"},
		"another provider is admitted":   {"apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {name: fake, namespace: NS}\nspec: {provider: {fake: {data: [{key: a, value: b}]}}}", ""},
		"ClusterGenerator of any server": {"apiVersion: generators.external-secrets.io/v1alpha1\nkind: ClusterGenerator\nmetadata: {name: evil-NS}\nspec: {kind: VaultDynamicSecret, generator: {vaultDynamicSecretSpec: {path: database/creds/x, provider: {server: \"https://evil.example\", auth: {kubernetes: {mountPath: kubernetes, role: reader}}}}}}", "server"},
	}
	n := newTenant(t)
	n.apply(store("vault", "reader"), store("writer", "writer"), clusterStore)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			n := &tenant{world: n.world, t: t, ns: n.ns}
			if tc.told == "" {
				n.apply(tc.manifest)
				n.do(n.manifest(tc.manifest), "delete", "-f", "-")
				return
			}
			if told := n.refused(tc.manifest); !strings.Contains(told, tc.told) {
				t.Errorf("told %s", told)
			}
		})
	}
}
