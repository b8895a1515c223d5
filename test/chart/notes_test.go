package chart_test

import (
	"regexp"
	"strings"
	"testing"
)

// notes are what an install tells, without a cluster.
func notes(t *testing.T, in, set string) string {
	t.Helper()
	out, err := runHelm(t, "install", release, chartDir, "--namespace", in, "--dry-run=client", "--set", "vault.address=https://vault.example:8200", "--set", set)
	if err != nil {
		t.Fatal(err)
	}
	_, told, found := strings.Cut(string(out), "\nNOTES:\n")
	if !found {
		t.Fatalf("no notes in:\n%s", out)
	}
	return told
}

const oneRule = "policy.allow[0].name=a,policy.allow[0].namespaces.names={a},policy.allow[0].paths={s/data/*},policy.allow[0].roles={r}"

// TestWarnings: each obvious mistake is told after an install, and only it.
func TestWarnings(t *testing.T) {
	for name, test := range map[string]struct{ in, set, want string }{
		"nothing wrong":      {namespace, "policy.mounts.s.kv=2," + oneRule, ""},
		"plain http":         {namespace, "vault.address=http://vault:8200", "http://vault:8200 is plain http: tokens and secrets cross the network unencrypted."},
		"the pod itself":     {namespace, "vault.address=https://127.0.0.1:8200", "https://127.0.0.1:8200: that is the pod itself."},
		"the pod itself, v6": {namespace, "vault.address=https://[::1]:8200", "https://[::1]:8200: that is the pod itself."},
		"one audience":       {namespace, "vaults.eu.address=https://eu:8200", "two Vaults have the same audience: each can use Countersign's token at the other."},
		"delegator":          {namespace, "vault.authDelegator=true,vault.audience=https://kubernetes.default.svc", "vault.authDelegator is on: whoever holds Countersign's token, Vault included, can have any token and any access reviewed by the apiserver. A token reviewer of Vault's own avoids that."},
		"delegator, audience": {namespace, "vault.authDelegator=true", "vault.authDelegator is on: whoever holds Countersign's token, Vault included, can have any token and any access reviewed by the apiserver. A token reviewer of Vault's own avoids that.\n" +
			"vault.authDelegator has Vault review Countersign's token with that token: set vault.audience to an audience of the apiserver (its --api-audiences, or the issuer), or the login is refused."},
		"no mounts":         {namespace, oneRule, "policy.allow has rules and policy.mounts is empty: unless another policy ConfigMap names their mounts, the policy is invalid."},
		"nothing enforced":  {namespace, "enforcement.default=Audit", "enforcement.default is Audit: what no rule allows is admitted, and read from Vault."},
		"namespace default": {"default", "logLevel=info", "the release is in namespace default: whoever may write ConfigMaps there administers the policy."},
		"one replica":       {namespace, "replicaCount=1", "with one replica, ExternalSecrets cannot be changed while it restarts."},
		"no CRD":            {namespace, "crds.install=false", "crds.install is off and the cluster has no ExternalSecret of kubernetes-client.io/v1: the pods start once it does."},
		"policy of no use":  {namespace, "hostNetwork=true,networkPolicy.enabled=true", "networkPolicy has no effect on pods of the node's network (hostNetwork)."},
	} {
		t.Run(name, func(t *testing.T) {
			var told []string
			for _, match := range regexp.MustCompile(`(?m)^WARNING: (.*)$`).FindAllStringSubmatch(notes(t, test.in, test.set), -1) {
				told = append(told, match[1])
			}
			if got := strings.Join(told, "\n"); got != test.want {
				t.Errorf("told %q, want %q", got, test.want)
			}
		})
	}
}

// TestNextSteps: whom to wait for, that there is no rule yet, and what Vault
// has to be told.
func TestNextSteps(t *testing.T) {
	for name, test := range map[string]struct {
		set  string
		want []string
	}{
		"first install": {"logLevel=info", []string{
			"rollout status deployment/countersign\n", "no rule allows anything yet", "audience                         = vault",
			"bound_service_account_names      = countersign\n",
		}},
		"with rules": {"policy.mounts.s.kv=2," + oneRule, []string{"1 allow and 0 deny rule(s) from values stand in ConfigMap countersign-policy"}},
		"split": {"split=true", []string{
			"rollout status deployment/countersign\n", "rollout status deployment/countersign-sync\n", "bound_service_account_names      = countersign\n",
		}},
		"stores of a class": {"dialects={eso},eso.storeClass=ours", []string{"synced where their store says spec.controller: ours, and else guarded.\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			told := notes(t, namespace, test.set)
			for _, want := range test.want {
				if !strings.Contains(told, want) {
					t.Errorf("%q is not in:\n%s", want, told)
				}
			}
		})
	}
}

// TestLint: helm finds nothing to say about the chart with any values file.
func TestLint(t *testing.T) {
	for name, values := range cases(t) {
		t.Run(name, func(t *testing.T) {
			if out, err := runHelm(t, "lint", "--strict", "--quiet", chartDir, "--namespace", namespace, "--values", values); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
