package guard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/test/harness"
)

// startESO runs the operator itself until the test ends.
func startESO(t *testing.T) {
	t.Helper()
	binary := os.Getenv("ESO_BIN")
	if binary == "" {
		t.Skip("ESO_BIN names no binary of External Secrets Operator; TestStampHasESORefresh goes by its documented rule")
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "eso.log"))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(binary, "--metrics-addr=0", "--live-addr=127.0.0.1:0", "--enable-generator-state=false", "--loglevel=debug") //nolint:gosec,noctx // It is named by whoever runs the test, and told to end below.
	command.Env = []string{"KUBECONFIG=" + shared.env.Kubeconfig}
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if content, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("%s", content[max(0, len(content)-4000):])
		}
	})
}

// furnishVault has it answer the ServiceAccount "reader" of tenants.
func furnishVault(ctx context.Context, vault *harness.Vault) error {
	return errors.Join(
		vault.EnableKubernetesAuth(ctx, "kubernetes"),
		vault.MountKV(ctx, "secret", 2),
		vault.WritePolicy(ctx, "reader", `path "secret/data/*" { capabilities = ["read"] }`),
		vault.WriteRole(ctx, "kubernetes", harness.Role{
			Name: "reader", ServiceAccounts: []string{"reader"}, Namespaces: []string{"*"}, Policies: []string{"reader"}, TTL: time.Hour,
		}),
	)
}

// Point 6, with the operator itself: under refreshPolicy OnChange it reads when
// Countersign stamps, and an apply that changes nothing has it read nothing.
func TestRealESORefreshesWhenStamped(t *testing.T) {
	startESO(t)
	n := newTenant(t)
	vault := n.env.Vault
	if err := furnishVault(t.Context(), vault); err != nil {
		t.Fatal(err)
	}
	n.withPolicy("allow: [{name: real, namespaces: {names: [NS]}, paths: [secret/data/NS/*], roles: [reader], vaults: [real], identity: {serviceAccount: reader}}]")
	n.do("", "create", "serviceaccount", "reader", "-n", n.ns)
	put := func(name, value string) {
		t.Helper()
		if err := vault.PutKV(t.Context(), "secret", n.ns+"/"+name, map[string]any{"a": value}); err != nil {
			t.Fatal(err)
		}
	}
	put("app", "1")
	dialled := strings.NewReplacer(vaultAddress, vault.Addr, "role: reader}", "role: reader, serviceAccountRef: {name: reader}}").Replace(store("vault", "reader"))
	harness.Await(t, within, func(context.Context) error {
		if output := n.kubectl(n.manifest(dialled), "apply", "-f", "-"); output.ExitCode != 0 {
			return errors.New(output.Stderr)
		}
		return nil
	})
	n.apply(external("app", "NS/app"))
	n.awaitValue("app", "1")

	put("app", "2")
	mark, err := vault.AuditMark()
	if err != nil {
		t.Fatal(err)
	}
	n.apply(external("app", "NS/app"))
	put("after", "x")
	n.apply(external("after", "NS/after"))
	n.awaitValue("after", "x")
	if got := n.readsOf(mark, "app"); got != 0 {
		t.Errorf("%d reads for an apply that changes nothing", got)
	}
	n.do("", "annotate", "externalsecrets.external-secrets.io", "app", "-n", n.ns, api.Resync+"=1")
	n.awaitValue("app", "2")
	if got := n.readsOf(mark, "app"); got == 0 {
		t.Error("the audit log has no read")
	}
	for _, value := range []string{"3", "4", "5"} {
		put("app", value)
		n.wantResynced("app", value)
	}
}

// awaitValue waits for what the operator has written.
func (n *tenant) awaitValue(name, want string) {
	n.t.Helper()
	harness.Await(n.t, within, func(ctx context.Context) error {
		secret := &corev1.Secret{}
		if err := n.env.Client.Get(ctx, client.ObjectKey{Namespace: n.ns, Name: name}, secret); err != nil {
			return err
		}
		if got := string(secret.Data["k0"]); got != `{"a":"`+want+`"}` {
			return fmt.Errorf("it holds %s, want %s", got, want)
		}
		return nil
	})
}

// readsOf a path below the tenant's own tree, by Vault's audit log.
func (n *tenant) readsOf(since harness.Mark, name string) int {
	n.t.Helper()
	entries, err := n.env.Vault.Since(since)
	if err != nil {
		n.t.Fatal(err)
	}
	reads := 0
	for _, entry := range harness.Requests(entries) {
		if entry.Kind() == harness.KindRead && entry.Path == "secret/data/"+n.ns+"/"+name {
			reads++
		}
	}
	return reads
}
