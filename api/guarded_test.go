package api

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/policy"
)

func TestReferentMeans(t *testing.T) {
	store := schema.GroupVersionKind{Group: "external-secrets.io", Version: "v1", Kind: "SecretStore"}
	cluster := store
	cluster.Kind = "ClusterSecretStore"
	object := func(namespace, name string) metav1.Object {
		return &metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"tier": "web"}}
	}
	tests := map[string]struct {
		referent Referent
		kind     schema.GroupVersionKind
		object   metav1.Object
		want     bool
	}{
		"by name":                {Referent{Kind: store, Namespace: "a", Name: "vault"}, store, object("a", "vault"), true},
		"another name":           {Referent{Kind: store, Namespace: "a", Name: "vault"}, store, object("a", "other"), false},
		"another namespace":      {Referent{Kind: store, Namespace: "a", Name: "vault"}, store, object("b", "vault"), false},
		"another kind":           {Referent{Kind: store, Name: "vault"}, cluster, object("", "vault"), false},
		"another version":        {Referent{Kind: store, Namespace: "a", Name: "vault"}, schema.GroupVersionKind{Group: store.Group, Version: "v2", Kind: store.Kind}, object("a", "vault"), true},
		"by label":               {Referent{Kind: store, Namespace: "a", Labels: "tier=web"}, store, object("a", "vault"), true},
		"another label":          {Referent{Kind: store, Namespace: "a", Labels: "tier=db"}, store, object("a", "vault"), false},
		"all":                    {Referent{Kind: store, Namespace: "a"}, store, object("a", "vault"), true},
		"all of the cluster":     {Referent{Kind: cluster}, cluster, object("", "vault"), true},
		"labels of no selector":  {Referent{Kind: store, Namespace: "a", Labels: "tier=(="}, store, object("a", "vault"), false},
		"a name beside a label":  {Referent{Kind: store, Namespace: "a", Name: "vault", Labels: "tier=db"}, store, object("a", "vault"), true},
		"all of another cluster": {Referent{Kind: cluster}, cluster, object("a", "vault"), false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tc.referent.Means(tc.kind, tc.object); got != tc.want {
				t.Errorf("%t, want %t", got, tc.want)
			}
		})
	}
}

func TestWithinMovesEachField(t *testing.T) {
	spec := field.NewPath("spec")
	claims := []*policy.Claim{{
		Namespace: "a", RoleField: spec.Child("secretStoreRef"),
		Reads:    []policy.Read{{Path: "secret/data/x", Field: spec.Child("data").Index(1)}},
		Problems: field.ErrorList{field.Forbidden(spec.Child("target"), "no")},
	}, {Login: true}}
	fields := func(claims []*policy.Claim) []string {
		return []string{claims[0].RoleField.String(), claims[0].Reads[0].Field.String(), claims[0].Problems[0].Field, claims[1].RoleField.String()}
	}
	before := fields(claims)
	moved := Within("ExternalSecret a/app", claims)
	want := []string{"ExternalSecret a/app.spec.secretStoreRef", "ExternalSecret a/app.spec.data[1]", "ExternalSecret a/app.spec.target", "<nil>"}
	if diff := cmp.Diff(want, fields(moved)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(before, fields(claims)); diff != "" {
		t.Errorf("the claims themselves have changed: %s", diff)
	}
}
