package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
	"github.com/countersign/countersign/policy/files"
)

const externalSecret = `apiVersion: kubernetes-client.io/v1
kind: ExternalSecret
metadata: {name: a, namespace: team-a}
spec: {backendType: vault, vaultRole: reader, dataFrom: [secret/data/team-a/x]}
`

// review wraps objects, as YAML flow, into an AdmissionReview.
func review(operation, object, old string) string {
	return fmt.Sprintf(`{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: {uid: x, operation: %s, namespace: team-b, object: %s, oldObject: %s}}`, operation, object, old)
}

func inline(path string) string {
	return "{apiVersion: kubernetes-client.io/v1, kind: ExternalSecret, metadata: {name: a}, spec: {backendType: vault, vaultRole: reader, dataFrom: [" + path + "]}}"
}

// describe is an object with what it asks, and what it asked before.
func describe(objects []object) []string {
	var all []string
	for _, o := range objects {
		var text strings.Builder
		text.WriteString(o.String())
		for _, asked := range o.asked {
			for _, claim := range []*policy.Claim{asked.Claim, asked.Old} {
				if claim == nil {
					continue
				}
				fmt.Fprintf(&text, " %s:", claim.Namespace)
				for _, read := range claim.Reads {
					fmt.Fprintf(&text, " %s", read.Path)
				}
			}
		}
		all = append(all, text.String())
	}
	return all
}

