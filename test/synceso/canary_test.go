package synceso

import (
	"strings"
	"testing"
)

// No value is told anywhere but in its Secret: not where it was synced, and not
// where it is what is wrong.
func TestCanary(t *testing.T) {
	const canary = "canary-5f1c9f!"
	n := newTenant(t)
	n.put(n.ns+"/app", map[string]any{"a": canary, "object": map[string]any{"inner": canary}})
	wrong := map[string]string{
		"decoding":  `dataFrom: [{extract: {key: NS/app, decodingStrategy: Base64}}]`,
		"template":  `{dataFrom: [{extract: {key: NS/app}}], target: {template: {data: {x: "{{ fail .a }}"}}}}`,
		"function":  `{dataFrom: [{extract: {key: NS/app}}], target: {template: {data: {x: "{{ .a | fromJson | toYaml | atoi | until }}{{ index .a 99 }}"}}}}`,
		"keys":      `{dataFrom: [{extract: {key: NS/app}}], target: {template: {templateFrom: [{literal: "{{ .a }}: x"}]}}}`,
		"label":     `{dataFrom: [{extract: {key: NS/app}}], target: {template: {metadata: {labels: {x: "{{ .a }}"}}}}}`,
		"type":      `{dataFrom: [{extract: {key: NS/app}}], target: {template: {type: kubernetes.io/tls}}}`,
		"merge":     `dataFrom: [{extract: {key: NS/app}, rewrite: [{merge: {}}]}]`,
		"fields":    `dataFrom: [{extract: {key: NS/app, property: a}}]`,
		"property":  `data: [{secretKey: x, remoteRef: {key: NS/app, property: object.none}}]`,
		"transform": `dataFrom: [{extract: {key: NS/app, property: object}, rewrite: [{transform: {template: "{{ fail .value }}"}}]}]`,
	}
	n.apply(n.store("vault"), external("synced", "vault", "NS/app", ""))
	for name, spec := range wrong {
		spec = strings.TrimSuffix(strings.TrimPrefix(spec, "{"), "}")
		n.apply("{apiVersion: external-secrets.io/v1, kind: ExternalSecret, metadata: {name: " + name + ", namespace: NS}, spec: {secretStoreRef: {name: vault}, " + spec + "}}")
	}
	n.awaitValue("synced", "a", canary)
	for name := range wrong {
		n.awaitReady(name, "SecretSyncedError", "")
	}
	logs, err := n.process.Logs()
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := n.process.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for place, text := range map[string]string{
		"logs": logs, "metrics": metrics,
		"objects": n.do("", "get", "externalsecrets.external-secrets.io,secretstores.external-secrets.io", "-n", n.ns, "-o", "yaml"),
		"events":  n.do("", "get", "events", "-n", n.ns, "-o", "yaml"),
	} {
		if strings.Contains(text, canary) || strings.Contains(text, "canary") {
			t.Errorf("%s tell a value: %s", place, around(text, "canary"))
		}
	}
}

// around is what stands there.
func around(text, word string) string {
	at := strings.Index(text, word)
	return text[max(0, at-300):min(len(text), at+100)]
}
