package v1

import (
	"fmt"
	"strings"
	"testing"
)

// Few bytes of an object that would make a process hold much are an error, soon.
func TestHeld(t *testing.T) {
	mega := strings.Repeat("x", 1<<20)
	large := vaultOf{"secret/data/k": kv(`{"x": "` + mega + `"}`)}
	repeat := func(of string, times int) string {
		var all []string
		for i := range times {
			all = append(all, fmt.Sprintf(of, i))
		}
		return strings.Join(all, ", ")
	}
	tree := vaultOf{}
	var names []string
	for i := range 16 {
		names = append(names, fmt.Sprintf("n%02d", i))
		tree["secret/data/app/"+names[i]] = large["secret/data/k"]
	}
	tree["list secret/metadata/app"] = keys(names...)
	const tooLong = ": Too long: may not be more than 16777216 bytes"
	testRenderings(t, map[string]rendering{
		"one secret under many keys": {spec: `"data": [` + repeat(`{"secretKey": "k%d", "remoteRef": {"key": "k"}}`, 100) + `]`, vault: large, err: "spec.data[15]" + tooLong},
		"and over and over":          {spec: `"dataFrom": [` + strings.TrimSuffix(strings.Repeat(`{"extract": {"key": "k"}},`, 100), ",") + `]`, vault: large, err: "spec.dataFrom[16]" + tooLong},
		"many large secrets":         {spec: `"dataFrom": [{"find": {"path": "app"}}]`, vault: tree, err: "spec.dataFrom[0].find.path" + tooLong},
		"many templates":             {spec: `"dataFrom": [{"extract": {"key": "k", "property": "x"}}], "target": {"template": {"data": {` + repeat(`"k%02d": "`+mega+`"`, 17) + `}}}`, vault: vaultOf{"secret/data/k": kv(`{"x": {"a": "1"}}`)}, err: "spec.target.template.data[k16]" + tooLong},
		"a merge of merges": {spec: rewritten(repeat(`{"merge": {"strategy": "JSON", "conflictPolicy": "Ignore", "into": "k%d"}}`, 100)), vault: vaultOf{"secret/data/k": kv(`{"x": {"y": "` + mega + `"}}`)},
			err: "spec.dataFrom[0].rewrite[14]" + tooLong},
	})
}

// Keys are bounded between steps, and what they are compared with too.
func TestRewriteBounds(t *testing.T) {
	vault := vaultOf{"secret/data/k": kv(`{"` + strings.Repeat("k", 200) + `": "` + canary + `"}`)}
	doubled := `{"regexp": {"source": "^.*$", "target": "$0$0"}}`
	long := strings.Repeat("a", maxRegular+1)
	testRenderings(t, map[string]rendering{
		"longer than a key for a while": {spec: rewritten(doubled + "," + doubled + `, {"regexp": {"source": "^(.{9}).*$", "target": "$1"}}`), vault: vault, want: map[string]string{"kkkkkkkkk": canary}},
		"longer and longer":             {spec: rewritten(strings.TrimSuffix(strings.Repeat(doubled+",", 100), ",")), vault: vault, err: "spec.dataFrom[0].rewrite[4].regexp: Too long: may not be more than 4096 bytes"},
		"by a template":                 {spec: rewritten(`{"transform": {"template": "{{ repeat 100 .value }}"}}`), vault: vault, err: "spec.dataFrom[0].rewrite[0].transform.template: Too long: may not be more than 4096 bytes"},
		"a long expression":             {spec: rewritten(`{"regexp": {"source": "` + long + `", "target": ""}}`), vault: vault, err: `spec.dataFrom[0].rewrite[0].regexp.source: Invalid value: "` + long + `": longer than 1024 bytes`},
		"a long target":                 {spec: rewritten(`{"regexp": {"source": "", "target": "` + long + `"}}`), vault: vault, err: "spec.dataFrom[0].rewrite[0].regexp.target: Too long: may not be more than 1024 bytes"},
		"a long name":                   {spec: `"dataFrom": [{"find": {"name": {"regexp": "` + long + `"}}}]`, vault: vaultOf{"list secret/metadata": keys("a")}, err: `spec.dataFrom[0].find.name.regexp: Invalid value: "` + long + `": longer than 1024 bytes`},
	})
}
