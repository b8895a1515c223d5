// Command vault runs HashiCorp Vault's real core, its HTTP handler, the KV
// secrets engine and the auth methods that Countersign logs in with, and nothing
// else. The full
// vault command does not build from published modules; this one does, and it is
// what the harness, the demo and the benchmarks talk to.
//
// On the first start it initializes the storage, unseals it, creates the root
// token that was asked for and enables a file audit device. On a later start
// with file storage it unseals with the key kept beside the data.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	log "github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/audit"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/physical"
	"github.com/hashicorp/vault/sdk/physical/file"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

type options struct {
	listen, rootToken, auditLog, storage, dataDir, logLevel string
	tlsCert, tlsKey                                         string
}

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", "127.0.0.1:8200", "address to listen on")
	flag.StringVar(&o.rootToken, "root-token", "", "root token to create (required)")
	flag.StringVar(&o.auditLog, "audit-log", "", "file that the audit device appends to (required)")
	flag.StringVar(&o.storage, "storage", "inmem", "inmem or file")
	flag.StringVar(&o.dataDir, "data-dir", "", "folder of the file storage")
	flag.StringVar(&o.logLevel, "log-level", "warn", "trace, debug, info, warn or error")
	flag.StringVar(&o.tlsCert, "tls-cert", "", "PEM file of the serving certificate; without it Vault serves plain HTTP")
	flag.StringVar(&o.tlsKey, "tls-key", "", "PEM file of the serving key")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "vault:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.rootToken == "" || o.auditLog == "" {
		return errors.New("-root-token and -audit-log are required")
	}
	logger := log.New(&log.LoggerOptions{Level: log.LevelFromString(o.logLevel), Output: os.Stderr})
	store, err := newStorage(o, logger)
	if err != nil {
		return err
	}
	core, err := vault.NewCore(coreConfig(o, store, logger))
	if err != nil {
		return fmt.Errorf("new core: %w", err)
	}
	defer func() { _ = core.Shutdown() }()
	if err := bringUp(ctx, core, o); err != nil {
		return err
	}
	return serve(ctx, core, o)
}

func newStorage(o options, logger log.Logger) (physical.Backend, error) {
	switch o.storage {
	case "inmem":
		return inmem.NewInmem(nil, logger)
	case "file":
		if o.dataDir == "" {
			return nil, errors.New("-storage file needs -data-dir")
		}
		return file.NewFileBackend(map[string]string{"path": filepath.Join(o.dataDir, "storage")}, logger)
	}
	return nil, fmt.Errorf("-storage %q: want inmem or file", o.storage)
}

func coreConfig(o options, store physical.Backend, logger log.Logger) *vault.CoreConfig {
	return &vault.CoreConfig{
		Physical:           store,
		Logger:             logger,
		LogLevel:           o.logLevel,
		DisableMlock:       true,
		DefaultLeaseTTL:    768 * time.Hour,
		MaxLeaseTTL:        768 * time.Hour,
		BuiltinRegistry:    registry{},
		LogicalBackends:    secretEngines(),
		CredentialBackends: authMethods(),
		AuditBackends:      map[string]audit.Factory{"file": audit.NewFileBackend},
		RedirectAddr:       "http://" + o.listen,
	}
}

func serve(ctx context.Context, core *vault.Core, o options) error {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core, ListenerConfig: &configutil.Listener{}}),
		ReadHeaderTimeout: 10 * time.Second,
		// Vault's own listener asks for a certificate too, and takes none for an answer.
		TLSConfig: &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12},
	}
	failed := make(chan error, 1)
	go func() {
		if o.tlsCert != "" {
			failed <- server.ServeTLS(ln, o.tlsCert, o.tlsKey)
			return
		}
		failed <- server.Serve(ln)
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return server.Close()
	}
}
