package v1

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

// decode reads an object as the apiserver's clients do.
func decode(t testing.TB, text string) api.Guarded {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	object, err := runtime.Decode(serializer.NewCodecFactory(scheme).UniversalDeserializer(), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	guarded, ok := object.(api.Guarded)
	if !ok {
		t.Fatalf("%T is not guarded", object)
	}
	return guarded
}

// world is a cluster with some objects.
type world struct {
	objects []api.Guarded
	// namespaces have labels.
	namespaces map[string]labels.Set
	err        error
	// finds counts the questions.
	finds int
}

func (*world) Operator() api.Operator {
	return api.Operator{StoreClass: "countersign", Vaults: map[string]api.Vault{
		"default": {Address: "https://vault.example:8200", Audience: "vault"},
		"eu":      {Address: "https://vault-eu.example", Namespace: "org", Audience: "vault-eu", CA: []byte(certificateA)},
	}}
}

func (w *world) Find(_ context.Context, to api.Referent) ([]api.Guarded, error) {
	w.finds++
	var found []api.Guarded
	for _, object := range w.objects {
		if to.Means(object.GetObjectKind().GroupVersionKind(), object) {
			found = append(found, object)
		}
	}
	return found, w.err
}

func (w *world) Namespaces(_ context.Context, selector labels.Selector) ([]string, error) {
	var names []string
	for name, set := range w.namespaces {
		if selector.Matches(set) {
			names = append(names, name)
		}
	}
	return names, w.err
}

func worldOf(t testing.TB, texts ...string) *world {
	t.Helper()
	w := &world{namespaces: map[string]labels.Set{}}
	for _, text := range texts {
		w.objects = append(w.objects, decode(t, text))
	}
	for _, name := range []string{"team-a", "team-b", "other"} {
		w.namespaces[name] = labels.Set{metadataName: name, "team": strings.TrimPrefix(name, "team-")}
	}
	return w
}

// show has one line for each claim and each thing that it asks.
func show(claims []*policy.Claim) []string {
	var lines []string
	for _, claim := range claims {
		if claim.Vault != "" || len(claim.Problems) == 0 {
			lines = append(lines, fmt.Sprintf("%s: %s", claim.RoleField, login(claim)))
		}
		for _, read := range claim.Reads {
			version := ""
			if read.Version > 0 {
				version = fmt.Sprintf(" version %d", read.Version)
			}
			lines = append(lines, fmt.Sprintf("  %s: %s%s", read.Field, read.String(), version))
		}
		for _, problem := range claim.Problems {
			lines = append(lines, "  "+problem.Error())
		}
	}
	return lines
}

func login(claim *policy.Claim) string {
	text := fmt.Sprintf("%s %s/%s %s@%s %s", claim.Namespace, claim.Vault, claim.VaultNamespace, claim.AuthMethod, claim.AuthMount, claim.Role)
	if claim.ServiceAccount != "" {
		text += " as " + claim.ServiceAccountNamespace + "/" + claim.ServiceAccount
	}
	if claim.Login {
		text += " login"
	}
	if !claim.OwnIdentity {
		text += " identity left to the rule"
	}
	return text
}

func externalSecret(spec string) string {
	return `{"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"namespace": "team-a", "name": "app"}, "spec": {` + spec + `}}`
}

func pushSecret(spec string) string {
	return `{"apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret", "metadata": {"namespace": "team-a", "name": "out"}, "spec": {` + spec + `}}`
}

// store is one of team-a, with labels.
func store(name, provider string) string {
	return `{"apiVersion": "external-secrets.io/v1", "kind": "SecretStore", "metadata": {"namespace": "team-a", "name": "` + name + `", "labels": {"tier": "` + name + `"}},
		"spec": {"provider": {"vault": {` + provider + `}}}}`
}

func clusterStore(name, provider string) string {
	return `{"apiVersion": "external-secrets.io/v1", "kind": "ClusterSecretStore", "metadata": {"name": "` + name + `", "labels": {"tier": "` + name + `"}},
		"spec": {"provider": {"vault": {` + provider + `}}}}`
}

const (
	server     = `"server": "https://vault.example:8200"`
	kubernetes = `"auth": {"kubernetes": {"mountPath": "kubernetes", "role": "reader"}}`
	kv2        = server + `, "path": "secret", "version": "v2", ` + kubernetes
	keyless    = server + `, "version": "v2", ` + kubernetes
	kv1        = server + `, "path": "legacy", "version": "v1", ` + kubernetes
)

func generator(spec string) string {
	return `{"apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "VaultDynamicSecret", "metadata": {"namespace": "team-a", "name": "db"}, "spec": {"provider": {` + server + `, ` + kubernetes + `}, ` + spec + `}}`
}

func clusterGenerator(kind, spec string) string {
	return `{"apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "ClusterGenerator", "metadata": {"name": "shared"}, "spec": {"kind": "` + kind + `", "generator": {` + spec + `}}}`
}

const certificateA = "-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n"
const certificateB = "-----BEGIN CERTIFICATE-----\nQg==\n-----END CERTIFICATE-----\n"
