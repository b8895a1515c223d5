package synceso

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/countersign/countersign/test/harness"
)

// ofESO is the store without the class.
func (n *tenant) ofESO(name string) string {
	return strings.Replace(n.store(name), "  controller: countersign\n", "", 1)
}

// wantUnread by Vault's word, once another object was synced after all that came
// before.
func (n *tenant) wantUnread(since harness.Mark, object, probe string) {
	n.t.Helper()
	n.put(n.ns+"/"+probe, map[string]any{"a": probe})
	n.apply(n.store(probe), external(probe, probe, "NS/"+probe, ""))
	n.awaitValue(probe, "a", probe)
	for _, entry := range n.requestsSince(since) {
		if entry.Object == n.ns+"/"+object {
			n.t.Errorf("Vault was asked for %s", entry.Path)
		}
	}
}

// A store may come after its objects, and nothing is lost when it goes.
func TestStoresComeAndGo(t *testing.T) {
	n := newTenant(t)
	n.put(n.ns+"/app", map[string]any{"a": "1"})
	n.apply(external("app", "late", "NS/app", ""))
	n.apply(n.store("late"))
	n.awaitValue("app", "a", "1")
	n.awaitReady("app", "SecretSynced", "secret synced")

	mark := n.mark()
	n.do("", "delete", "secretstores.external-secrets.io", "late", "-n", n.ns)
	n.wantUnread(mark, "app", "probe-deleted")
	n.awaitValue("app", "a", "1")
}

// The class decides who syncs, whenever it changes; an object has one controller.
func TestClassSwitches(t *testing.T) {
	n := newTenant(t)
	n.put(n.ns+"/app", map[string]any{"a": "1"})
	n.apply(n.ofESO("vault"), external("app", "vault", "NS/app", ""))
	mark := n.mark()
	n.wantUnread(mark, "app", "probe-eso")
	if err := n.get(t.Context(), "app", &corev1.Secret{}); !apierrors.IsNotFound(err) {
		t.Errorf("a Secret of ESO's: %v", err)
	}
	n.apply(n.store("vault"))
	secret := n.awaitValue("app", "a", "1")
	n.apply(n.ofESO("vault"))
	n.put(n.ns+"/app", map[string]any{"a": "2"})
	n.do("", "delete", "secret", "app", "-n", n.ns)
	mark = n.mark()
	n.annotate("app", "force-sync=1")
	n.wantUnread(mark, "app", "probe-back")
	if err := n.get(t.Context(), "app", &corev1.Secret{}); !apierrors.IsNotFound(err) {
		t.Errorf("a Secret of ESO's was restored: %v", err)
	}
	n.apply(n.store("vault"))
	if again := n.awaitValue("app", "a", "2"); again.UID == secret.UID {
		t.Error("it was deleted")
	}
	n.apply(n.ofESO("theirs"))
	told := n.refused(external("mixed", "vault", "NS/app", "data: [{secretKey: x, remoteRef: {key: NS/app}, sourceRef: {storeRef: {name: theirs}}}]"))
	if want := `SecretStore "theirs" is not of the class "countersign" as the others are; an object has one controller`; !strings.Contains(told, want) {
		t.Errorf("told %s", told)
	}
}

// refused applies what must not pass and returns what the user is told.
func (n *tenant) refused(manifest string) string {
	n.t.Helper()
	output, err := n.env.Kubectl(n.t.Context(), n.text(manifest), "apply", "-f", "-")
	if err != nil || output.ExitCode == 0 {
		n.t.Fatalf("admitted: %v %s", err, manifest)
	}
	return strings.ReplaceAll(output.Stderr, n.ns, "NS")
}

