package stage

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"time"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"

	"github.com/countersign/countersign/test/bench/report"
)

const (
	// ReleaseNamespace is Countersign's.
	ReleaseNamespace = "countersign-system"
	// PeerNamespace is that of what Countersign is compared with.
	PeerNamespace = "external-secrets"
	// PeerAccount is its ServiceAccount.
	PeerAccount = "external-secrets"
	account     = "countersign"
	// Mount is that of the secrets and of the auth method.
	Mount = "kubernetes"
	// Role is Vault's.
	Role = "kubernetes-external-secrets"
	// within bounds whatever is waited for.
	within = 30 * time.Minute
)

// Stage is a cluster and its Vault.
type Stage struct {
	Env     *harness.Env
	Release harness.Release
	// VaultAddress is where Countersign finds Vault; a proxy may stand there.
	VaultAddress string
	// Admission is the process that admits, once Countersign is installed.
	Admission *harness.Process
}

// With has something done on a stage of its own, and notes what ran there.
func With(ctx context.Context, environment *report.Environment, do func(*Stage) error) error {
	s, err := New(ctx)
	if err != nil {
		return err
	}
	if err = do(s); err == nil {
		err = s.Versions(ctx, environment)
	}
	return errors.Join(err, s.Stop())
}

// New has a Vault that both may read.
func New(ctx context.Context) (*Stage, error) {
	env, err := harness.Start(ctx, harness.Options{Scheme: []func(*runtime.Scheme) error{kesv1.AddToScheme}})
	if err != nil {
		return nil, err
	}
	s := &Stage{Env: env, VaultAddress: env.Vault.Addr}
	if err := s.furnishVault(ctx); err != nil {
		return nil, errors.Join(err, env.Stop())
	}
	return s, nil
}

// Stop ends everything.
func (s *Stage) Stop() error { return s.Env.Stop() }

func (s *Stage) furnishVault(ctx context.Context) error {
	vault := s.Env.Vault
	for _, step := range []func() error{
		func() error { return vault.EnableKubernetesAuth(ctx, Mount) },
		func() error { return vault.MountKV(ctx, Mount, 2) },
		func() error {
			return vault.WritePolicy(ctx, "reader", `path "`+Mount+`/data/*" { capabilities = ["read"] }`)
		},
		func() error {
			return vault.WriteRole(ctx, Mount, harness.Role{
				Name: Role, ServiceAccounts: []string{account, PeerAccount}, Namespaces: []string{ReleaseNamespace, PeerNamespace},
				Policies: []string{"reader"}, Audience: "vault", TTL: time.Hour,
			})
		},
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// Versions of all that runs.
func (s *Stage) Versions(ctx context.Context, environment *report.Environment) error {
	binary, err := Product()
	if err != nil {
		return err
	}
	product, err := exec.CommandContext(ctx, binary, "version").Output()
	if err != nil {
		return err
	}
	client, err := discovery.NewDiscoveryClientForConfig(s.Env.Config)
	if err != nil {
		return err
	}
	apiserver, err := client.ServerVersion()
	if err != nil {
		return err
	}
	vault, err := s.Env.Vault.Client.Sys().HealthWithContext(ctx)
	if err != nil {
		return err
	}
	environment.Version("Countersign", strings.TrimPrefix(strings.TrimSpace(string(product)), "countersign "))
	environment.Version("kube-apiserver", apiserver.GitVersion)
	environment.Version("Vault", vault.Version)
	return nil
}
