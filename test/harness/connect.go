package harness

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Remote is a cluster and a Vault that somebody else has started.
type Remote struct {
	Kubeconfig            string
	VaultAddr, VaultToken string
	// VaultAudit is the file of Vault's audit log, if it can be read here.
	VaultAudit string
}

// Connect returns an Env that has started nothing: its Stop leaves the cluster
// and Vault as they are. Vault cannot be stopped or restarted by it.
func Connect(remote Remote, options Options) (*Env, error) {
	env, err := newEnv()
	if err != nil {
		return nil, err
	}
	if err := env.connect(remote, options); err != nil {
		return nil, fmt.Errorf("connect by %s: %w", remote.Kubeconfig, err)
	}
	return env, nil
}

func (e *Env) connect(remote Remote, options Options) (err error) {
	scheme, err := options.scheme()
	if err != nil {
		return err
	}
	e.Kubeconfig = remote.Kubeconfig
	if e.Config, err = clientcmd.BuildConfigFromFlags("", remote.Kubeconfig); err != nil {
		return err
	}
	e.Config.QPS = -1
	if e.Client, err = client.NewWithWatch(e.Config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	e.Vault = &Vault{Addr: remote.VaultAddr, RootToken: remote.VaultToken, AuditPath: remote.VaultAudit, env: e}
	e.Vault.Client, err = rootClient(remote.VaultAddr, remote.VaultToken)
	return err
}
