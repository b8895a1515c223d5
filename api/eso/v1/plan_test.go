package v1

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/api"
)

// oursStore is of the class that Countersign syncs.
func oursStore(text string) string {
	return strings.Replace(text, `"spec": {`, `"spec": {"controller": "countersign", `, 1)
}

func oursCluster(name, more string) string {
	text := clusterStore(name, server+`, "path": "shared", "auth": {"appRole": {"roleId": " id ", "secretRef": {"name": "s", "key": "k", "namespace": "vault-auth"}}}`)
	return strings.Replace(text, `"spec": {`, `"spec": {"controller": "countersign", `+more, 1)
}

// synced decodes an ExternalSecret.
func synced(t testing.TB, text string) *ExternalSecret {
	t.Helper()
	object, ok := decode(t, text).(*ExternalSecret)
	if !ok {
		t.Fatalf("no ExternalSecret: %s", text)
	}
	return object
}

// Who syncs an object is what its stores say; what Countersign syncs is refused
// where it cannot be done.
func TestPlan(t *testing.T) {
	stores := []string{
		oursStore(store("vault", kv2)), store("of-eso", kv2), oursCluster("shared", ""),
		oursCluster("not-here", `"conditions": [{"namespaces": ["team-b"]}], `), oursCluster("here", `"conditions": [{"namespaceRegexes": ["^team-a$"]}], `),
		oursStore(store("ldap", server+`, "path": "secret", "auth": {"ldap": {"username": "u"}}`)),
		oursStore(store("headers", kv2+`, "headers": {"x-a": "b"}, "tls": {"certSecretRef": {"name": "c"}}`)),
	}
	const data = `"data": [{"secretKey": "a", "remoteRef": {"key": "a"}}]`
	const login = "spec.secretStoreRef: team-a default/ kubernetes@kubernetes reader"
	ref := func(name string) string { return `"secretStoreRef": {"name": "` + name + `"}, ` }
	cluster := func(name string) string {
		return `"secretStoreRef": {"kind": "ClusterSecretStore", "name": "` + name + `"}, `
	}
	tests := map[string]struct {
		spec string
		want []string
	}{
		"ours":        {ref("vault") + data, []string{login, `  spec.data[0].remoteRef.key: "secret/data/a"`}},
		"ESO's":       {ref("of-eso") + data, nil},
		"nobody's":    {ref("none") + data, nil},
		"of cluster":  {cluster("shared") + data, []string{"spec.secretStoreRef: team-a default/ approle@approle approle:approle", `  spec.data[0].remoteRef.key: "shared/data/a"`}},
		"two classes": {ref("vault") + `"data": [{"secretKey": "a", "remoteRef": {"key": "a"}}, {"secretKey": "b", "remoteRef": {"key": "b"}, "sourceRef": {"storeRef": {"name": "of-eso"}}}]`, []string{login, `  spec.data[0].remoteRef.key: "secret/data/a"`, `  spec.data[1].sourceRef.storeRef: Forbidden: SecretStore "of-eso" is not of the class "countersign" as the others are; an object has one controller`}},
		"one is gone": {ref("vault") + `"data": [{"secretKey": "a", "remoteRef": {"key": "a"}}, {"secretKey": "b", "remoteRef": {"key": "b"}, "sourceRef": {"storeRef": {"name": "none"}}}]`, []string{login, `  spec.data[0].remoteRef.key: "secret/data/a"`, `  spec.data[1].sourceRef.storeRef: Not found: "SecretStore \"none\"; create it"`}},

		"conditions of another": {cluster("not-here") + data, []string{`  spec.secretStoreRef: Forbidden: the conditions of ClusterSecretStore "not-here" do not let namespace "team-a" use it`, "spec.secretStoreRef: team-a default/ approle@approle approle:approle", `  spec.data[0].remoteRef.key: "shared/data/a"`}},
		"conditions":            {cluster("here") + data, []string{"spec.secretStoreRef: team-a default/ approle@approle approle:approle", `  spec.data[0].remoteRef.key: "shared/data/a"`}},

		"a method that it lacks": {ref("ldap") + data, []string{`  spec.secretStoreRef: Forbidden: SecretStore "ldap": spec.provider.vault.auth.ldap: Forbidden: Countersign logs in with kubernetes, appRole, jwt, cert or tokenSecretRef; choose one, or leave the store to External Secrets Operator`}},
		"headers and a certificate": {ref("headers") + data, []string{`  spec.secretStoreRef: Forbidden: SecretStore "headers": spec.provider.vault.headers: Forbidden: Countersign sends no headers of a store; leave them out, or leave the store to External Secrets Operator`,
			`  spec.secretStoreRef: Forbidden: SecretStore "headers": spec.provider.vault.tls: Forbidden: the operators of Countersign configure its client certificate; leave it out`}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			plan, err := synced(t, externalSecret(tc.spec)).Plan(t.Context(), worldOf(t, stores...))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			if plan != nil {
				got = show(plan.Claims)
				if len(plan.Logins) != len(plan.Claims) {
					t.Errorf("%d logins for %d claims", len(plan.Logins), len(plan.Claims))
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A plan says when the values are read again, and how the Secret is written.
func TestPlanOfTheTarget(t *testing.T) {
	const ref = `"secretStoreRef": {"name": "vault"}, "data": [{"secretKey": "a", "remoteRef": {"key": "a"}}], `
	tests := map[string]struct {
		spec     string
		interval time.Duration
		target   api.Target
	}{
		"as ESO's CRD fills in":   {`"refreshInterval": "1h0m0s", "target": {"creationPolicy": "Owner"}`, 0, api.Target{}},
		"polled":                  {`"refreshPolicy": "Periodic", "refreshInterval": "1h0m0s"`, time.Hour, api.Target{}},
		"polled without end":      {`"refreshPolicy": "Periodic", "refreshInterval": "1ms"`, time.Second, api.Target{}},
		"interval 0":              {`"refreshPolicy": "Periodic", "refreshInterval": "0s"`, 0, api.Target{}},
		"once":                    {`"refreshPolicy": "CreatedOnce", "refreshInterval": "1h"`, 0, api.Target{}},
		"immutable is not polled": {`"refreshPolicy": "Periodic", "refreshInterval": "1h", "target": {"immutable": true}`, 0, api.Target{Keep: true}},
		"orphan":                  {`"target": {"creationPolicy": "Orphan"}`, 0, api.Target{Creation: api.CreateOrphan}},
		"merge":                   {`"target": {"creationPolicy": "Merge"}`, 0, api.Target{Creation: api.MergeOnly}},
		"merge or create":         {`"target": {"creationPolicy": "CreateOrMerge"}`, 0, api.Target{Creation: api.MergeOrCreate}},
		"none":                    {`"target": {"creationPolicy": "None"}`, 0, api.Target{Creation: api.CreateNone}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			plan, err := synced(t, externalSecret(ref+tc.spec)).Plan(t.Context(), worldOf(t, oursStore(store("vault", kv2))))
			if err != nil || plan == nil {
				t.Fatal(plan, err)
			}
			tc.target.Predecessor = "externalsecrets.external-secrets.io/app"
			if plan.Interval != tc.interval {
				t.Errorf("read again in %v, want %v", plan.Interval, tc.interval)
			}
			if diff := cmp.Diff(tc.target, plan.Target); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What ESO's users do to have an object read again is heeded, and a store that
// changes too; other annotations are not.
func TestPlanVersion(t *testing.T) {
	const spec = `"secretStoreRef": {"name": "vault"}, "data": [{"secretKey": "a", "remoteRef": {"key": "a"}}]`
	version := func(annotations, meta string) api.Version {
		text := strings.Replace(externalSecret(spec), `"name": "app"`, `"name": "app", "annotations": {`+annotations+`}`, 1)
		object := synced(t, text)
		around := strings.Replace(oursStore(store("vault", kv2)), `"name": "vault"`, `"name": "vault"`+meta, 1)
		plan, err := object.Plan(t.Context(), worldOf(t, around))
		if err != nil || plan == nil {
			t.Fatal(plan, err)
		}
		return plan.Version(object)
	}
	before := version("", "")
	tests := map[string]struct {
		annotations, store string
		anew               bool
	}{
		"nothing":                   {"", "", false},
		"another annotation":        {`"a": "b"`, "", false},
		"resync":                    {`"countersign.dev/resync": "1"`, "", true},
		"force-sync":                {`"force-sync": "1"`, "", true},
		"force-sync of the cluster": {`"external-secrets.io/force-sync": "1"`, "", true},
		"store changed":             {"", `, "generation": 2`, true},
		"store made anew":           {"", `, "uid": "other"`, true},
		"store labelled":            {"", `, "resourceVersion": "9"`, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := version(tc.annotations, tc.store); (got != before) != tc.anew {
				t.Errorf("before %+v, now %+v", before, got)
			}
		})
	}
}

// Credentials are those of the store's namespace, or of the one that the object
// is in; only a ClusterSecretStore may name another.
func TestLogins(t *testing.T) {
	own := func(name, key string) api.SecretKey { return api.SecretKey{Namespace: "team-a", Name: name, Key: key} }
	tests := map[string]struct {
		auth    string
		cluster bool
		want    api.Login
	}{
		"kubernetes": {`"kubernetes": {"role": "r"}`, false, api.Login{Method: "kubernetes", Mount: "kubernetes", Role: "r"}},
		"ServiceAccount": {`"kubernetes": {"role": "r", "mountPath": "k8s", "serviceAccountRef": {"name": "sa"}}`, false, func() api.Login {
			login := api.Login{Method: "kubernetes", Mount: "k8s", Role: "r"}
			login.Identity.Namespace, login.Identity.Name = "team-a", "sa"
			return login
		}()},
		"ServiceAccount of another": {`"kubernetes": {"role": "r", "serviceAccountRef": {"name": "sa", "namespace": "ops"}}`, true, func() api.Login {
			login := api.Login{Method: "kubernetes", Mount: "kubernetes", Role: "r"}
			login.Identity.Namespace, login.Identity.Name = "ops", "sa"
			return login
		}()},
		"token of a ServiceAccount": {`"kubernetes": {"role": "r", "secretRef": {"name": "s"}}`, false, api.Login{Method: "kubernetes", Mount: "kubernetes", Role: "r", SecretRef: own("s", "token")}},
		"token":                     {`"tokenSecretRef": {"name": "s", "key": "k"}`, false, api.Login{Method: "token", Mount: "token", SecretRef: own("s", "k")}},
		"token of another":          {`"tokenSecretRef": {"name": "s", "key": "k", "namespace": "ops"}`, true, api.Login{Method: "token", Mount: "token", SecretRef: api.SecretKey{Namespace: "ops", Name: "s", Key: "k"}}},
		"AppRole":                   {`"appRole": {"path": "a", "roleRef": {"name": "r", "key": "id"}, "secretRef": {"name": "s", "key": "k"}}`, false, api.Login{Method: "approle", Mount: "a", IDRef: own("r", "id"), SecretRef: own("s", "k")}},
		"AppRole, written out":      {`"appRole": {"roleId": " id ", "secretRef": {"name": "s", "key": "k"}}`, false, api.Login{Method: "approle", Mount: "approle", ID: "id", SecretRef: own("s", "k")}},
		"JWT":                       {`"jwt": {"role": " r ", "secretRef": {"name": "s", "key": "k"}}`, false, api.Login{Method: "jwt", Mount: "jwt", Role: "r", SecretRef: own("s", "k")}},
		"certificate":               {`"cert": {"vaultRole": "r", "clientCert": {"name": "c", "key": "tls.crt"}, "secretRef": {"name": "c", "key": "tls.key"}}`, false, api.Login{Method: "cert", Mount: "cert", Role: "r", CertRef: own("c", "tls.crt"), SecretRef: own("c", "tls.key")}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			made, kind := store, "SecretStore"
			if tc.cluster {
				made, kind = clusterStore, "ClusterSecretStore"
			}
			around := worldOf(t, oursStore(made("vault", server+`, "path": "secret", "auth": {`+tc.auth+`}`)))
			object := synced(t, externalSecret(fmt.Sprintf(`"secretStoreRef": {"name": "vault", "kind": %q}, "data": [{"secretKey": "a", "remoteRef": {"key": "a"}}]`, kind)))
			plan, err := object.Plan(t.Context(), around)
			if err != nil || plan == nil {
				t.Fatal(plan, err)
			}
			if diff := cmp.Diff([]api.Login{tc.want}, plan.Logins); diff != "" {
				t.Errorf("%s\n%v", diff, show(plan.Claims))
			}
		})
	}
}

// What a login lacks is told where it lacks it.
func TestLoginProblems(t *testing.T) {
	tests := map[string]struct{ auth, want string }{
		"token":            {`"tokenSecretRef": {"name": "s"}`, "tokenSecretRef.key: Required value: name the key in the Secret"},
		"token of another": {`"tokenSecretRef": {"name": "s", "key": "k", "namespace": "ops"}`, `tokenSecretRef.namespace: Invalid value: "ops": only a ClusterSecretStore may name another namespace than "team-a"; leave it out`},
		"no role ID":       {`"appRole": {"secretRef": {"name": "s", "key": "k"}}`, "appRole.roleRef.name: Required value: name the Secret"},
		"no secret ID":     {`"appRole": {"roleId": "x"}`, "appRole.secretRef.name: Required value: name the Secret"},
		"no JWT":           {`"jwt": {"role": "r"}`, "jwt.secretRef.name: Required value: name the Secret"},
		"no key":           {`"cert": {"clientCert": {"name": "c", "key": "k"}}`, "cert.secretRef.name: Required value: name the Secret"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			made, ok := decode(t, oursStore(store("vault", server+`, "path": "secret", "auth": {`+tc.auth+`}`))).(*SecretStore)
			if !ok {
				t.Fatal("no SecretStore")
			}
			claims, err := made.Claims(t.Context(), worldOf(t))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"  spec.provider.vault.auth." + tc.want}, show(claims)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
