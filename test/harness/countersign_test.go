package harness

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
)

// Point 3: the real binary runs with the chart's arguments, settings and RBAC,
// several stand behind one Service, and one that was killed comes back.
func TestPoint3CountersignRunsAsTheChartSays(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	release := Release{
		Name: "countersign", Namespace: "countersign-system",
		Values: map[string]any{"vault": map[string]any{"address": shared.Vault.Addr}},
	}
	if err := shared.InstallChart(ctx, release); err != nil {
		t.Fatal(err)
	}
	first := must(shared.StartCountersign(ctx, release, ProcessOptions{LogLevel: "debug"}))(t)
	if err := first.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	if metrics := must(first.Metrics(ctx))(t); !strings.Contains(metrics, "go_goroutines") {
		t.Errorf("metrics without go_goroutines:\n%s", metrics)
	}
	if logs := must(first.Logs())(t); !json.Valid([]byte(strings.SplitN(logs, "\n", 2)[0])) {
		t.Errorf("the log is not JSON:\n%s", logs)
	}
	replica := must(shared.StartCountersign(ctx, release, ProcessOptions{}))(t)
	if err := replica.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	if replica.WebhookPort == first.WebhookPort {
		t.Error("two replicas have the same webhook port")
	}
	first.Kill()
	again := must(shared.StartCountersign(ctx, release, ProcessOptions{}))(t)
	if err := again.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	if again.service != first.service {
		t.Error("another Service after a restart")
	}
	checkVaultToken(t, again)
	if err := replica.Stop(); err != nil {
		t.Error(err)
	}
	// What is left serves on; with nobody left the connection is refused.
	if err := shared.probeWebhooks(ctx, release); err != nil {
		t.Errorf("one of two replicas left: %v", err)
	}
	if err := again.Stop(); err != nil {
		t.Error(err)
	}
	if picked := again.service.pick(); picked != nil {
		t.Error("the Service has an endpoint although nobody is there")
	}
}

// checkVaultToken: the token for Vault is the ServiceAccount's, and good for
// Vault alone.
func checkVaultToken(t *testing.T, process *Process) {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(filepath.Dir(process.LogPath), "vault-token", "token"))
	if err != nil {
		t.Fatal(err)
	}
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{
		Token: string(token), Audiences: []string{"vault"},
	}}
	if err := shared.Client.Create(t.Context(), review); err != nil {
		t.Fatal(err)
	}
	want := "system:serviceaccount:countersign-system:countersign"
	if diff := cmp.Diff(want, review.Status.User.Username); diff != "" {
		t.Errorf("user of the token (-want +got):\n%s\n%s", diff, review.Status.Error)
	}
}
