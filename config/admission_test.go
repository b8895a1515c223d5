package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/policy"
)

// Objects of another backend pass, or are refused where the operator says so;
// one that stood there before may be changed, one of Vault not turned into it.
func TestAdmissionOfOtherBackends(t *testing.T) {
	object := func(backend kesv1.Backend) *kesv1.ExternalSecret {
		return &kesv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "a"}, Spec: kesv1.ExternalSecretSpec{BackendType: backend, VaultRole: "r"}}
	}
	refused := []string{"spec.backendType: Forbidden: this cluster admits the vault backend only"}
	tests := map[string]struct {
		others      OtherBackends
		object, old *kesv1.ExternalSecret
		want        []string
	}{
		"admitted":        {AdmitOthers, object("secretsManager"), nil, nil},
		"refused":         {RefuseOthers, object("secretsManager"), nil, refused},
		"stands already":  {RefuseOthers, object("secretsManager"), object("akeyless"), nil},
		"turned from":     {RefuseOthers, object("secretsManager"), object("vault"), refused},
		"turned to Vault": {RefuseOthers, object("vault"), object("secretsManager"), []string{"spec: Required value: ask for at least one value"}},
	}
	document, err := policy.Parse("p", "p.yaml", []byte("apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nallow: []\n"))
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := policy.Compile([]*policy.Document{document}, policy.Settings{Enforcement: policy.Enforcement{Default: policy.Enforce}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			settings := &Settings{OtherBackends: tc.others, Vaults: map[string]Vault{DefaultVault: {AuthMount: DefaultAuthMount}}}
			var got []string
			if claim := settings.Admission(tc.object); claim != nil {
				var old *policy.Claim
				if tc.old != nil {
					old = settings.Admission(tc.old)
				}
				for _, denial := range compiled.EvaluateUpdate(claim, nil, old).Denials() {
					got = append(got, denial.Error())
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
