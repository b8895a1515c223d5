package integration

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign/countersign/test/harness"
)

const vaultHead = "backendType: vault\nvaultRole: " + role + "\n"

// Bad input that kubectl shows: refused, with the field, and Vault hears of
// nothing.
func TestBadInputIsRefused(t *testing.T) {
	tests := map[string]struct{ spec, want string }{
		"path that is not canonical": {vaultHead + "dataFrom: [kubernetes//data/NS/app]",
			`the Vault path "kubernetes//data/NS/app" has an empty, "." or ".." segment`},
		"path with an escape": {vaultHead + "dataFrom: ['kubernetes/data/NS/%2e%2e/app']",
			`spec.dataFrom[0]: Invalid value: "kubernetes/data/NS/%2e%2e/app": not a canonical Vault path: segment "%2e%2e" has a character outside`},
		"path with the API prefix": {vaultHead + "dataFrom: [v1/kubernetes/data/NS/app]",
			`spec.dataFrom[0]: Invalid value: "v1/kubernetes/data/NS/app": not a canonical Vault path: it starts with the API prefix v1/; write "kubernetes/data/NS/app"`},
		"parent segment": {vaultHead + "data: [{name: a, key: kubernetes/data/NS/../other/app}]",
			`the Vault path "kubernetes/data/NS/../other/app" has an empty, "." or ".." segment`},
		"reserved path": {vaultHead + "dataFrom: [sys/health]",
			`the Vault path "sys/health" starts with sys, auth, identity or cubbyhole`},
		"reserved path behind a Vault namespace": {vaultHead + "dataFrom: [ns1/sys/health]",
			`spec.dataFrom[0]: Forbidden: "ns1/sys/health": "sys" is reserved by Vault and never readable, behind a Vault namespace neither`},
		"forbidden path": {vaultHead + "data: [{name: a, key: kubernetes/data/other/app}]",
			`spec.data[0].key: Forbidden: "kubernetes/data/other/app" with role "kubernetes-external-secrets" is not allowed in namespace "NS": no rule allows the path; allowed here: kubernetes/data/NS/*, legacy/NS/* with role "kubernetes-external-secrets" or "NS" (rule "countersign-policy/own-tree")`},
		"path of a deny rule": {vaultHead + "dataFrom: [kubernetes/data/NS/Break-Glass/app]",
			`spec.dataFrom[0]: Forbidden: "kubernetes/data/NS/Break-Glass/app" is denied by rule "countersign-policy/no-break-glass": ask platform-security`},
		"forbidden path beside a good one": {vaultHead + "dataFromWithOptions: [{key: kubernetes/data/NS/app}, {key: kubernetes/data/other/app}]",
			`spec.dataFromWithOptions[1].key: Forbidden: "kubernetes/data/other/app"`},
		"forbidden role": {"backendType: vault\nvaultRole: admin\ndataFrom: [kubernetes/data/NS/app]",
			`spec.dataFrom[0]: Forbidden: "kubernetes/data/NS/app" with role "admin" is not allowed in namespace "NS": rule "countersign-policy/own-tree" allows the path, but only with role "kubernetes-external-secrets" or "NS"`},
		"permitted roleArn over a forbidden role": {"backendType: vault\nroleArn: kubernetes-external-secrets\nvaultRole: admin\ndataFrom: [kubernetes/data/NS/app]",
			`with role "admin" is not allowed`},
		"forbidden auth mount": {vaultHead + "vaultMountPoint: kubernetes-eu\ndataFrom: [kubernetes/data/NS/app]",
			`rule "countersign-policy/own-tree" allows the path, but only with auth mount "kubernetes", not "kubernetes-eu"`},
		"missing role":           {"backendType: vault\ndataFrom: [kubernetes/data/NS/app]", `spec.vaultRole: Required value: name the Vault role; no default is configured`},
		"nothing asked":          {vaultHead + "data: []", "spec: Required value: ask for at least one value"},
		"unknown backend":        {"backendType: valt\ndataFrom: [a]", `spec.backendType: Unsupported value: "valt": supported values: "secretsManager"`},
		"no backend":             {"dataFrom: [a]", "spec.backendType: Required value"},
		"unknown field":          {vaultHead + "dataFrom: [kubernetes/data/NS/app]\nvaultRoles: x", `strict decoding error: unknown field "spec.vaultRoles"`},
		"other KV version":       {vaultHead + "kvVersion: 3\ndataFrom: [kubernetes/data/NS/app]", "spec.kvVersion: Invalid value: 3"},
		"key of a Secret":        {vaultHead + "data: [{name: 'a b', key: kubernetes/data/NS/app}]", `spec.data[0].name: Invalid value: "a b": a valid config key must consist of`},
		"template with a number": {vaultHead + "dataFrom: [kubernetes/data/NS/app]\ntemplate: {metadata: {annotations: {commit-hash: 1234567}}}", "spec.template.metadata.annotations[commit-hash]: Invalid value: \"\": write a string; numbers, booleans and null need quotes"},
		"template with a loop":   {vaultHead + "dataFrom: [kubernetes/data/NS/app]\ntemplate: {stringData: {a: '<% for (;;) {} %>'}}", "spec.template.stringData[a]: Forbidden: 1:1: statements in <% %> are not supported"},
		"template of metadata":   {vaultHead + "dataFrom: [kubernetes/data/NS/app]\ntemplate: {metadata: {annotations: {a: '<%= data.x %>'}}}", "spec.template.metadata.annotations.a: Forbidden: template expressions (<% %> and ${ }) work under data and stringData only"},
		"ServiceAccount token":   {vaultHead + "dataFrom: [kubernetes/data/NS/app]\ntemplate: {type: kubernetes.io/service-account-token}", "spec.template.type: Forbidden"},
	}
	n := newTenant(t)
	mark := n.mark()
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			n := &tenant{world: n.world, t: t, ns: n.ns}
			if told := n.refused("bad", tc.spec); !strings.Contains(told, tc.want) {
				t.Errorf("kubectl said\n%s\nwant\n%s", told, tc.want)
			}
			n.hasNoSecret("bad")
		})
	}
	n.wantRequests(mark, harness.Counts{})
}

