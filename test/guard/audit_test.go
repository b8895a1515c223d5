package guard

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	certutil "k8s.io/client-go/util/cert"

	"github.com/countersign/countersign/policy"
)

// audited is an object of a report in JSON.
type audited struct{ APIVersion, Kind, Namespace, Name, Outcome string }

// report has what an audit says of the tenant.
func (n *tenant) report(args ...string) []audited {
	n.t.Helper()
	got := n.command("", append([]string{"audit", "-o", "json"}, args...)...)
	report := struct{ Objects []audited }{}
	if err := json.Unmarshal([]byte(got.Stdout), &report); err != nil || got.Stderr != "" {
		n.t.Fatalf("%v: %+v", err, got)
	}
	var mine []audited
	for _, one := range report.Objects {
		if strings.Contains(one.Namespace+one.Name, "NS") {
			mine = append(mine, one)
		}
	}
	return mine
}

// Point 4: what stands is judged with its stores as the webhook would judge it
// new. What is of the whole cluster is of no namespace.
func TestAuditOfGuardedObjects(t *testing.T) {
	n := newTenant(t)
	n.apply(store("vault", "reader"), external("fine", "NS/fine"), external("app", "NS/app", "NS/more"),
		strings.Replace(external("lost", "other/x"), "{name: vault}", "{name: none}", 1),
		"apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {name: fake, namespace: NS}\nspec: {provider: {fake: {data: [{key: a, value: b}]}}}",
		`apiVersion: external-secrets.io/v1
kind: ClusterExternalSecret
metadata: {name: wide-NS}
spec: {namespaces: [NS], externalSecretSpec: {secretStoreRef: {name: vault}, data: [{secretKey: a, remoteRef: {key: NS/app}}]}}`)
	of := func(kind, name, outcome string) audited {
		namespace := "NS"
		if strings.HasPrefix(kind, "Cluster") {
			namespace = ""
		}
		return audited{"external-secrets.io/v1", kind, namespace, name, outcome}
	}
	want := []audited{
		of("ClusterExternalSecret", "wide-NS", "allowed"), of("ExternalSecret", "app", "allowed"),
		of("ExternalSecret", "fine", "allowed"), of("SecretStore", "vault", "allowed"),
	}
	if diff := cmp.Diff(want, n.report()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[1:], n.report("-n", "NS")); diff != "" {
		t.Error(diff)
	}

	n.withPolicy("allow: []\ndeny: [{name: tightened, paths: [secret/data/NS/app], reason: not any more}]")
	got := n.command("", "audit", "-n", "NS")
	lines := strings.Split(got.Stdout, "\n")
	const why = `spec.data[0].remoteRef.key: Forbidden: "secret/data/NS/app" is denied by rule "policy-NS/tightened": not any more`
	if got.Code != 1 || len(lines) != 6 || !strings.HasPrefix(lines[1], "denied   ExternalSecret.external-secrets.io  NS") || !strings.HasSuffix(lines[1], why) ||
		!strings.HasPrefix(lines[4], "1 denied, 0 warned, 0 audited, 2 allowed (policy ") {
		t.Errorf("%+v", got)
	}
	if got := n.command("", "audit"); !strings.Contains(got.Stdout, "denied   ClusterExternalSecret ") {
		t.Errorf("%+v", got)
	}
}

// Audit goes on where a CRD is missing.
func TestAuditWithoutACRD(t *testing.T) {
	n := newTenant(t)
	n.apply(store("vault", "reader"), external("app", "NS/app"))
	n.do("", "delete", "crd", "pushsecrets.external-secrets.io", "secretstores.external-secrets.io", "--wait=true")
	// Without its store the ExternalSecret asks nothing.
	if got := n.report("-n", "NS"); len(got) > 0 {
		t.Errorf("%v", got)
	}
	if err := n.installCRDs(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.apply(store("vault", "reader"))
	if got := n.report("-n", "NS"); len(got) != 2 {
		t.Errorf("%v", got)
	}
}

// A manifest is explained with the stores that stand, or those that it brings.
func TestExplainByTheStoresOfTheCluster(t *testing.T) {
	n := newTenant(t)
	n.apply(store("vault", "reader"))
	explain := []string{"policy", "explain", "--live", "-f", "-"}
	for name, tc := range map[string]struct{ manifests, want string }{
		"allowed":     {external("app", "NS/app"), `spec.data[0].remoteRef.key: "secret/data/NS/app" is allowed by rule "countersign-policy/own-tree"`},
		"denied":      {external("app", "other/app"), `"secret/data/other/app" with role "reader" is not allowed`},
		"other store": {external("app", "NS/app") + "\n---\n" + store("vault", "admin"), `"secret/data/NS/app" with role "admin" is not allowed`},
	} {
		t.Run(name, func(t *testing.T) {
			n := &tenant{world: n.world, t: t, ns: n.ns}
			if got := n.command(tc.manifests, explain...); !strings.Contains(got.Stdout, tc.want) || got.Stderr != "" {
				t.Errorf("%+v", got)
			}
		})
	}
}

func newCA(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := certutil.NewSelfSignedCACert(certutil.Config{CommonName: t.Name()}, key)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := certutil.EncodeCertificates(ca)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem)
}

// The CA that a store may name is that of the release, which is read where the
// chart keeps it.
func TestAuditKnowsTheCAOfTheRelease(t *testing.T) {
	n := newTenant(t)
	trusted := newCA(t)
	for name, ca := range map[string]string{"trusted": trusted, "other": newCA(t)} {
		bundle := "path: secret\n      caBundle: " + base64.StdEncoding.EncodeToString([]byte(ca))
		// Base64 may have NS in it.
		n.do(strings.Replace(n.manifest(store(name, "reader")), "path: secret", bundle, 1), "apply", "-f", "-")
	}
	configMap := func(name, labels, key, text string) string {
		return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: NS, labels: {%s}}\ndata:\n  %s: |\n    %s",
			name, labels, key, strings.ReplaceAll(text, "\n", "\n    "))
	}
	n.apply(
		configMap("settings", "", "settings.yaml", "apiVersion: countersign.dev/v1alpha1\nkind: Settings\ndialects: [eso]\nvaults: {default: {address: \""+vaultAddress+"\", caFile: /etc/countersign/vault-ca/default.pem}}"),
		configMap("policy", policy.Label+`: "true"`, "policy.yaml", policyHead+"mounts: {secret: {kv: 2}}\nallow: [{name: own-tree, namespaces: {names: [NS]}, paths: [secret/data/NS/*], roles: [reader]}]"))
	audit := []string{"audit", "--release-namespace", "NS", "-n", "NS"}
	if got := n.command("", audit...); got != (told{"", "countersign: vault \"default\": CA: no ConfigMap in namespace NS has a default.pem; give the settings with --settings\n", 2}) {
		t.Errorf("without the CA: %+v", got)
	}
	n.do("", "create", "configmap", "vault-ca", "-n", n.ns, "--from-literal=default.pem="+trusted)
	got := n.command("", audit...)
	if lines := strings.Split(got.Stdout, "\n"); got.Code != 1 || len(lines) != 5 || !strings.Contains(lines[1], "spec.provider.vault.caBundle") || !strings.HasPrefix(lines[2], "allowed") {
		t.Errorf("%+v", got)
	}
}
