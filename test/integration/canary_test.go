package integration

import (
	"strings"
	"testing"
)

const canary = "canary-7f3a9c51e2"

// A value of Vault is found in the Secret and nowhere else: not in the logs at
// the highest verbosity, events, statuses or metrics.
func TestCanary(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": canary, "json": map[string]any{canary: canary}, "bad key": canary})
	n.put("legacy", "app", map[string]any{"a": canary})
	item := func(more string) string {
		return vaultHead + "data: [{name: a, key: kubernetes/data/NS/app, " + more + "}]"
	}
	n.apply("good", item("property: a"))
	n.awaitSynced("good")
	if got := n.data("good")["a"]; got != canary {
		t.Fatalf("the Secret holds %q", got)
	}
	failing := map[string]string{
		"property":   item("property: a.b"),
		"binary":     item("property: a, isBinary: true"),
		"version":    vaultHead + "dataFrom: [legacy/NS/app]",
		"key":        vaultHead + "dataFrom: [kubernetes/data/NS/app]",
		"template":   item("property: a") + "\ntemplate: {stringData: {out: '<%= yaml.dump(JSON.parse(data.a)) %>'}}",
		"wrong-type": item("property: a") + "\ntemplate: {type: kubernetes.io/dockerconfigjson}",
	}
	for name, spec := range failing {
		n.apply(name, spec)
		if name == "wrong-type" {
			n.awaitReason(name, "SecretRefused")
			continue
		}
		n.awaitReason(name, "InvalidValue")
	}
	logs, err := n.process.Logs()
	if err != nil {
		t.Fatal(err)
	}
	places := map[string]string{
		"logs": logs, "metrics": n.metrics(),
		"events":     n.do("", "get", "events", "-A", "-o", "yaml"),
		"objects":    n.do("", "get", "externalsecrets", "-A", "-o", "yaml", "--show-managed-fields"),
		"ConfigMaps": n.do("", "get", "configmaps", "-A", "-o", "yaml"),
	}
	for place, text := range places {
		if strings.Contains(text, canary) {
			t.Errorf("the canary stands in the %s", place)
		}
		if text == "" {
			t.Errorf("nothing was searched of the %s", place)
		}
	}
	if !strings.Contains(logs, n.ns) {
		t.Error("the logs searched are not those of this test's objects")
	}
}
