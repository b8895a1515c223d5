package v1

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

func defaults() api.Defaults {
	return api.Defaults{Vault: "default", VaultNamespace: "ns", AuthMount: "kubernetes", Role: "fallback"}
}

// claimed is a claim as text.
type claimed struct {
	AuthMount, Role string
	Reads, Problems []string
}

func claimedBy(claim *policy.Claim) *claimed {
	if claim == nil {
		return nil
	}
	c := &claimed{AuthMount: claim.AuthMount, Role: claim.Role}
	for _, read := range claim.Reads {
		c.Reads = append(c.Reads, read.Field.String()+" = "+read.Path)
	}
	for _, problem := range claim.Problems {
		c.Problems = append(c.Problems, problem.Error())
	}
	return c
}

func TestClaim(t *testing.T) {
	const elsewhere = "template expressions (<% %> and ${ }) work under data and stringData only: a value in metadata could be read without reading the Secret"
	simple := "backendType: vault\nvaultRole: r\ndataFrom: [kv/data/a]\n"
	reads := []string{"spec.dataFrom[0] = kv/data/a"}
	problem := func(problems ...string) *claimed {
		return &claimed{"kubernetes", "r", reads, problems}
	}
	tests := map[string]struct {
		spec string
		want *claimed
	}{
		"every field that carries a path": {
			"backendType: vault\nvaultRole: r\nvaultMountPoint: eu/k8s\ndata: [{key: kv/data/a, name: n}, {key: 'kv/data/b?version=2', name: m}]\ndataFrom: [kv/data/c]\ndataFromWithOptions: [{key: kv/data/d}]",
			&claimed{"eu/k8s", "r", []string{"spec.data[0].key = kv/data/a", "spec.data[1].key = kv/data/b", "spec.dataFrom[0] = kv/data/c", "spec.dataFromWithOptions[0].key = kv/data/d"}, nil}},
		"defaults":                  {"backendType: vault\ndataFrom: [kv/data/a]", &claimed{"kubernetes", "fallback", reads, nil}},
		"roleArn shadows nothing":   {simple + "roleArn: arn", problem()},
		"other backend":             {"backendType: secretsManager\ndataFrom: [kv/data/a]", nil},
		"mount that leaves auth":    {"backendType: vault\nvaultRole: r\nvaultMountPoint: ../sys\ndataFrom: [kv/data/a]", &claimed{"../sys", "r", reads, []string{`spec.vaultMountPoint: Invalid value: "../sys": not the mount of an auth method; write it without slashes around it`}}},
		"list of a path":            {"backendType: vault\nvaultRole: r\ndata: [{path: /x}]", &claimed{"kubernetes", "r", []string{"spec.data[0].key = "}, []string{"spec.data[0].path: Forbidden: the vault backend cannot list a path; name each secret by its key", "spec.data[0].name: Required value: give the value a key in the Secret"}}},
		"empty property":            {"backendType: vault\nvaultRole: r\ndata: [{key: kv/data/a, name: a, property: ''}]", &claimed{"kubernetes", "r", []string{"spec.data[0].key = kv/data/a"}, []string{`spec.data[0].property: Invalid value: "": name a field, or leave property out for the whole secret`}}},
		"binary without a property": {"backendType: vault\nvaultRole: r\ndata: [{key: kv/data/a, name: a, isBinary: true}]", &claimed{"kubernetes", "r", []string{"spec.data[0].key = kv/data/a"}, []string{`spec.data[0].isBinary: Invalid value: true: the whole secret is JSON and no base64; name a property`}}},
		"unquoted number":           {simple + "template: {metadata: {annotations: {commit-hash: 1234567}}}", problem("spec.template.metadata.annotations[commit-hash]: Invalid value: \"\": write a string; numbers, booleans and null need quotes")},
		"expression outside of the data": {simple + "template: {type: '<%= data.t %>', metadata: {name: '${data.n}', labels: {l: '<%= data.l %>'}, annotations: {a: '<%- data.x %>'}}}", problem(
			"spec.template.metadata.annotations.a: Forbidden: "+elsewhere,
			"spec.template.metadata.labels.l: Forbidden: "+elsewhere,
			"spec.template.metadata.name: Forbidden: "+elsewhere,
			`spec.template.metadata.labels[l]: Invalid value: "<%= data.l %>": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
			"spec.template.type: Forbidden: "+elsewhere)},
		"expression that passes": {simple + "template: {stringData: {a: '<%= data.x %>'}, data: {b: '${data.x}'}}", problem()},
		"expressions that do not": {simple + "template: {stringData: {a: '<% for (;;) {} %>', b: 'é ${HOME}'}, data: {c: \"x\\n<%= new Date() %>\", d: '<%= data. %>'}}", problem(
			"spec.template.data[c]: Forbidden: 2:5: new is not supported; supported are lookups in data, JSON.parse, JSON.stringify, yaml.load, yaml.dump, literals, +, comparisons, &&, ||, ??, ! and ?:",
			"spec.template.data[d]: Forbidden: 1:4: not one expression of JavaScript",
			"spec.template.stringData[a]: Forbidden: 1:1: statements in <% %> are not supported; supported are lookups in data, JSON.parse, JSON.stringify, yaml.load, yaml.dump, literals, +, comparisons, &&, ||, ??, ! and ?:",
			`spec.template.stringData[b]: Forbidden: 1:5: there is no "HOME", only data, JSON and yaml; write <%= "${" %> for a ${ that is text`)},
		"ServiceAccount token":              {simple + "template: {type: kubernetes.io/service-account-token}", problem("spec.template.type: Forbidden: a Secret of type kubernetes.io/service-account-token is a credential of the cluster itself")},
		"bootstrap token, deprecated field": {simple + "type: bootstrap.kubernetes.io/token", problem("spec.template.type: Forbidden: a Secret of type bootstrap.kubernetes.io/token is a credential of the cluster itself")},
		"own annotations":                   {simple + "template: {metadata: {annotations: {countersign.dev/adopt: x}, labels: {countersign.dev/y: z}}}", problem("spec.template.metadata.annotations[countersign.dev/adopt]: Forbidden: countersign.dev/ is Countersign's own", "spec.template.metadata.labels[countersign.dev/y]: Forbidden: countersign.dev/ is Countersign's own")},
		"other metadata":                    {simple + "template: {metadata: {finalizers: [x], namespace: y}}", problem("spec.template.metadata.finalizers: Forbidden: only labels and annotations may be set", "spec.template.metadata.namespace: Forbidden: only labels and annotations may be set")},
		"other fields":                      {simple + "template: {spec: {}, immutable: 'yes'}", problem("spec.template.immutable: Invalid value: \"\": write true or false", "spec.template.spec: Forbidden: a Secret's template has type, metadata, data, stringData and immutable")},
		"data that is not base64":           {simple + "template: {data: {a: '@@'}}", problem(`spec.template.data[a]: Invalid value: "": not base64; write plain text under stringData`)},
		"label that is none":                {simple + "template: {metadata: {labels: {a: 'b c'}}}", problem(`spec.template.metadata.labels[a]: Invalid value: "b c": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`)},
		"key of a Secret":                   {"backendType: vault\nvaultRole: r\ndata: [{key: kv/data/a, name: 'a b'}]", &claimed{"kubernetes", "r", []string{"spec.data[0].key = kv/data/a"}, []string{`spec.data[0].name: Invalid value: "a b": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')`}}},
		"long property":                     {"backendType: vault\nvaultRole: r\ndata: [{key: kv/data/a, name: a, property: " + strings.Repeat("x", 1025) + "}]", &claimed{"kubernetes", "r", []string{"spec.data[0].key = kv/data/a"}, []string{"spec.data[0].property: Too long: may not be more than 1024 bytes"}}},
		"long role":                         {"backendType: vault\nvaultRole: " + strings.Repeat("r", 254) + "\ndataFrom: [kv/data/a]", &claimed{"kubernetes", strings.Repeat("r", 254), reads, []string{"spec.vaultRole: Too long: may not be more than 253 bytes"}}},
		"template that is a list":           {simple + "template: [a]", problem(`spec.template: Invalid value: "": not an object`)},
		"lists for objects":                 {simple + "template: {metadata: [], data: [], stringData: x}", problem(`spec.template.data: Invalid value: "": write an object of strings`, `spec.template.metadata: Invalid value: "": write an object`, `spec.template.stringData: Invalid value: "": write an object of strings`)},
		"keys of a template":                {simple + "template: {data: {'a b': eA==}, stringData: {'..': x}}", problem(`spec.template.data[a b]: Invalid value: "a b": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')`, `spec.template.stringData[..]: Invalid value: "..": must not be '..'`)},
		"label name that is none":           {simple + "template: {metadata: {labels: {'a b': c}}}", problem(`spec.template.metadata.labels[a b]: Invalid value: "c": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`)},
		"number for a type":                 {simple + "template: {type: 7}", problem(`spec.template.type: Invalid value: "": write a string; numbers, booleans and null need quotes`)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := claimedBy(externalSecret(t, tc.spec).Claim(defaults()))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestClaimRefusesALongResync(t *testing.T) {
	object := externalSecret(t, "backendType: vault\nvaultRole: r\ndataFrom: [kv/data/a]")
	object.Annotations = map[string]string{api.Resync: strings.Repeat("x", 257)}
	problems := object.Claim(defaults()).Problems
	want := `metadata.annotations[countersign.dev/resync]: Invalid value: "257 bytes": at most 256 bytes; a commit hash or a timestamp will do`
	if len(problems) != 1 || problems[0].Error() != want {
		t.Errorf("got %v, want %s", problems, want)
	}
}