// What cannot be done is refused at admission, and says what to do instead.
func TestRefusedAtAdmission(t *testing.T) {
	n := newTenant(t)
	n.apply(n.store("vault"))
	server := n.env.Vault.Addr
	provider := func(more string) string {
		return strings.Replace(n.store("refused"), "path: secret, ", "path: secret, "+more+", ", 1)
	}
	object := func(more string) string { return external("refused", "vault", "NS/app", more) }
	reader := "secretRef: {name: x, key: k}"
	refused := map[string]string{
		"ldap":           storeOf("refused", server, "ldap: {path: ldap, username: a, "+reader+"}"),
		"userPass":       storeOf("refused", server, "userPass: {path: userpass, username: a, "+reader+"}"),
		"iam":            storeOf("refused", server, "iam: {vaultRole: shared, secretRef: {accessKeyIDSecretRef: {name: x, key: k}, secretAccessKeySecretRef: {name: x, key: z}}}"),
		"gcp":            storeOf("refused", server, "gcp: {role: shared, projectID: p, secretRef: {secretAccessKeySecretRef: {name: x, key: k}}}"),
		"headers":        provider(`headers: {X-Mine: "1"}`),
		"tls":            provider("tls: {certSecretRef: {name: x, key: c}, keySecretRef: {name: x, key: k}}"),
		"generator":      object("data: [{secretKey: x, remoteRef: {key: NS/app}, sourceRef: {generatorRef: {apiVersion: generators.external-secrets.io/v1alpha1, kind: Password, name: g}}}]"),
		"dataFrom":       strings.Replace(object(""), "[{extract: {key: \"NS/app\"}}]", "[{sourceRef: {generatorRef: {apiVersion: generators.external-secrets.io/v1alpha1, kind: Password, name: g}}}]", 1),
		"manifest":       object("target: {manifest: {apiVersion: v1, kind: ConfigMap}}"),
		"finalizers":     object("target: {template: {metadata: {finalizers: [example.com/x]}}}"),
		"token type":     object("target: {template: {type: kubernetes.io/service-account-token}}"),
		"own annotation": object("target: {template: {metadata: {annotations: {countersign.dev/adopt: x}}}}"),
		"delete unowned": object("target: {creationPolicy: Merge, deletionPolicy: Delete}"),
		"environment":    object("target: {template: {data: {x: '{{ env \"HOME\" }}'}}}"),
		"bad expression": strings.Replace(object(""), "extract: {key: \"NS/app\"}", "find: {name: {regexp: \"(\"}}", 1),
		"bad key":        object("data: [{secretKey: a/b, remoteRef: {key: NS/app}}]"),
		"foreign path":   external("refused", "vault", "other/app", ""),
	}
	want := map[string]string{
		"ldap":           "spec.provider.vault.auth.ldap: Forbidden: Countersign logs in with kubernetes, appRole, jwt, cert or tokenSecretRef",
		"userPass":       "spec.provider.vault.auth.userPass: Forbidden: Countersign logs in with",
		"iam":            "spec.provider.vault.auth.iam: Forbidden: Countersign logs in with",
		"gcp":            "spec.provider.vault.auth.gcp: Forbidden: Countersign logs in with",
		"headers":        "spec.provider.vault.headers: Forbidden: Countersign sends no headers of a store",
		"tls":            "spec.provider.vault.tls: Forbidden: the operators of Countersign configure its client certificate; leave it out",
		"generator":      "spec.data[0].sourceRef.generatorRef: Forbidden: Countersign runs no generators",
		"dataFrom":       "spec.dataFrom[0].sourceRef.generatorRef: Forbidden: Countersign runs no generators",
		"manifest":       "spec.target.manifest: Forbidden: Countersign makes Secrets only",
		"finalizers":     "spec.target.template.metadata.finalizers: Forbidden: a Secret that cannot be deleted keeps its namespace; leave them out",
		"token type":     "spec.target.template.type: Forbidden: a Secret of type kubernetes.io/service-account-token is a credential of the cluster",
		"own annotation": `spec.target.template.metadata.annotations[countersign.dev/adopt]: Forbidden: it is Countersign's own; leave it out`,
		"delete unowned": "spec.target.deletionPolicy: Forbidden: only a Secret that the object owns is deleted",
		"environment":    "spec.target.template.data[x]: Invalid value",
		"bad expression": "spec.dataFrom[0].find.name.regexp: Invalid value",
		"bad key":        "spec.data[0].secretKey: Invalid value",
		"foreign path":   `"secret/data/other/app" with role "shared" is not allowed`,
	}
	for name, manifest := range refused {
		t.Run(name, func(t *testing.T) {
			told := n.refused(manifest)
			if !strings.Contains(told, want[name]) {
				t.Errorf("told %s\nwant %s", told, want[name])
			}
		})
	}
}

// Conditions of a ClusterSecretStore hold at admission, and may not be changed under
// an object that stands.
func TestClusterStoreConditions(t *testing.T) {
	n := newTenant(t)
	n.put(n.ns+"/app", map[string]any{"a": "1"})
	store := func(namespace string) string {
		return fmt.Sprintf(`apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata: {name: cluster-NS}
spec:
  controller: countersign
  conditions: [{namespaces: [%s]}]
  provider: {vault: {server: %q, path: secret, auth: {kubernetes: {mountPath: kubernetes, role: %s}}}}`, namespace, n.env.Vault.Addr, role)
	}
	object := strings.Replace(external("app", "cluster-NS", "NS/app", ""), "secretStoreRef: {", "secretStoreRef: {kind: ClusterSecretStore, ", 1)
	n.apply(store("another"))
	want := `spec.secretStoreRef: Forbidden: the conditions of ClusterSecretStore "cluster-NS" do not let namespace "NS" use it`
	if told := n.refused(object); !strings.Contains(told, want) {
		t.Errorf("told %s", told)
	}
	n.apply(store("NS"))
	n.apply(object)
	n.awaitValue("app", "a", "1")
	told := n.refused(store("another"))
	if want := `ExternalSecret[NS/app].spec.secretStoreRef: Forbidden: the conditions of ClusterSecretStore "cluster-NS"`; !strings.Contains(told, want) {
		t.Errorf("told %s", told)
	}
}
