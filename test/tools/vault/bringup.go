package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/vault/helper/namespace"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/vault"
)

// bringUp leaves the core unsealed, with the root token and the audit device.
func bringUp(ctx context.Context, core *vault.Core, o options) error {
	ctx = namespace.RootContext(ctx)
	initialized, err := core.Initialized(ctx)
	if err != nil {
		return fmt.Errorf("initialized: %w", err)
	}
	if initialized {
		return unsealWithKeptKey(core, o)
	}
	result, err := core.Initialize(ctx, &vault.InitParams{
		BarrierConfig:  &vault.SealConfig{SecretShares: 1, SecretThreshold: 1},
		RecoveryConfig: &vault.SealConfig{SecretShares: 1, SecretThreshold: 1},
	})
	if err != nil {
		return fmt.Errorf("initialize: %w", err)
	}
	key := result.SecretShares[0]
	if err := keepKey(o, key); err != nil {
		return err
	}
	if err := unseal(core, key); err != nil {
		return err
	}
	return prepare(ctx, core, o, result.RootToken)
}

func keyFile(o options) string { return filepath.Join(o.dataDir, "unseal-key") }

func keepKey(o options, key []byte) error {
	if o.storage != "file" {
		return nil
	}
	return os.WriteFile(keyFile(o), []byte(hex.EncodeToString(key)), 0o600)
}

func unsealWithKeptKey(core *vault.Core, o options) error {
	raw, err := os.ReadFile(keyFile(o))
	if err != nil {
		return err
	}
	key, err := hex.DecodeString(string(raw))
	if err != nil {
		return fmt.Errorf("unseal key: %w", err)
	}
	return unseal(core, key)
}

func unseal(core *vault.Core, key []byte) error {
	// Unseal zeroes what it is given.
	unsealed, err := core.Unseal(append([]byte(nil), key...))
	if err != nil {
		return fmt.Errorf("unseal: %w", err)
	}
	if !unsealed {
		return errors.New("still sealed after the only key share")
	}
	return nil
}

// prepare creates the root token and the audit device, once per storage.
func prepare(ctx context.Context, core *vault.Core, o options, token string) error {
	steps := []*logical.Request{
		{Path: "auth/token/create", Data: map[string]any{
			"id": o.rootToken, "policies": []string{"root"}, "no_parent": true, "no_default_policy": true,
		}},
		{Path: "sys/audit/file", Data: map[string]any{
			"type": "file", "options": map[string]any{"file_path": o.auditLog},
		}},
	}
	for _, request := range steps {
		request.Operation = logical.UpdateOperation
		request.ClientToken = token
		response, err := core.HandleRequest(ctx, request)
		if err == nil && response.IsError() {
			err = response.Error()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", request.Path, err)
		}
	}
	return nil
}
