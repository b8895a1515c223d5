// Package differential compares the policy engine with a real Vault that was
// given what vaultside makes of the same policy. Policies and paths are
// generated from fixed seeds; tokens and answers are Vault's own.
package differential

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	vaultapi "github.com/hashicorp/vault/api"
	"sigs.k8s.io/yaml"

	"github.com/countersign/countersign/policy"
	"github.com/countersign/countersign/policy/vaultside"
	"github.com/countersign/countersign/test/harness"
)

const (
	authMount  = "kubernetes"
	otherMount = "k8s-eu"
)

var shared *harness.Env

func TestMain(m *testing.M) {
	if isVaultCommand() {
		if err := runVaultCommand(context.Background(), os.Args[1:]); err != nil { //nolint:forbidigo // TestMain has no context.
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(harness.Main(m, harness.Options{}, func(ctx context.Context, env *harness.Env) error {
		shared = env
		return setUp(ctx, env.Vault)
	}))
}

func setUp(ctx context.Context, vault *harness.Vault) error {
	return errors.Join(
		vault.EnableKubernetesAuth(ctx, authMount), vault.EnableKubernetesAuth(ctx, otherMount),
		vault.MountKV(ctx, "secret", 2), vault.MountKV(ctx, "team/kv", 2), vault.MountKV(ctx, "legacy", 1),
	)
}

func namespaces() []vaultside.Namespace {
	return []vaultside.Namespace{{Name: "team-a"}, {Name: "team-b", Labels: map[string]string{"tier": "web"}}, {Name: "ops"}}
}

func options() vaultside.Options {
	return vaultside.Options{
		Vault: "default", ServiceAccount: "countersign", Namespace: "countersign-system", Audience: "vault", TokenTTL: time.Hour,
	}
}

func compile(t *testing.T, document *policy.AccessPolicy) *policy.Policy {
	t.Helper()
	text, err := yaml.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return compileText(t, string(text))
}

func compileText(t *testing.T, text string) *policy.Policy {
	t.Helper()
	document, err := policy.Parse("cm", "policy.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	compiled, err := policy.Compile([]*policy.Document{document}, policy.Settings{
		Enforcement: policy.Enforcement{Default: policy.Enforce}, DefaultVault: "default",
		DefaultAuthMounts: map[string]string{"default": authMount},
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return compiled
}

func build(t *testing.T, compiled *policy.Policy) *vaultside.Side {
	t.Helper()
	side, err := vaultside.Build(compiled, namespaces(), options())
	if err != nil {
		t.Fatal(err)
	}
	return side
}

// tokenFor writes an ACL policy and makes a token that has it, those of the
// further names, and nothing else.
func tokenFor(t *testing.T, name, acl string, further ...string) string {
	t.Helper()
	if err := shared.Vault.WritePolicy(t.Context(), name, acl); err != nil {
		t.Fatalf("%v\n%s", err, acl)
	}
	secret, err := shared.Vault.Client.Auth().Token().CreateWithContext(t.Context(), &vaultapi.TokenCreateRequest{
		Policies: append(further, name), NoDefaultPolicy: true, TTL: "10m",
	})
	if err != nil {
		t.Fatal(err)
	}
	return secret.Auth.ClientToken
}

// capabilities of an operation, in Vault's order.
func capabilities(operation policy.Operation) []any {
	return map[policy.Operation][]any{
		policy.OperationRead: {"read"}, policy.OperationWrite: {"create", "delete", "update"},
	}[operation]
}

// granted asks Vault for which of the paths a token has an operation's
// capabilities, all of them or none.
func granted(t *testing.T, token string, operation policy.Operation, paths []string) map[string]bool {
	t.Helper()
	secret, err := shared.Vault.Client.Logical().WriteWithContext(t.Context(), "sys/capabilities", map[string]any{"token": token, "paths": paths})
	if err != nil {
		t.Fatal(err)
	}
	answers := map[string]bool{}
	for _, path := range paths {
		have, ok := secret.Data[path].([]any)
		if !ok {
			t.Fatalf("Vault says nothing about %s: %v", path, secret.Data)
		}
		all := capabilities(operation)
		has := func(one any) bool { return slices.Contains(have, one) }
		answers[path] = has(all[0])
		for _, one := range all {
			if has(one) != answers[path] {
				t.Errorf("capabilities %v of %s: more or less than to %s", have, path, operation)
			}
		}
		if extra := slices.DeleteFunc(slices.Clone(have), isExpected); len(extra) > 0 {
			t.Errorf("capabilities %v of %s besides", extra, path)
		}
	}
	return answers
}

func isExpected(capability any) bool {
	return capability == "deny" || slices.Contains(slices.Concat(capabilities(policy.OperationRead), capabilities(policy.OperationWrite)), capability)
}

// reads really reads. A secret that is not there was still allowed.
func reads(t *testing.T, token, path string) bool {
	t.Helper()
	client, err := shared.Vault.Client.Clone()
	if err != nil {
		t.Fatal(err)
	}
	client.SetToken(token)
	return readsWith(t, client, path)
}

func readsWith(t *testing.T, client *vaultapi.Client, path string) bool {
	t.Helper()
	_, err := client.Logical().ReadRawWithContext(t.Context(), path)
	refusal, refused := errors.AsType[*vaultapi.ResponseError](err)
	switch {
	case err == nil, refused && refusal.StatusCode == 404:
		return true
	case refused && refusal.StatusCode == 403:
		return false
	}
	t.Fatalf("read %s: %v", path, err)
	return false
}

// claim asks for paths as Countersign would.
func claim(namespace string, login policy.Login, paths ...string) *policy.Claim {
	c := &policy.Claim{
		Namespace: namespace, Vault: login.Vault, VaultNamespace: login.VaultNamespace,
		AuthMount: login.AuthMount, AuthMethod: login.AuthMethod, Role: login.Role,
	}
	for _, path := range paths {
		c.Reads = append(c.Reads, policy.Read{Path: path})
	}
	return c
}

// verdict is the engine's on one path, and the deny rule that matched.
type verdict struct {
	allowed bool
	rule    string
}

func evaluate(compiled *policy.Policy, namespace vaultside.Namespace, login policy.Login, paths []string) []verdict {
	return evaluateTo(policy.OperationRead, compiled, namespace, login, paths)
}

func evaluateTo(operation policy.Operation, compiled *policy.Policy, namespace vaultside.Namespace, login policy.Login, paths []string) []verdict {
	asked := claim(namespace.Name, login, paths...)
	for i := range asked.Reads {
		asked.Reads[i].Operation = operation
	}
	answer := compiled.Evaluate(asked, policy.NamespaceLabels(namespace.Name, namespace.Labels))
	verdicts := make([]verdict, len(paths))
	for i := range verdicts {
		verdicts[i].allowed = true
	}
	for _, violation := range answer.Violations {
		if violation.Mode == policy.Enforce && violation.Read >= 0 {
			verdicts[violation.Read] = verdict{rule: violation.Rule}
		}
	}
	return verdicts
}

// matches compares a pattern and a path with case as it is, one segment after
// the other.
func matches(pattern, path string) bool {
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	for i, segment := range want {
		switch {
		case i >= len(have):
			return false
		case segment == "*":
			return true
		case segment != "+" && segment != have[i]:
			return false
		}
	}
	return len(want) == len(have)
}
