package v1

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What Countersign cannot do is told at admission, with the field and what to do.
func TestSyncProblems(t *testing.T) {
	const (
		data    = `"data": [{"secretKey": "a", "remoteRef": {"key": "a"}}], `
		eso     = "; leave it out, or refer to a store that External Secrets Operator syncs"
		strange = ": Forbidden: Countersign does not know this field" + eso
	)
	item := func(more string) string { return `"data": [{` + more + `}]` }
	ref := func(more string) string { return item(`"secretKey": "a", "remoteRef": {"key": "a"` + more + `}`) }
	from := func(more string) string { return `"dataFrom": [{` + more + `}]` }
	step := func(more string) string { return from(`"extract": {"key": "a"}, "rewrite": [` + more + `]`) }
	target := func(more string) string { return data + `"target": {` + more + `}` }
	template := func(more string) string { return target(`"template": {` + more + `}`) }
	tests := map[string]struct {
		spec string
		want []string
	}{
		"nothing":             {data + `"target": {"name": "x", "creationPolicy": "Owner", "deletionPolicy": "Retain", "template": {"engineVersion": "v2", "mergePolicy": "Replace"}}, "refreshInterval": "1h0m0s", "refreshPolicy": "Periodic"`, nil},
		"nothing of dataFrom": {from(`"find": {"name": {"regexp": ".*"}, "conversionStrategy": "Unicode", "decodingStrategy": "Auto", "nullBytePolicy": "Ignore"}, "rewrite": [{"regexp": {"source": "a", "target": "b"}}, {"transform": {"template": "{{ .value | upper }}"}}, {"merge": {"into": "x", "strategy": "JSON", "conflictPolicy": "Ignore", "priorityPolicy": "IgnoreNotFound"}}]`), nil},

		"neither data nor dataFrom": {`"target": {}`, []string{"spec: Required value: write data or dataFrom"}},
		"sync windows":              {data + `"syncWindows": {"kind": "allow"}`, []string{"spec.syncWindows: Forbidden: Countersign reads when something changes, and has no windows" + eso}},
		"refresh policy":            {data + `"refreshPolicy": "Hourly"`, []string{`spec.refreshPolicy: Unsupported value: "Hourly": supported values: "Periodic", "OnChange", "CreatedOnce"`}},
		"refresh interval":          {data + `"refreshInterval": "1 day"`, []string{`spec.refreshInterval: Invalid value: "1 day": no duration; write 1h30m`}},

		"no key":                                {item(`"remoteRef": {"key": "a"}`), []string{"spec.data[0].secretKey: Required value: give the value a key in the Secret"}},
		"a key with /":                          {item(`"secretKey": "a/b", "remoteRef": {"key": "a"}`), []string{`spec.data[0].secretKey: Invalid value: "a/b": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')`}},
		"a key twice":                           {`"data": [{"secretKey": "a", "remoteRef": {"key": "a"}}, {"secretKey": "a", "remoteRef": {"key": "b"}}]`, []string{`spec.data[1].secretKey: Duplicate value: "a"`}},
		"a key twice, where one may be missing": {`"data": [{"secretKey": "a", "remoteRef": {"key": "a"}}, {"secretKey": "a", "remoteRef": {"key": "b"}}], "target": {"deletionPolicy": "Merge"}`, nil},
		"version":                               {ref(`, "version": "latest"`), []string{`spec.data[0].remoteRef.version: Invalid value: "latest": no version of KV v2; write a number`}},
		"versions":                              {from(`"extract": {"key": "a", "version": "0"}`), nil},
		"metadata policy":                       {ref(`, "metadataPolicy": "All"`), []string{`spec.data[0].remoteRef.metadataPolicy: Unsupported value: "All": supported values: "None", "Fetch"`}},
		"strategies": {ref(`, "conversionStrategy": "A", "decodingStrategy": "B", "nullBytePolicy": "C"`), []string{
			`spec.data[0].remoteRef.conversionStrategy: Unsupported value: "A": supported values: "Default", "Unicode"`,
			`spec.data[0].remoteRef.decodingStrategy: Unsupported value: "B": supported values: "None", "Base64", "Base64URL", "Auto"`,
			`spec.data[0].remoteRef.nullBytePolicy: Unsupported value: "C": supported values: "Ignore", "Fail"`}},

		"extract and find":                     {from(`"extract": {"key": "a"}, "find": {}`), []string{"spec.dataFrom[0].find: Forbidden: extract stands there too; give each an entry of its own"}},
		"neither of them":                      {from(``), []string{"spec.dataFrom[0]: Required value: write extract or find"}},
		"a generator":                          {from(`"sourceRef": {"generatorRef": {"kind": "Password", "name": "p"}}`), []string{"spec.dataFrom[0].sourceRef.generatorRef: Forbidden: Countersign runs no generators" + eso}},
		"a generator of data":                  {item(`"secretKey": "a", "remoteRef": {"key": "a"}, "sourceRef": {"generatorRef": {"kind": "Password", "name": "p"}}`), []string{"spec.data[0].sourceRef.generatorRef: Forbidden: Countersign runs no generators" + eso}},
		"an empty source":                      {item(`"secretKey": "a", "remoteRef": {"key": "a"}, "sourceRef": {}`), []string{"spec.data[0].sourceRef.storeRef: Required value: name a store, or leave sourceRef out"}},
		"a name that is no regular expression": {from(`"find": {"name": {"regexp": "(", "glob": "*"}}`), []string{"spec.dataFrom[0].find.name.glob" + strange, `spec.dataFrom[0].find.name.regexp: Invalid value: "(": no regular expression of Go`}},
		"a name that is none":                  {from(`"find": {"name": "x"}`), []string{`spec.dataFrom[0].find.name: Invalid value: "": not as the CRD of External Secrets Operator has it`}},

		"two rewrites in one": {step(`{"regexp": {"source": "a"}, "transform": {"template": "b"}}`), []string{`spec.dataFrom[0].rewrite[0]: Invalid value: "": write one of regexp, transform and merge; give each an entry of its own`}},
		"no rewrite":          {step(`{}`), []string{`spec.dataFrom[0].rewrite[0]: Invalid value: "": write one of regexp, transform and merge; give each an entry of its own`}},
		"an unknown rewrite": {step(`{"replace": {"source": "a"}}, {"regexp": {"source": "a", "flags": "i"}}, {"regexp": 5}`), []string{
			"spec.dataFrom[0].rewrite[0].replace" + strange, "spec.dataFrom[0].rewrite[1].regexp.flags" + strange, `spec.dataFrom[0].rewrite[2]: Invalid value: "": not as the CRD of External Secrets Operator has it`}},
		"expressions": {step(`{"regexp": {"source": "("}}, {"transform": {"template": "{{"}}`), []string{
			`spec.dataFrom[0].rewrite[0].regexp.source: Invalid value: "(": no regular expression of Go`,
			`spec.dataFrom[0].rewrite[1].transform.template: Invalid value: "": template "transform", line 1: unclosed action`}},
		"merges": {step(`{"merge": {"strategy": "YAML", "conflictPolicy": "Win", "priorityPolicy": "Lax"}}, {"merge": {"strategy": "JSON"}}`), []string{
			`spec.dataFrom[0].rewrite[0].merge.strategy: Unsupported value: "YAML": supported values: "Extract", "JSON"`,
			`spec.dataFrom[0].rewrite[0].merge.conflictPolicy: Unsupported value: "Win": supported values: "Error", "Ignore"`,
			`spec.dataFrom[0].rewrite[0].merge.priorityPolicy: Unsupported value: "Lax": supported values: "Strict", "IgnoreNotFound"`,
			"spec.dataFrom[0].rewrite[1].merge.into: Required value: name the key that gets the JSON"}},

		"manifest": {target(`"manifest": {"apiVersion": "v1", "kind": "ConfigMap"}`), []string{"spec.target.manifest: Forbidden: Countersign makes Secrets only" + eso}},
		"names":    {target(`"name": "A_b"`), []string{`spec.target.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`}},
		"policies": {target(`"creationPolicy": "Take", "deletionPolicy": "Keep"`), []string{
			`spec.target.creationPolicy: Unsupported value: "Take": supported values: "Owner", "Orphan", "Merge", "None", "CreateOrMerge"`, `spec.target.deletionPolicy: Unsupported value: "Keep": supported values: "Retain", "Delete", "Merge"`}},
		"to delete what is owned": {target(`"deletionPolicy": "Delete"`), nil},
		"to delete what is not":   {target(`"creationPolicy": "CreateOrMerge", "deletionPolicy": "Delete"`), []string{"spec.target.deletionPolicy: Forbidden: only a Secret that the object owns is deleted; write creationPolicy: Owner"}},
		"to delete what was left": {target(`"creationPolicy": "Orphan", "deletionPolicy": "Delete"`), []string{"spec.target.deletionPolicy: Forbidden: only a Secret that the object owns is deleted; write creationPolicy: Owner"}},
		"to merge with nothing":   {target(`"creationPolicy": "None", "deletionPolicy": "Merge"`), []string{"spec.target.deletionPolicy: Forbidden: without a Secret there is nothing to merge; leave it out"}},
		"to merge":                {target(`"creationPolicy": "Merge", "deletionPolicy": "Merge"`), nil},
		"unknown fields of a target": {target(`"namespace": "b", "template": {"kind": "x", "metadata": {"name": "y"}, "templateFrom": [{"url": "z"}]}`), []string{
			"spec.target.namespace" + strange, "spec.target.template.kind" + strange, "spec.target.template.metadata.name" + strange, "spec.target.template.templateFrom[0].url" + strange}},
		"a target that is none": {data + `"target": ["x"]`, []string{`spec.target: Invalid value: "": not as the CRD of External Secrets Operator has it`}},

		"engine":            {template(`"engineVersion": "v1"`), []string{`spec.target.template.engineVersion: Unsupported value: "v1": supported values: "v2"`}},
		"merge policy":      {template(`"mergePolicy": "Add"`), []string{`spec.target.template.mergePolicy: Unsupported value: "Add": supported values: "Replace", "Merge"`}},
		"a token":           {template(`"type": "kubernetes.io/service-account-token"`), []string{"spec.target.template.type: Forbidden: a Secret of type kubernetes.io/service-account-token is a credential of the cluster; write another type"}},
		"a bootstrap token": {template(`"type": "bootstrap.kubernetes.io/token"`), []string{"spec.target.template.type: Forbidden: a Secret of type bootstrap.kubernetes.io/token is a credential of the cluster; write another type"}},
		"finalizers":        {template(`"metadata": {"finalizers": ["x/y"]}`), []string{"spec.target.template.metadata.finalizers: Forbidden: a Secret that cannot be deleted keeps its namespace; leave them out"}},
		"own labels and annotations": {template(`"metadata": {"labels": {"countersign.dev/x": "y"}, "annotations": {"countersign.dev/adopt": "y"}}`), []string{
			"spec.target.template.metadata.labels[countersign.dev/x]: Forbidden: it is Countersign's own; leave it out", "spec.target.template.metadata.annotations[countersign.dev/adopt]: Forbidden: it is Countersign's own; leave it out"}},
		"unparsable": {template(`"data": {"a": "{{ .x "}, "metadata": {"labels": {"l": "{{ nope }}"}, "annotations": {"n": "{{ end }}"}}, "templateFrom": [{"literal": "{{ if }}"}]`), []string{
			`spec.target.template.metadata.labels[l]: Invalid value: "": template "template", line 1: there is no function "nope"`,
			`spec.target.template.metadata.annotations[n]: Invalid value: "": template "template", line 1: unexpected {{end}}`,
			`spec.target.template.data[a]: Invalid value: "": template "template", line 1: unclosed action`,
			`spec.target.template.templateFrom[0].literal: Invalid value: "": template "template", line 1: an action without a value`}},
		"the environment": {template(`"data": {"a": "{{ env \"HOME\" }}"}`), []string{`spec.target.template.data[a]: Invalid value: "": template "template", line 1: env is not offered: it reads the environment of the controller`}},
		"keys":            {template(`"data": {"a b": "x"}`), []string{`spec.target.template.data[a b]: Invalid value: "a b": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')`}},
		"templates from": {template(`"templateFrom": [{"target": "Type", "valuesDecodingStrategy": "Hex", "configMap": {"name": "ok", "items": [{"key": "a", "templateAs": "Keys"}]}, "secret": {"name": "ok", "items": [{"key": "a", "templateAs": "Values"}]}}]`), []string{
			`spec.target.template.templateFrom[0].target: Invalid value: "Type": a Secret has Data, Labels and Annotations; write one of them`,
			`spec.target.template.templateFrom[0].valuesDecodingStrategy: Unsupported value: "Hex": supported values: "None", "Base64", "Base64URL", "Auto"`,
			`spec.target.template.templateFrom[0].configMap.items[0].templateAs: Unsupported value: "Keys": supported values: "Values", "KeysAndValues"`}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			object := synced(t, externalSecret(`"secretStoreRef": {"name": "vault"}, `+tc.spec))
			var got []string
			for _, problem := range object.Spec.syncProblems(specPath()) {
				got = append(got, problem.Error())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// An entry without a store is nobody's.
func TestSyncProblemsOfStores(t *testing.T) {
	tests := map[string]struct {
		spec string
		want []string
	}{
		"no store":           {`"data": [{"secretKey": "a", "remoteRef": {"key": "a"}}]`, []string{"spec.data[0]: Required value: name a store under secretStoreRef, or under sourceRef here"}},
		"no name":            {`"secretStoreRef": {"name": ""}, "dataFrom": [{"extract": {"key": "a"}}]`, []string{"spec.dataFrom[0]: Required value: name a store under secretStoreRef, or under sourceRef here"}},
		"one of the entry's": {`"data": [{"secretKey": "a", "remoteRef": {"key": "a"}, "sourceRef": {"storeRef": {"name": "x"}}}]`, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, problem := range synced(t, externalSecret(tc.spec)).Spec.syncProblems(specPath()) {
				got = append(got, problem.Error())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What Countersign refuses of its own objects is nothing to it in ESO's: neither
// a field that it does not know, nor one of another type.
func TestESOsObjectsAreLeftAlone(t *testing.T) {
	for name, more := range map[string]string{
		"unknown fields":  `"target": {"x": {}, "template": {"y": {}}}, "dataFrom": [{"extract": {"key": "b"}, "rewrite": [{"z": {}}]}, {"find": {"name": {"glob": "*"}}}]`,
		"other types":     `"target": "x", "dataFrom": [{"extract": {"key": "b"}, "rewrite": ["z", {"regexp": 1}]}, {"find": {"name": 5}}]`,
		"a target's type": `"target": {"immutable": "yes", "template": 7}, "dataFrom": [{"extract": {"key": "b"}}, {"find": {}}]`,
		"refused ones":    `"target": {"manifest": {"kind": "ConfigMap"}, "template": {"data": {"a": "{{"}}}, "syncWindows": {"kind": "deny"}, "dataFrom": [{"extract": {"key": "b"}}, {"find": {"name": {"regexp": "("}}}]`,
	} {
		for class, refused := range map[string]bool{"ESO's": false, "ours": true} {
			t.Run(fmt.Sprintf("%s in %s", name, class), func(t *testing.T) {
				text := store("vault", kv2)
				if refused {
					text = oursStore(text)
				}
				object := synced(t, externalSecret(`"secretStoreRef": {"name": "vault"}, "data": [{"secretKey": "a", "remoteRef": {"key": "a"}}], `+more))
				claims, err := object.Claims(t.Context(), worldOf(t, text))
				if err != nil {
					t.Fatal(err)
				}
				shown := strings.Join(show(claims), "\n")
				if got := strings.Contains(shown, "Forbidden") || strings.Contains(shown, "Invalid"); got != refused {
					t.Errorf("refused: %v, in\n%s", got, shown)
				}
				for _, read := range []string{"secret/data/a", "secret/data/b", "everything below"} {
					if !strings.Contains(shown, read) {
						t.Errorf("%q is not judged in\n%s", read, shown)
					}
				}
			})
		}
	}
}
