package integration

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
)

// Point 4: the KES dialect. What each field asks for is in the Secret.
func TestPoint4KESDialect(t *testing.T) {
	const head = "backendType: vault\nvaultRole: " + role + "\n"
	tests := map[string]struct {
		spec string
		want map[string]string
	}{
		"data with a property": {head + "data: [{name: p, key: kubernetes/data/NS/app, property: password}]", map[string]string{"p": "s3cret"}},
		"data, whole secret":   {head + "data: [{name: all, key: kubernetes/data/NS/small}]", map[string]string{"all": `{"a":"1","b":2}`}},
		"literal key wins":     {head + "data: [{name: p, key: kubernetes/data/NS/app, property: db.user}]", map[string]string{"p": "literal"}},
		"nested property":      {head + "data: [{name: p, key: kubernetes/data/NS/app, property: 'nested.list[1].x'}]", map[string]string{"p": "deep"}},
		"isBinary":             {head + "data: [{name: p, key: kubernetes/data/NS/app, property: binary, isBinary: true}]", map[string]string{"p": "\x00\xff"}},
		"dataFrom":             {head + "dataFrom: [kubernetes/data/NS/small]", map[string]string{"a": "1", "b": "2"}},
		"dataFromWithOptions":  {head + "dataFromWithOptions: [{key: kubernetes/data/NS/small}]", map[string]string{"a": "1", "b": "2"}},
		"data wins":            {head + "dataFrom: [kubernetes/data/NS/small]\ndata: [{name: a, key: kubernetes/data/NS/app, property: password}]", map[string]string{"a": "s3cret", "b": "2"}},
		"KV v1":                {head + "kvVersion: 1\ndata: [{name: p, key: legacy/NS/app, property: old}]", map[string]string{"p": "v1"}},
		"pinned version":       {head + "data: [{name: p, key: 'kubernetes/data/NS/twice?version=1', property: v}]", map[string]string{"p": "first"}},
		"template":             {head + "dataFrom: [kubernetes/data/NS/small]\ntemplate: {data: {a: bm8=, t: eWVz}, stringData: {s: own}}", map[string]string{"a": "1", "b": "2", "t": "yes", "s": "own"}},
	}
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{
		"password": "s3cret", "db.user": "literal", "db": map[string]any{"user": "path"}, "binary": "AP8=",
		"nested": map[string]any{"list": []any{"x", map[string]any{"x": "deep"}}},
	})
	n.put("kubernetes", "small", map[string]any{"a": "1", "b": 2})
	n.put("kubernetes", "twice", map[string]any{"v": "first"})
	n.put("kubernetes", "twice", map[string]any{"v": "second"})
	n.put("legacy", "app", map[string]any{"old": "v1"})
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			n := &tenant{world: n.world, t: t, ns: n.ns}
			object := strings.ToLower(strings.NewReplacer(" ", "-", ",", "").Replace(name))
			n.apply(object, tc.spec)
			n.awaitSynced(object)
			if diff := cmp.Diff(tc.want, n.data(object)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The manifest of the seed text: annotations of the template, owner, type.
func TestKESTemplateMetadata(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"test": "x"})
	n.apply("cool-secret", `
backendType: vault
vaultMountPoint: kubernetes
vaultRole: kubernetes-external-secrets # The vault role configured for kubernetes external secret
data:
  - name: test
    key: kubernetes/data/NS/app # The full path of the secret to read, as in `+"`vault read secret/data/hello-service/credentials`"+`
    property: test
template:
  type: example.com/cool
  metadata:
    labels: {a: b}
    annotations:
      ts: 2021-09-25T16:13:32.00Z
      commit-hash: d4f0a2db0dde69771e65d66cad3d77227832bd76`)
	object := n.awaitSynced("cool-secret")
	secret := n.secret("cool-secret")
	if diff := cmp.Diff(map[string]string{"ts": "2021-09-25T16:13:32.00Z", "commit-hash": "d4f0a2db0dde69771e65d66cad3d77227832bd76"}, secret.Annotations); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"a": "b", "app.kubernetes.io/managed-by": "countersign"}, secret.Labels); diff != "" {
		t.Error(diff)
	}
	controls := true
	owner := []metav1.OwnerReference{{APIVersion: "kubernetes-client.io/v1", Kind: "ExternalSecret", Name: "cool-secret", UID: object.UID, Controller: &controls}}
	if diff := cmp.Diff(owner, secret.OwnerReferences); diff != "" {
		t.Error(diff)
	}
	if secret.Type != "example.com/cool" {
		t.Errorf("type %s", secret.Type)
	}
}

