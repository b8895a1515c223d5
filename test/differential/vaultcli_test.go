package differential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	vaultapi "github.com/hashicorp/vault/api"

	"github.com/countersign/countersign/policy/vaultside"
)

const vaultCommand = "vault"

// isVaultCommand holds in a process that a script started.
func isVaultCommand() bool { return filepath.Base(os.Args[0]) == vaultCommand }

// runVaultCommand is as much of Vault's own command as the scripts use, which
// does not build from published modules: "policy write NAME -" and
// "write PATH -".
func runVaultCommand(ctx context.Context, args []string) error {
	client, err := vaultapi.NewClient(vaultapi.DefaultConfig())
	if err != nil {
		return err
	}
	body, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	switch {
	case len(args) == 4 && args[0] == "policy" && args[1] == "write" && args[3] == "-":
		return client.Sys().PutPolicyWithContext(ctx, args[2], string(body))
	case len(args) == 3 && args[0] == "write" && args[2] == "-":
		var data map[string]any
		if err := json.Unmarshal(body, &data); err != nil {
			return err
		}
		_, err := client.Logical().WriteWithContext(ctx, args[1], data)
		return err
	}
	return fmt.Errorf("vault %q: not among the commands that scripts may use", args)
}

// apply runs the commands of a Vault side, as whoever runs Vault would.
func apply(t *testing.T, side *vaultside.Side) {
	t.Helper()
	script, err := side.Commands()
	if err != nil {
		t.Fatal(err)
	}
	runScript(t, script)
}

func runScript(t *testing.T, script string) {
	t.Helper()
	folder := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "side.sh")
	if err := errors.Join(os.WriteFile(path, []byte(script), 0o600), os.Symlink(self, filepath.Join(folder, vaultCommand))); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "sh", path)
	command.Env = []string{"PATH=" + folder, "HOME=" + folder, "VAULT_ADDR=" + shared.Vault.Addr, "VAULT_TOKEN=" + shared.Vault.RootToken}
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s\n%s", err, strings.TrimSpace(string(output)), script)
	}
}
