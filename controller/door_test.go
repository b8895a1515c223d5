package controller

import (
	"context"
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/clock"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/controller/vault"
	"github.com/countersign/countersign/policy"
)

// A ClusterSecretStore names a ServiceAccount of another namespace, and the
// rule allows that one: it is that one which logs in.
func TestIdentityOfAnotherNamespace(t *testing.T) {
	var minted []string
	one, err := vault.Open("default", config.Vault{Address: "http://127.0.0.1:1", RequestsPerSecond: 1, Burst: 1}, vault.Surroundings{
		Mint: func(_ context.Context, account types.NamespacedName, _ string) (string, error) {
			minted = append(minted, account.String())
			return "", errors.New("enough")
		},
		Clock: clock.RealClock{}, Metrics: vault.NewMetrics(prometheus.NewRegistry()), Back: func() {},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := &door{
		vault: one, claim: &policy.Claim{Namespace: "team-a", ServiceAccount: "reader", ServiceAccountNamespace: "platform", OwnIdentity: true, Reads: []policy.Read{{Path: "kv/data/x"}}},
		login:   api.Login{Method: "kubernetes", Mount: "kubernetes", Identity: types.NamespacedName{Namespace: "platform", Name: "reader"}},
		grants:  []policy.Grant{{ServiceAccount: "reader"}},
		visit:   vault.Visit{Guard: func(context.Context) error { return nil }},
		answers: map[api.Address]*vault.Answer{},
	}
	_, _ = d.read(t.Context(), api.Address{Path: "kv/data/x"}, field.NewPath("spec"))
	if len(minted) != 1 || minted[0] != "platform/reader" {
		t.Errorf("judged platform/reader, minted for %v", minted)
	}
}
