package chart_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/policy"
)

// TestRefusedValues: a mistake in values is told before anything is installed.
func TestRefusedValues(t *testing.T) {
	const address = "vault.address=https://vault.example:8200"
	for name, test := range map[string]struct{ set, want string }{
		"no address":              {"logLevel=info", "vault.address: the address of your Vault is missing"},
		"address without scheme":  {"vault.address=vault:8200", "/vault/address"},
		"address with a path":     {"vault.address=https://vault:8200/v1", "/vault/address"},
		"unknown value":           {address + ",replicas=3", "'replicas' not allowed"},
		"unknown nested value":    {address + ",vault.adress=x", "'adress' not allowed"},
		"unknown field of a rule": {address + ",policy.allow[0].path=x", "'path' not allowed"},
		"rule without role":       {address + ",policy.allow[0].name=a,policy.allow[0].namespaces.names={a},policy.allow[0].paths={s/d/*}", "'roles'"},
		"unknown mode":            {address + ",enforcement.default=Off", "/enforcement/default"},
		"unknown certificates":    {address + ",certificates.mode=files", "/certificates/mode"},
		"Vault without address":   {address + ",vaults.eu.role=a", "'address'"},
		"no replica":              {address + ",replicaCount=0", "/replicaCount"},
		"no budget":               {address + ",vault.requestsPerSecond=0", "/vault/requestsPerSecond"},
		"namespaces, own CA":      {address + ",watchNamespaces={team-a}", "set certificates.mode=cert-manager"},
		"namespace by pattern":    {address + ",watchNamespaces={team-*}", "/watchNamespaces/0"},
		"CA that is a file name":  {address + ",vault.caCert=ca.pem", "/vault/caCert"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := helmTemplate(t, "--set", test.set)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("want an error with %q, got %v", test.want, err)
			}
		})
	}
}

// TestRulesAreThoseOfThePolicy: the schema has each field that a rule can have.
func TestRulesAreThoseOfThePolicy(t *testing.T) {
	var values struct {
		Properties struct {
			Policy struct {
				Properties map[string]struct {
					Items struct{ Properties map[string]any }
				}
			}
		}
	}
	if err := json.Unmarshal(readChart(t, "values.schema.json"), &values); err != nil {
		t.Fatal(err)
	}
	for name, rule := range map[string]reflect.Type{"allow": reflect.TypeFor[policy.AllowRule](), "deny": reflect.TypeFor[policy.DenyRule]()} {
		var want []string
		for field := range rule.Fields() {
			tag, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			want = append(want, tag)
		}
		slices.Sort(want)
		got := slices.Sorted(maps.Keys(values.Properties.Policy.Properties[name].Items.Properties))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-policy +values.schema.json):\n%s", name, diff)
		}
	}
}

// TestDefaultVaultOverridden: an entry "default" of vaults stands in for vault.
func TestDefaultVaultOverridden(t *testing.T) {
	rendered := mustRender(t, "--set", "vaults.default.address=https://other.example:8200")
	if !strings.Contains(string(rendered), "address: https://other.example:8200") {
		t.Error("the settings do not name the address")
	}
}

func TestNames(t *testing.T) {
	for name, test := range map[string]struct{ set, want string }{
		"override":       {"fullnameOverride=signer", "signer"},
		"of the release": {"nameOverride=sign", "countersign"},
		"both":           {"nameOverride=other", "countersign-other"},
	} {
		t.Run(name, func(t *testing.T) {
			all := parse(t, mustRender(t, "--set", "vault.address=https://vault.example:8200,"+test.set))
			named[map[string]any](t, all, "Deployment", test.want)
			named[map[string]any](t, all, "ValidatingWebhookConfiguration", test.want)
			named[map[string]any](t, all, "Secret", test.want+"-webhook-cert")
		})
	}
}
