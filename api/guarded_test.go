package api

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
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
