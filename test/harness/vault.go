package harness

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	vaultapi "github.com/hashicorp/vault/api"
)

// objectHeader names the object that a request of Countersign is for.
const objectHeader = "X-Countersign-Object"

// Vault is a real Vault core with file storage, an audit log, the KV engine
// and the Kubernetes auth method.
type Vault struct {
	Addr, RootToken string
	// AuditPath is the file that Vault appends a line to for each request and
	// each response.
	AuditPath string
	// Client has the root token.
	Client *vaultapi.Client

	env     *Env
	listen  string
	process *child
}

func (e *Env) startVault(ctx context.Context) error {
	port, err := e.ports.reserve()
	if err != nil {
		return err
	}
	if err := os.Mkdir(e.folder.join("vault"), 0o700); err != nil {
		return err
	}
	e.Vault = &Vault{
		Addr: "http://" + loopback(port), RootToken: "root-" + rand.Text(), AuditPath: e.folder.join("vault-audit.log"),
		env: e, listen: loopback(port),
	}
	if e.Vault.Client, err = rootClient(e.Vault.Addr, e.Vault.RootToken); err != nil {
		return err
	}
	if err := e.Vault.start(ctx); err != nil {
		return err
	}
	return e.Vault.AuditObjects(ctx)
}

// rootClient takes nothing from VAULT_* variables of the environment.
func rootClient(address, token string) (*vaultapi.Client, error) {
	config := vaultapi.DefaultConfig()
	if config.Error != nil {
		return nil, config.Error
	}
	config.Address, config.AgentAddress = address, ""
	config.MaxRetries = 0
	client, err := vaultapi.NewClient(config)
	if err != nil {
		return nil, fmt.Errorf("vault client: %w", err)
	}
	client.SetToken(token)
	client.ClearNamespace()
	return client, nil
}

// Stop ends the process and keeps its data.
func (v *Vault) Stop() error {
	return v.process.terminate(10 * time.Second)
}

// Restart starts Vault again at the same address with the same data, stopping
// it before where it runs, and returns when it answers.
func (v *Vault) Restart(ctx context.Context) error {
	if v.process.alive() {
		if err := v.Stop(); err != nil {
			return err
		}
	}
	return v.start(ctx)
}

func (v *Vault) start(ctx context.Context) (err error) {
	v.process, err = v.env.run(childSpec{name: "vault", path: v.env.binaries.vault, args: []string{
		"-listen=" + v.listen,
		"-root-token=" + v.RootToken,
		"-audit-log=" + v.AuditPath,
		"-storage=file",
		"-data-dir=" + v.env.folder.join("vault"),
	}})
	if err != nil {
		return err
	}
	return v.process.await(ctx, v.Healthy)
}

// Healthy is nil when Vault answers and is not sealed.
func (v *Vault) Healthy(ctx context.Context) error {
	health, err := v.Client.Sys().HealthWithContext(ctx)
	if err != nil {
		return err
	}
	if health.Sealed || health.Standby {
		return errors.New("vault is sealed or on standby")
	}
	return nil
}

// AuditObjects has the header that names objects written to the audit log as
// it is.
func (v *Vault) AuditObjects(ctx context.Context) error {
	return v.write(ctx, "sys/config/auditing/request-headers/"+objectHeader, map[string]any{"hmac": false})
}

func (v *Vault) write(ctx context.Context, path string, data map[string]any) error {
	if _, err := v.Client.Logical().WriteWithContext(ctx, path, data); err != nil {
		return fmt.Errorf("vault: write %s: %w", path, err)
	}
	return nil
}
