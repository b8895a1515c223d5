package v1

import (
	"encoding/base64"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A store by itself asks for the login, and must not leave the operator's
// Vaults.
func TestStoreClaims(t *testing.T) {
	const path = `, "path": "secret", `
	auth := func(methods string) string { return server + path + `"auth": {` + methods + `}` }
	eu := func(more string) string {
		return `"server": "https://vault-eu.example", "namespace": "org", ` + kubernetes + more
	}
	bundle := func(pem string) string {
		return `, "caBundle": "` + base64.StdEncoding.EncodeToString([]byte(pem)) + `"`
	}
	const at = "spec.provider.vault.auth: team-a default/ "
	const no = "  spec.provider.vault."
	const known = `: no Vault that the operators have configured; write https://vault.example:8200 (Vault "default") or https://vault-eu.example (Vault "eu")`
	badServer := func(server string) []string { return []string{no + `server: Invalid value: "` + server + `"` + known} }
	withServer := func(server string) string { return `"server": "` + server + `", ` + kubernetes }
	tests := map[string]struct {
		provider string
		want     []string
	}{
		"kubernetes":                    {kv2, []string{at + "kubernetes@kubernetes reader login"}},
		"kubernetes, defaults":          {auth(`"kubernetes": {}`), []string{at + "kubernetes@kubernetes  login"}},
		"kubernetes, ServiceAccount":    {auth(`"kubernetes": {"role": "r", "mountPath": "k8s/eu", "serviceAccountRef": {"name": "sa", "audiences": ["vault"]}}`), []string{at + "kubernetes@k8s/eu r as /sa login"}},
		"kubernetes, of another":        {auth(`"kubernetes": {"role": "r", "serviceAccountRef": {"name": "sa", "namespace": "team-b"}}`), []string{at + "kubernetes@kubernetes r as /sa login"}},
		"kubernetes, audience":          {auth(`"kubernetes": {"role": "r", "serviceAccountRef": {"name": "sa", "audiences": ["vault", "sts.amazonaws.com"]}}`), []string{no + `auth.kubernetes: Invalid value: "sts.amazonaws.com": tokens for this Vault have the audience "vault"; write that one and no other`}},
		"kubernetes, mount that leaves": {auth(`"kubernetes": {"role": "r", "mountPath": "../sys"}`), []string{no + `auth.kubernetes: Invalid value: "auth/../sys/login": not the path of a login; write the mount, and the user name if there is one, without slashes around it`}},
		"token":                         {auth(`"tokenSecretRef": {"name": "t", "key": "t"}`), []string{at + "token@token token:token login"}},
		"AppRole":                       {auth(`"appRole": {"path": "approle-eu", "roleId": "x", "secretRef": {"name": "s"}}`), []string{at + "approle@approle-eu approle:approle-eu login"}},
		"LDAP":                          {auth(`"ldap": {"path": "ldap", "username": "me@example.com"}`), []string{at + "ldap@ldap ldap:ldap login"}},
		"LDAP, user name that leaves":   {auth(`"ldap": {"path": "ldap", "username": "../../../sys/seal"}`), []string{no + `auth.ldap: Invalid value: "auth/ldap/login/../../../sys/seal": not the path of a login; write the mount, and the user name if there is one, without slashes around it`}},
		"userpass":                      {auth(`"userPass": {"username": "me"}`), []string{at + "userpass@userpass userpass:userpass login"}},
		"JWT":                           {auth(`"jwt": {"path": "jwt", "role": " r ", "secretRef": {"name": "s"}}`), []string{at + "jwt@jwt r login"}},
		"JWT, ServiceAccount":           {auth(`"jwt": {"role": "r", "kubernetesServiceAccountToken": {"serviceAccountRef": {"name": "sa"}}}`), []string{at + "jwt@jwt r as /sa login"}},
		"JWT, audience":                 {auth(`"jwt": {"role": "r", "kubernetesServiceAccountToken": {"serviceAccountRef": {"name": "sa"}, "audiences": ["https://kubernetes.default"]}}`), []string{no + `auth.jwt: Invalid value: "https://kubernetes.default": tokens for this Vault have the audience "vault"; write that one and no other`}},
		"JWT, audience of ESO":          {`"server": "https://vault-eu.example", "namespace": "org", "auth": {"jwt": {"role": "r", "kubernetesServiceAccountToken": {"serviceAccountRef": {"name": "sa"}}}}`, []string{no + `auth.jwt: Invalid value: "vault": tokens for this Vault have the audience "vault-eu"; write that one and no other`}},
		"certificate":                   {auth(`"cert": {"clientCert": {"name": "c"}}`), []string{at + "cert@cert cert:cert login"}},
		"certificate, role":             {auth(`"cert": {"path": "c", "vaultRole": "r"}`), []string{at + "cert@c r login"}},
		"AWS":                           {auth(`"iam": {"vaultRole": "r", "role": "arn", "jwt": {"serviceAccountRef": {"name": "sa", "audiences": ["sts"]}}}`), []string{at + "aws@aws r as /sa login"}},
		"AWS, ESO's own":                {auth(`"iam": {"vaultRole": "r", "jwt": {}}`), []string{at + "aws@aws r login"}},
		"Google":                        {auth(`"gcp": {"role": "r", "serviceAccountRef": {"name": "sa"}, "workloadIdentity": {"serviceAccountRef": {"name": "wi"}}}`), []string{at + "gcp@gcp r as /wi login"}},
		"no method":                     {server + path + `"auth": {}`, []string{no + "auth: Required value: name an auth method; ESO would send whatever token it happens to have"}},
		"no auth":                       {server, []string{no + "auth: Required value: name an auth method; ESO would send whatever token it happens to have"}},
		"methods":                       {auth(`"tokenSecretRef": {}, "kubernetes": {"role": "r"}, "gcp": {}`), []string{no + "auth.kubernetes: Forbidden: one auth method only; leave out the others", no + "auth.gcp: Forbidden: one auth method only; leave out the others"}},
		"a later method":                {auth(`"kubernetes": {"role": "r"}, "oci": {"role": "r"}`), []string{no + "auth.oci: Forbidden: Countersign does not know this field, so it may name a Vault path or role; leave it out, or ask the operators of Countersign to update it"}},
		"a field of other case":         {auth(`"kubernetes": {"role": "r"}`) + `, "Namespace": "x"`, []string{no + "Namespace: Forbidden: Countersign does not know this field, so it may name a Vault path or role; leave it out, or ask the operators of Countersign to update it"}},
		"Vault namespaces":              {server + `, "namespace": "a/b", "auth": {"namespace": "a", "kubernetes": {"role": "r"}}`, []string{"spec.provider.vault.auth: team-a default/a/b kubernetes@kubernetes r login", "spec.provider.vault.auth: team-a default/a kubernetes@kubernetes r login"}},
		"one Vault namespace":           {server + `, "namespace": "a", "auth": {"namespace": "a", "kubernetes": {"role": "r"}}`, []string{"spec.provider.vault.auth: team-a default/a kubernetes@kubernetes r login"}},
		"login at the root":             {server + `, "namespace": "a", "auth": {"namespace": "", "kubernetes": {"role": "r"}}`, []string{"spec.provider.vault.auth: team-a default/a kubernetes@kubernetes r login", "spec.provider.vault.auth: team-a default/ kubernetes@kubernetes r login"}},

		"the server, spelt otherwise": {withServer("HTTPS://Vault.Example:8200/"), []string{at + "kubernetes@kubernetes reader login"}},
		"the port that is meant":      {withServer("https://vault-eu.example:443"), []string{"spec.provider.vault.auth: team-a eu/ kubernetes@kubernetes reader login"}},
		"another server":              {withServer("https://evil.example:8200"), badServer("https://evil.example:8200")},
		"another port":                {withServer("https://vault.example:8201"), badServer("https://vault.example:8201")},
		"no port":                     {withServer("https://vault.example"), badServer("https://vault.example")},
		"without TLS":                 {withServer("http://vault.example:8200"), badServer("http://vault.example:8200")},
		"a server as user":            {withServer("https://vault.example:8200@evil.example"), badServer("https://vault.example:8200@evil.example")},
		"a path":                      {withServer("https://vault.example:8200/v1/sys"), badServer("https://vault.example:8200/v1/sys")},
		"a query":                     {withServer("https://vault.example:8200?"), badServer("https://vault.example:8200?")},
		"a fragment":                  {withServer("https://vault.example:8200#x"), badServer("https://vault.example:8200#x")},
		"a suffix":                    {withServer("https://vault.example.evil.example:8200"), badServer("https://vault.example.evil.example:8200")},
		"a dot":                       {withServer("https://vault.example.:8200"), badServer("https://vault.example.:8200")},
		"a socket":                    {withServer("unix:///var/run/vault.sock"), badServer("unix:///var/run/vault.sock")},
		"no server":                   {kubernetes, badServer("")},
		"headers":                     {kv2 + `, "headers": {"X-Team": "a", "User-Agent": "eso", "X-Request-Id": "1"}`, []string{at + "kubernetes@kubernetes reader login"}},
		"headers that Vault obeys":    {kv2 + `, "headers": {"x-vault-namespace": "a", "X-VAULT-Token": "b"}`, []string{no + "headers[X-VAULT-Token]: Forbidden: a store may not send this header; leave it out", no + "headers[x-vault-namespace]: Forbidden: a store may not send this header; leave it out"}},
		"headers that are a token":    {kv2 + `, "headers": {"authorization": "Bearer x", "Cookie": "a"}`, []string{no + "headers[Cookie]: Forbidden: a store may not send this header; leave it out", no + "headers[authorization]: Forbidden: a store may not send this header; leave it out"}},
		"headers of the connection":   {kv2 + `, "headers": {"Host": "evil", "X-Forwarded-For": "10.0.0.1", "X-HTTP-Method-Override": "PUT"}`, []string{no + "headers[Host]: Forbidden: a store may not send this header; leave it out", no + "headers[X-Forwarded-For]: Forbidden: a store may not send this header; leave it out", no + "headers[X-HTTP-Method-Override]: Forbidden: a store may not send this header; leave it out"}},
		"headers that are none":       {kv2 + `, "headers": {"X-Vault-Token ": "a", "": "b"}`, []string{no + "headers[]: Forbidden: a store may not send this header; leave it out", no + "headers[X-Vault-Token ]: Forbidden: a store may not send this header; leave it out"}},
		"the CA":                      {eu(bundle(certificateA)), []string{"spec.provider.vault.auth: team-a eu/org kubernetes@kubernetes reader login"}},
		"the CA, Base64 twice":        {eu(bundle(base64.StdEncoding.EncodeToString([]byte(certificateA)))), []string{"spec.provider.vault.auth: team-a eu/org kubernetes@kubernetes reader login"}},
		"a CA besides":                {eu(bundle(certificateA + certificateB)), []string{no + "caBundle: Forbidden: it is, or has, another certificate than the operators trust for this Vault; leave out the others"}},
		"no CA":                       {eu(bundle("nothing")), []string{no + "caBundle: Forbidden: it is, or has, another certificate than the operators trust for this Vault; leave out the others"}},
		"a CA where none is known":    {kv2 + bundle(certificateB), []string{at + "kubernetes@kubernetes reader login"}},
		"a CA of the namespace":       {kv2 + `, "caProvider": {"type": "ConfigMap", "name": "ca", "key": "ca", "namespace": "team-a"}`, []string{at + "kubernetes@kubernetes reader login"}},
		"a CA of another namespace":   {kv2 + `, "caProvider": {"type": "ConfigMap", "name": "ca", "namespace": "team-b"}`, []string{no + `caProvider.namespace: Invalid value: "team-b": only a ClusterSecretStore may name another namespace; leave it out`}},
		"what changes nothing":        {kv2 + `, "tls": {"certSecretRef": {"name": "x"}}, "readYourWrites": true, "forwardInconsistent": true, "checkAndSet": {"required": true}`, []string{at + "kubernetes@kubernetes reader login"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			claims, err := decode(t, store("vault", tc.provider)).Claims(t.Context(), worldOf(t))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, show(claims)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A store of the whole cluster may name namespaces, and is only refused for
// what no object could use it with.
func TestClusterStoreClaims(t *testing.T) {
	account := func(namespace string) string {
		return server + `, "path": "secret", "caProvider": {"namespace": "anywhere"}, "auth": {"kubernetes": {"role": "r", "serviceAccountRef": {"name": "sa"` + namespace + `}}}`
	}
	user := externalSecret(`"secretStoreRef": {"name": "s", "kind": "ClusterSecretStore"}, "data": [{"remoteRef": {"key": "x"}}]`)
	tests := map[string]struct {
		provider string
		// alone and used are what it comes to.
		alone, used []string
	}{
		"whoever uses it": {account(""), nil, []string{"spec.secretStoreRef: team-a default/ kubernetes@kubernetes r as /sa", `  spec.data[0].remoteRef.key: "secret/data/x"`}},
		"one for all":     {account(`, "namespace": "vault-logins"`), nil, []string{"spec.secretStoreRef: team-a default/ kubernetes@kubernetes r as vault-logins/sa", `  spec.data[0].remoteRef.key: "secret/data/x"`}},
		"the user's own":  {account(`, "namespace": "team-a"`), nil, []string{"spec.secretStoreRef: team-a default/ kubernetes@kubernetes r as /sa", `  spec.data[0].remoteRef.key: "secret/data/x"`}},
		"no auth": {server, []string{"  spec.provider.vault.auth: Required value: name an auth method; ESO would send whatever token it happens to have"},
			[]string{`  spec.secretStoreRef: Forbidden: ClusterSecretStore "s": spec.provider.vault.auth: Required value: name an auth method; ESO would send whatever token it happens to have`}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			around := worldOf(t, clusterStore("s", tc.provider))
			alone, err := around.objects[0].Claims(t.Context(), around)
			if err != nil {
				t.Fatal(err)
			}
			used, err := decode(t, user).Claims(t.Context(), around)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([][]string{tc.alone, tc.used}, [][]string{show(alone), show(used)}); diff != "" {
				t.Error(diff)
			}
		})
	}
}