func TestLoadObjects(t *testing.T) {
	list := func(kind string, items ...string) string {
		return "apiVersion: v1\nkind: " + kind + "\nitems:\n- " + strings.Join(items, "\n- ") + "\n"
	}
	tests := map[string]struct {
		text, namespace string
		want            []string
		error           string
	}{
		"one":                   {externalSecret, "", []string{"ExternalSecret team-a/a team-a: secret/data/team-a/x"}, ""},
		"as JSON":               {`{"apiVersion":"kubernetes-client.io/v1","kind":"ExternalSecret","metadata":{"name":"a","namespace":"x","creationTimestamp":null},"spec":{"backendType":"vault"}}`, "", []string{"ExternalSecret x/a x:"}, ""},
		"its own namespace":     {externalSecret, "other", []string{"ExternalSecret team-a/a team-a: secret/data/team-a/x"}, ""},
		"namespace of the flag": {strings.Replace(externalSecret, ", namespace: team-a", "", 1), "x", []string{"ExternalSecret x/a x: secret/data/team-a/x"}, ""},
		"no namespace":          {strings.Replace(externalSecret, ", namespace: team-a", "", 1), "", nil, "stdin:3:1: metadata.namespace: name the namespace there, or for all such objects with --namespace"},
		"generated name":        {strings.Replace(externalSecret, "name: a", "generateName: a-", 1), "", []string{"ExternalSecret team-a/a- team-a: secret/data/team-a/x"}, ""},
		"another backend":       {strings.Replace(externalSecret, "vault,", "akeyless,", 1), "", nil, ""},
		"as the cluster has it": {externalSecret + "status: {lastSync: x, status: SUCCESS, observedGeneration: 1, conditions: [{type: Ready, status: 'True', reason: Synced, message: '', lastTransitionTime: '2026-01-01T00:00:00Z'}]}\n", "", []string{"ExternalSecret team-a/a team-a: secret/data/team-a/x"}, ""},
		"list":                  {list("List", inline("a/b"), "{apiVersion: v1, kind: Secret, data: {}}", inline("c/d")), "x", []string{"ExternalSecret x/a x: a/b", "ExternalSecret x/a x: c/d"}, ""},
		"typed list":            {list("ExternalSecretList", inline("a/b")), "x", []string{"ExternalSecret x/a x: a/b"}, ""},
		"list of lists":         {list("List", "{kind: List, items: ["+inline("a/b")+"]}"), "x", []string{"ExternalSecret x/a x: a/b"}, ""},
		"item without a kind":   {list("ExternalSecretList", "{metadata: {name: a}}"), "x", nil, "stdin:4:3: kind: an item of a list has to say its kind"},
		"mistakes of a list":    {list("List", "{apiVersion: kubernetes-client.io/v1, kind: ExternalSecret, spec: {a: 1}}", inline("c/d"), "{apiVersion: kubernetes-client.io/v1, kind: ExternalSecret, spec: {b: 1}}"), "x", nil, "stdin:4:70: unknown field \"spec.a\"\nstdin:6:70: unknown field \"spec.b\""},
		"several documents":     {"kind: Deployment\n---\n" + externalSecret + "---\n# nothing\n---\n" + externalSecret, "", []string{"ExternalSecret team-a/a team-a: secret/data/team-a/x", "ExternalSecret team-a/a team-a: secret/data/team-a/x"}, ""},
		"creation":              {review("CREATE", inline("a/b"), "null"), "", []string{"ExternalSecret team-b/a team-b: a/b"}, ""},
		"update":                {review("UPDATE", inline("a/b"), inline("c/d")), "", []string{"ExternalSecret team-b/a team-b: a/b team-b: c/d"}, ""},
		"old of a creation":     {review("CREATE", inline("a/b"), inline("c/d")), "", []string{"ExternalSecret team-b/a team-b: a/b"}, ""},
		"deletion":              {review("DELETE", "null", inline("c/d")), "", nil, ""},
		"review of a Pod":       {review("CREATE", "{apiVersion: v1, kind: Pod}", "null"), "", nil, "-: no ExternalSecret in it"},
		"review of nothing":     {"{apiVersion: admission.k8s.io/v1, kind: AdmissionReview}", "", nil, "stdin:1:1: the AdmissionReview has no request"},
		"review with a mistake": {"{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: {objekt: {}}}", "", nil, `stdin:1:68: unknown field "request.objekt"`},
		"old with a mistake":    {review("UPDATE", inline("a/b"), "{apiVersion: kubernetes-client.io/v1, kind: ExternalSecret, spek: {}}"), "", nil, `stdin:1:339: unknown field "spek"`},
		"unknown field":         {externalSecret + "  dataFron: []\n", "", nil, "stdin:4:1: did not find expected key"},
		"unknown spec field":    {strings.Replace(externalSecret, "dataFrom", "dataFron", 1), "", nil, `stdin:4:47: unknown field "spec.dataFron"`},
		"duplicate field":       {externalSecret + "spec: {}\n", "", nil, `stdin:5:1: key "spec" is there already`},
		"text for a list":       {strings.Replace(externalSecret, "[secret/data/team-a/x]", "x", 1), "", nil, "stdin:4:47: spec.dataFrom: a string stands where a list belongs"},
		"another version":       {strings.Replace(externalSecret, "io/v1", "io/v2", 1), "", nil, `stdin:1:1: ExternalSecret of "kubernetes-client.io/v2" is not known; known are those of kubernetes-client.io/v1, external-secrets.io/v1`},
		"other kinds only":      {"kind: Secret\n", "", nil, "-: no ExternalSecret in it"},
		"nothing":               {"", "", nil, "-: no ExternalSecret in it"},
		"not YAML":              {"a: [", "", nil, "stdin:1:1: did not find expected node content"},
		"not an object":         {"- ExternalSecret\n", "", nil, "-: no ExternalSecret in it"},
	}
	settings, err := (&operatorFlags{}).load()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := &reading{scene: &scene{settings: settings}, namespace: tc.namespace}
			found, err := r.files(t.Context(), strings.NewReader(tc.text), files.Stdin)
			var message string
			if err != nil {
				message = err.Error()
			} else if diff := cmp.Diff(tc.want, describe(found.objects)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.error, message); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// guardedManifest is an ExternalSecret of External Secrets Operator, as YAML
// flow, that asks for a key of a store.
func guardedManifest(key string) string {
	return "{apiVersion: external-secrets.io/v1, kind: ExternalSecret, metadata: {name: a}, spec: {secretStoreRef: {name: vault}, data: [{secretKey: x, remoteRef: {key: " + key + "}}]}}"
}

// Guarded objects are judged with what is given, wherever it stands.
func TestLoadGuardedObjects(t *testing.T) {
	const (
		asked        = "{apiVersion: external-secrets.io/v1, kind: SecretStore, metadata: {name: vault, namespace: team-b}, spec: {provider: {vault: {server: 'https://vault.example:8200', path: secret, auth: {kubernetes: {mountPath: kubernetes, role: reader}}}}}}"
		login        = "SecretStore team-b/vault team-b:"
		missing      = "SecretStore team-b/vault is not there; what is asked by way of it is not judged"
		clusterStore = "{apiVersion: external-secrets.io/v1, kind: ClusterSecretStore, metadata: {name: vault, namespace: x}, spec: {provider: {vault: {server: 'https://vault.example:8200', auth: {kubernetes: {mountPath: kubernetes, role: reader}}}}}}"
		everywhere   = "{apiVersion: external-secrets.io/v1, kind: ClusterExternalSecret, metadata: {name: wide}, spec: {namespaceSelector: {matchLabels: {a: b}}, externalSecretSpec: {}}}"
	)
	changed := strings.Replace(guardedManifest("k"), "metadata: {name: a}", "metadata: {name: a, annotations: {countersign.dev/resync: '1'}}", 1)
	tests := map[string]struct {
		text    string
		want    []string
		missing []string
		error   string
	}{
		"store after it":         {guardedManifest("k") + "\n---\n" + asked, []string{"ExternalSecret.external-secrets.io team-b/a team-b: secret/data/k", login}, nil, ""},
		"store before it":        {asked + "\n---\n" + guardedManifest("k"), []string{login, "ExternalSecret.external-secrets.io team-b/a team-b: secret/data/k"}, nil, ""},
		"store of another":       {guardedManifest("k") + "\n---\n" + strings.Replace(asked, "team-b", "team-c", 1), []string{"SecretStore team-c/vault team-c:"}, []string{missing}, ""},
		"no store, twice":        {guardedManifest("k") + "\n---\n" + guardedManifest("l"), nil, []string{missing}, ""},
		"creation":               {review("CREATE", guardedManifest("k"), "null") + "\n---\n" + asked, []string{"ExternalSecret.external-secrets.io team-b/a team-b: secret/data/k", login}, nil, ""},
		"update":                 {review("UPDATE", guardedManifest("k"), guardedManifest("l")) + "\n---\n" + asked, []string{"ExternalSecret.external-secrets.io team-b/a team-b: secret/data/k", login}, nil, ""},
		"update of nothing":      {review("UPDATE", guardedManifest("k"), guardedManifest("k")) + "\n---\n" + asked, []string{login}, nil, ""},
		"resync":                 {review("UPDATE", changed, guardedManifest("k")) + "\n---\n" + asked, []string{"ExternalSecret.external-secrets.io team-b/a team-b: secret/data/k", login}, nil, ""},
		"edited store":           {review("UPDATE", strings.Replace(asked, "secret,", "other,", 1), asked) + "\n---\n" + guardedManifest("k"), []string{login, "ExternalSecret.external-secrets.io team-b/a team-b: other/data/k"}, nil, ""},
		"deletion":               {review("DELETE", "null", guardedManifest("k")), nil, nil, ""},
		"of the whole cluster":   {clusterStore, nil, nil, ""},
		"in no Namespace":        {everywhere, nil, []string{`no Namespace of labels "a=b" is there; what is asked in such is not judged`}, ""},
		"typed list":             {"kind: SecretStoreList\nitems: [" + asked + "]\n", []string{login}, nil, ""},
		"version not served":     {strings.Replace(asked, "io/v1", "io/v1beta1", 1), nil, nil, `stdin:1:2: SecretStore of "external-secrets.io/v1beta1" is not known; known are those of external-secrets.io/v1`},
		"somebody else's kind":   {strings.Replace(asked, "external-secrets.io", "example.com", 1), nil, nil, "-: no ExternalSecret in it"},
		"unknown field":          {strings.Replace(asked, "spec:", "spek:", 1), nil, nil, `stdin:1:101: unknown field "spek"`},
		"unknown field of spec":  {strings.Replace(guardedManifest("k"), "secretStoreRef", "storeRef", 1), []string{"ExternalSecret.external-secrets.io team-b/a team-b:"}, nil, ""},
		"field of another type":  {strings.Replace(guardedManifest("k"), "{name: vault}", "3", 1), nil, nil, "stdin:1:81: json: cannot unmarshal number into Go struct field externalSecret.spec.secretStoreRef of type v1.StoreRef"},
		"as the cluster has it":  {strings.TrimSuffix(asked, "}") + ", status: {capabilities: ReadWrite}}", []string{login}, nil, ""},
		"other provider":         {strings.NewReplacer("vault: {server", "fake: {data").Replace(asked), nil, nil, ""},
		"mistake of what it was": {review("UPDATE", guardedManifest("k"), "{apiVersion: external-secrets.io/v1, kind: ExternalSecret, spek: {}}"), nil, nil, `stdin:1:357: unknown field "spek"`},
	}
	settings, err := config.ParseSettings([]byte(fixtures(t)["eso-settings.yaml"]))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := &reading{scene: &scene{settings: settings}, namespace: "team-b"}
			found, err := r.files(t.Context(), strings.NewReader(tc.text), files.Stdin)
			var message string
			if err != nil {
				message = err.Error()
			} else if diff := cmp.Diff(tc.want, describe(found.objects)) + cmp.Diff(tc.missing, found.missing); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.error, message); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The labels of Namespaces count, wherever they stand.
func TestLoadObjectsTakesLabels(t *testing.T) {
	settings, err := (&operatorFlags{}).load()
	if err != nil {
		t.Fatal(err)
	}
	text := externalSecret + "---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Namespace, metadata: {name: team-a, labels: {tier: web}}}\n- {apiVersion: v1, kind: Namespace, metadata: {name: bare}}\n"
	found, err := (&reading{scene: &scene{settings: settings}}).files(t.Context(), strings.NewReader(text), files.Stdin)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(namespaceLabels{"team-a": {"tier": "web"}, "bare": nil}, found.labels); diff != "" {
		t.Error(diff)
	}
}

// guardedFixtures are one of each kind, and all of them.
func guardedFixtures(f *testing.F) []string {
	f.Helper()
	text, err := os.ReadFile("testdata/fixtures/eso.yaml")
	if err != nil {
		f.Fatal(err)
	}
	return append(strings.Split(string(text), "\n---\n"), string(text))
}

// FuzzLoadObjects: whatever a file holds, it is read to an end; what is found
// has a namespace and can be judged.
func FuzzLoadObjects(f *testing.F) {
	f.Add(externalSecret)
	f.Add(review("UPDATE", inline("a/b"), inline("c/d")))
	f.Add("kind: List\nitems: [{kind: List, items: [null, {kind: Namespace, apiVersion: v1}]}]\n")
	for _, text := range guardedFixtures(f) {
		f.Add(text)
	}
	settings, err := config.ParseSettings([]byte("{apiVersion: countersign.dev/v1alpha1, kind: Settings, vaults: {default: {address: 'https://vault.example:8200'}}}"))
	if err != nil {
		f.Fatal(err)
	}
	document, err := policy.Parse("p", "p.yaml", []byte("apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nallow: []\n"))
	if err != nil {
		f.Fatal(err)
	}
	compiled, err := policy.Compile([]*policy.Document{document}, settings.PolicySettings())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, err := (&reading{scene: &scene{settings: settings}}).files(t.Context(), strings.NewReader(text), files.Stdin)
		if problems, ok := errors.AsType[policy.Problems](err); ok && len(problems) == 0 {
			t.Error("an error without a problem")
		}
		if err != nil {
			return
		}
		for _, one := range found.judgeAll(compiled) {
			if !one.isUpdate() && one.Verdict.Allowed() {
				t.Errorf("%s is allowed by a policy that allows nothing", one.String())
			}
		}
	})
}