// Bad input that only Vault's answer shows: told in the status, with the field,
// and the Secret that stood there stays as it was.
func TestBadInputIsToldInTheStatus(t *testing.T) {
	tests := map[string]struct{ spec, reason, want string }{
		"property that is not there": {vaultHead + "data: [{name: a, key: kubernetes/data/NS/app, property: nope}]", "InvalidValue",
			`spec.data[0].property: Invalid value: "nope": no such field in "kubernetes/data/NS/app"`},
		"KV v1 read as v2": {vaultHead + "dataFrom: [legacy/NS/app]", "InvalidValue",
			`spec.kvVersion: Invalid value: 2: "legacy/NS/app" is not answered by a KV v2 engine; write kvVersion: 1`},
		"KV v2 read as v1": {vaultHead + "kvVersion: 1\ndataFrom: [kubernetes/data/NS/app]", "InvalidValue",
			`spec.kvVersion: Invalid value: 1: "kubernetes/data/NS/app" is answered by a KV v2 engine; write kvVersion: 2, or leave it out`},
		"binary that is not base64": {vaultHead + "data: [{name: a, key: kubernetes/data/NS/app, property: text, isBinary: true}]", "InvalidValue",
			"spec.data[0].isBinary: Invalid value: true: the value is not base64: illegal base64 data at input byte 0"},
		"path where nothing is": {vaultHead + "dataFrom: [kubernetes/data/NS/nothing]", "VaultNotFound",
			"spec.dataFrom[0]: kubernetes/data/NS/nothing: nothing is there, or the version is deleted"},
		"role that Vault does not know": {"backendType: vault\nvaultRole: NS\ndataFrom: [kubernetes/data/NS/app]", "VaultLoginRefused",
			`spec.dataFrom[0]: auth/kubernetes/login: Vault answered 400: invalid role name "NS"`},
		"one good value beside a bad one": {vaultHead + "dataFrom: [kubernetes/data/NS/app, kubernetes/data/NS/nothing]", "VaultNotFound",
			"spec.dataFrom[1]: kubernetes/data/NS/nothing: nothing is there, or the version is deleted"},
	}
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"text": "@@"})
	n.put("legacy", "app", map[string]any{"text": "x"})
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			n := &tenant{world: n.world, t: t, ns: n.ns}
			object := strings.ReplaceAll(strings.ToLower(name), " ", "-")
			n.apply(object, vaultHead+"dataFrom: [kubernetes/data/NS/app]")
			n.awaitSynced(object)
			before := n.secret(object)
			n.apply(object, tc.spec)
			failed := n.awaitReason(object, tc.reason)
			if got, want := strings.ReplaceAll(failed.Status.Status, n.ns, "NS"), "ERROR, "+tc.want; got != want {
				t.Errorf("status\n%s\nwant\n%s", got, want)
			}
			if diff := cmp.Diff(before, n.secret(object)); diff != "" {
				t.Errorf("the Secret was touched: %s", diff)
			}
			n.do("", "delete", "externalsecret", object, "-n", n.ns)
		})
	}
}

// A Secret of the same name that belongs to someone else is untouched, and
// Vault is not even asked.
func TestBadInputSecretOfSomebodyElse(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	foreign := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: n.ns, Name: "app"}, StringData: map[string]string{"mine": "x"}}
	if err := n.env.Client.Create(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	before := n.secret("app")
	mark := n.mark()
	n.apply("app", vaultHead+"dataFrom: [kubernetes/data/NS/app]")
	waiting := n.awaitReason("app", "SecretNotOwned")
	if !strings.Contains(waiting.Status.Status, "annotate the Secret with countersign.dev/adopt=app to hand it over") {
		t.Errorf("status %s", waiting.Status.Status)
	}
	if diff := cmp.Diff(before, n.secret("app")); diff != "" {
		t.Errorf("the Secret was touched: %s", diff)
	}
	n.wantRequests(mark, harness.Counts{})
	// Handed over, it is synced, and keeps what was its own.
	n.do("", "annotate", "secret", "app", "-n", n.ns, "countersign.dev/adopt=app")
	n.awaitSynced("app")
	if diff := cmp.Diff(map[string]string{"a": "1", "mine": "x"}, n.data("app")); diff != "" {
		t.Error(diff)
	}
}