// A key that is asked for no more leaves the Secret, a foreign one stays.
func TestKESRemovedKey(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1", "b": "2", "c": "3"})
	item := func(name string) string {
		return "{name: " + name + ", key: kubernetes/data/NS/app, property: " + name + "}"
	}
	head := "backendType: vault\nvaultRole: " + role + "\ndata: ["
	for _, items := range []string{item("a") + "," + item("b"), item("a") + "," + item("c"), item("a")} {
		n.apply("app", head+items+"]")
		n.awaitSynced("app")
	}
	n.do("", "patch", "secret", "app", "-n", n.ns, "--type=merge", "-p", `{"stringData":{"foreign":"f"}}`)
	n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "countersign.dev/resync=1")
	n.awaitSynced("app")
	if diff := cmp.Diff(map[string]string{"a": "1", "foreign": "f"}, n.data("app")); diff != "" {
		t.Error(diff)
	}
}

// everyField has each field of KES 8.5.5's schema, as no single backend would
// use them.
const everyField = `
backendType: secretsManager
vaultMountPoint: m
vaultRole: r
kvVersion: 1
data:
- {key: k, name: name, property: p, isBinary: true, version: 1, versionStage: s, versionId: i, secretType: t}
- {path: /p, recursive: true, version: latest}
dataFrom: [a]
dataFromWithOptions: [{key: k, isBinary: true, versionStage: s, versionId: i}]
template: {anything: {goes: [1, true, null, {x: 1.5}]}}
controllerId: c
type: Opaque
roleArn: arn
region: eu
keyVaultName: v
projectId: p
keyByName: true
`

// No field of an existing object is pruned, and objects of other backends are
// stored unchanged and never synced.
func TestPoint4SchemaKeepsEveryField(t *testing.T) {
	n := newTenant(t)
	mark := n.mark()
	n.apply("every", everyField)
	stored := &unstructured.Unstructured{}
	stored.SetGroupVersionKind(kesv1.GroupVersion().WithKind(kesv1.Kind))
	if err := n.env.Client.Get(t.Context(), client.ObjectKey{Namespace: n.ns, Name: "every"}, stored); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{}
	if err := yaml.Unmarshal([]byte(everyField), &want); err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	roundTrip, err := yaml.Marshal(stored.Object["spec"])
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(roundTrip, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// Something of the tenant's own that is synced afterwards shows that the
	// controller has been by.
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("app", "backendType: vault\nvaultRole: "+role+"\ndataFrom: [kubernetes/data/NS/app]")
	n.awaitSynced("app")
	n.hasNoSecret("every")
	for _, request := range n.requests(mark) {
		if request.Object == n.ns+"/every" {
			t.Errorf("Vault was asked for another backend's object: %v", request)
		}
	}
	if status := n.get("every").Status; status.Status != "" || len(status.Conditions) > 0 {
		t.Errorf("status of another backend's object: %+v", status)
	}
}

func TestPoint4ExplainAndColumns(t *testing.T) {
	n := newTenant(t)
	explained := n.do("", "explain", "externalsecret.spec.data.property")
	if !strings.Contains(explained, "A field of exactly this name wins") {
		t.Errorf("kubectl explain says %s", explained)
	}
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("app", "backendType: vault\nvaultRole: "+role+"\ndataFrom: [kubernetes/data/NS/app]")
	n.awaitSynced("app")
	table := n.do("", "get", "es", "-n", n.ns)
	if header := strings.Join(strings.Fields(strings.SplitN(table, "\n", 2)[0]), " "); header != "NAME LAST SYNC STATUS READY REASON AGE" {
		t.Errorf("columns %q", header)
	}
	if !strings.Contains(table, "SUCCESS") || !strings.Contains(table, "True") || !strings.Contains(table, "Synced") {
		t.Errorf("table %s", table)
	}
}
