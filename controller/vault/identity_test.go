package vault

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/config"
)

// Who logs in is part of the session: two identities never share a login, and
// each token is minted for the operator's audience.
func TestIdentityIsPartOfTheSession(t *testing.T) {
	f := open(t, func(v *config.Vault) { v.Audience = "vault-eu" })
	var minted, presented []string
	f.vault.mint = func(_ context.Context, account types.NamespacedName, audience string) (string, error) {
		minted = append(minted, account.String()+" "+audience)
		return "jwt of " + account.String(), nil
	}
	f.answer = func(_ http.ResponseWriter, r *http.Request) bool {
		var body struct{ JWT string }
		if strings.HasSuffix(r.URL.Path, "/login") && json.NewDecoder(r.Body).Decode(&body) == nil {
			presented = append(presented, body.JWT)
		}
		return false
	}
	visit := Visit{Object: "a/b", Guard: func(context.Context) error { return nil }}
	reader := types.NamespacedName{Namespace: "team-a", Name: "reader"}
	other := types.NamespacedName{Namespace: "team-b", Name: "reader"}
	for _, identity := range []types.NamespacedName{reader, {}, other, reader, other} {
		key := api.Login{Mount: "kubernetes", Role: "r", Identity: identity}
		if _, err := f.vault.Read(t.Context(), key, api.Address{Path: "secret/data/x"}, visit); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"team-a/reader vault-eu", "team-b/reader vault-eu"}, minted); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"jwt of team-a/reader", "jwt", "jwt of team-b/reader"}, presented); diff != "" {
		t.Error(diff)
	}
}

// A token that cannot be minted is told, and nothing is sent.
func TestIdentityErrors(t *testing.T) {
	accounts := schema.GroupResource{Resource: "serviceaccounts"}
	tests := map[string]struct {
		err    error
		reason Reason
		want   string
	}{
		"missing":   {apierrors.NewNotFound(accounts, "reader"), ReasonIdentityRefused, "the rule logs in as ServiceAccount team-a/reader, which does not exist; create it"},
		"forbidden": {apierrors.NewForbidden(accounts, "reader", nil), ReasonIdentityRefused, `Countersign may make no token for ServiceAccount team-a/reader; add "reader" to the chart's tenantServiceAccounts`},
		"passing":   {apierrors.NewTooManyRequestsError("later"), ReasonUnavailable, "no token for ServiceAccount team-a/reader: TooManyRequests"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := open(t, nil)
			f.vault.mint = func(context.Context, types.NamespacedName, string) (string, error) { return "", tc.err }
			key := api.Login{Mount: "kubernetes", Role: "r", Identity: types.NamespacedName{Namespace: "team-a", Name: "reader"}}
			_, err := f.vault.Read(t.Context(), key, api.Address{Path: "secret/data/x"}, Visit{Guard: func(context.Context) error { return nil }})
			vaultErr, ok := errors.AsType[*Error](err)
			if !ok || vaultErr.Reason != tc.reason || vaultErr.Error() != tc.want {
				t.Errorf("got %v, want %s: %s", err, tc.reason, tc.want)
			}
			if len(f.seen()) > 0 {
				t.Errorf("sent %v", f.seen())
			}
		})
	}
}
