package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// playFile is where "make play" says how to reach what it runs.
const playFile = "bin/play.env"

// play leaves everything running until ctx ends.
func (s *stage) play(ctx context.Context, file string) error {
	if err := os.WriteFile(file, []byte(s.exports()), 0o600); err != nil {
		return err
	}
	defer func() { _ = os.Remove(file) }()
	s.sayf(`
Everything runs. In another terminal, here:

  source %s
  $KUBECTL apply -n %s -f test/demo/manifests/cool-secret.yaml
  $KUBECTL get externalsecrets -A
  tail -f $VAULT_AUDIT_LOG

Policy stands in $KUBECTL -n $COUNTERSIGN_NAMESPACE get configmaps -l countersign.dev/policy=true
Countersign logs to %s
Ctrl-C ends all of it.`, file, namespace, s.process.LogPath)
	select {
	case <-ctx.Done():
		s.sayf("\nEnding.")
		return nil
	case <-s.process.Done():
		return errors.New("countersign has ended" + s.lastWords())
	}
}

// exports are lines for a shell to source.
func (s *stage) exports() string {
	variables := []struct{ name, value string }{
		{"KUBECONFIG", s.env.Kubeconfig},
		{"KUBECTL", s.env.KubectlPath()},
		{"VAULT_ADDR", s.env.Vault.Addr},
		{"VAULT_TOKEN", s.env.Vault.RootToken},
		{"VAULT_AUDIT_LOG", s.env.Vault.AuditPath},
		{"COUNTERSIGN_NAMESPACE", releaseNamespace},
	}
	var lines strings.Builder
	for _, variable := range variables {
		fmt.Fprintf(&lines, "export %s='%s'\n", variable.name, variable.value)
	}
	return lines.String()
}
