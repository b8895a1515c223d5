package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/test/harness"
)

// readingRow is one of docs/reading.md.
type readingRow struct {
	name, here string
	// quoted are the texts in backticks of what is said of here.
	quoted []string
}

// readingRows are the page's rows: case, kubernetes-external-secrets, here.
func readingRows(t *testing.T) []readingRow {
	t.Helper()
	page, err := os.ReadFile("../../docs/reading.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []readingRow
	for _, cells := range regexp.MustCompile(`(?m)^\| (.+?) \| .+? \| (.+?) \|$`).FindAllStringSubmatch(string(page), -1) {
		if cells[1] == "case" {
			continue
		}
		row := readingRow{name: cells[1], here: cells[2]}
		for _, quoted := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row.here, -1) {
			row.quoted = append(row.quoted, quoted[1])
		}
		rows = append(rows, row)
	}
	return rows
}

// readCase is the test of a row: what is asked, and what the Secret then holds;
// nil where there is none.
type readCase struct {
	spec string
	want map[string]string
}

const (
	appPath  = "kubernetes/data/NS/app"
	halfMiB  = 1 << 19
	longName = 254
)

// value asks for one value of a secret, by a property.
func value(property string, more ...string) string {
	return vaultHead + "data: [{name: v, key: " + appPath + ", property: '" + property + "'" + strings.Join(more, "") + "}]"
}

func from(paths ...string) string {
	return vaultHead + "dataFrom: ['" + strings.Join(paths, "', '") + "']"
}

func whole(path string) string {
	return vaultHead + "data: [{name: v, key: '" + path + "'}]"
}

func one(text string) map[string]string { return map[string]string{"v": text} }

func readCases() map[string]readCase {
	const binary = ", isBinary: true"
	small := map[string]string{"a": "1", "b": "2", "c": "<b>&"}
	half := strings.Repeat("x", halfMiB)
	return map[string]readCase{
		"a full path, with `data/` for KV v2":                      {from("kubernetes/data/NS/small"), small},
		"KV v2 without `data/`":                                    {from("kubernetes/NS/app"), nil},
		"an empty key":                                             {from(""), nil},
		"a segment that is empty, `.` or `..`, a `/` at an end":    {from("kubernetes/data/NS/../app", appPath+"/"), nil},
		"an escape, a space":                                       {from("kubernetes/data/NS/a%2fpp", "kubernetes/data/NS/a pp"), nil},
		"`?version=N` at the end":                                  {whole("kubernetes/data/NS/twice?version=1"), one(`{"v":"first"}`)},
		"`?version=0`, another query":                              {from(appPath+"?version=0", appPath+"?list=true"), nil},
		"`?version=N` for KV v1":                                   {vaultHead + "kvVersion: 1\ndataFrom: ['legacy/NS/app?version=1']", map[string]string{"old": "v1"}},
		"`version`, `versionStage`, `versionId` beside the key":    {value("text", ", version: 7, versionStage: s, versionId: i"), one("s3cret")},
		"another endpoint that answers a GET, `kvVersion: 1`":      {"backendType: vault\nvaultRole: NS\nkvVersion: 1\ndata: [{name: v, key: NS-engine/metadata/NS/twice, property: current_version}]", one("2")},
		"KV v2, `kvVersion: 2`":                                    {value("text") + "\nkvVersion: 2", one("s3cret")},
		"KV v1, `kvVersion: 1`":                                    {from("legacy/NS/app") + "\nkvVersion: 1", map[string]string{"old": "v1"}},
		"KV v1 read as v2, a property":                             {vaultHead + "data: [{name: v, key: legacy/NS/app, property: old}]", nil},
		"KV v1 read as v2, the whole secret":                       {whole("legacy/NS/app"), nil},
		"KV v1 read as v2, `dataFrom`":                             {from("legacy/NS/app"), nil},
		"KV v2 read as v1, `property: data.x`":                     {value("data.text") + "\nkvVersion: 1", nil},
		"`kvVersion: 3`":                                           {from(appPath) + "\nkvVersion: 3", nil},
		"the latest is deleted":                                    {from("kubernetes/data/NS/deleted"), nil},
		"the latest is destroyed":                                  {from("kubernetes/data/NS/destroyed"), nil},
		"a deleted one is pinned":                                  {from("kubernetes/data/NS/deleted?version=2"), nil},
		"one that never was is pinned":                             {from("kubernetes/data/NS/twice?version=3"), nil},
		"one is pinned while the latest is deleted":                {whole("kubernetes/data/NS/deleted?version=1"), one(`{"v":"first"}`)},
		"a deleted one was restored":                               {whole("kubernetes/data/NS/restored"), one(`{"v":"second"}`)},
		"no `property`":                                            {whole("kubernetes/data/NS/small"), one(`{"a":"1","b":2,"c":"<b>&"}`)},
		"`property` is a field":                                    {value("text"), one("s3cret")},
		"`property` is a field with dots in its name":              {value("db.user"), one("literal")},
		"`property` is a path, `db.users[1].name`":                 {value("db.users[1].name"), one("deep")},
		"a name in brackets, `db[\"x.y\"]`":                        {value(`db["x.y"]`), one("quoted")},
		"a property that is not there":                             {value("nope"), nil},
		"a path into text that holds JSON":                         {value("json.a"), nil},
		"the `length` of text or a list":                           {value("text.length"), nil},
		"what every JavaScript object has, `toString`":             {value("toString"), nil},
		"`property: \"\"`":                                         {value(""), nil},
		"text":                                                     {value("utf8"), one("héé €")},
		"empty text":                                               {value("empty"), one("")},
		"a number, a boolean":                                      {from("kubernetes/data/NS/scalars"), map[string]string{"n": "5", "f": "-0.5", "yes": "true"}},
		"`null`":                                                   {value("none"), one("null")},
		"an object, a list":                                        {vaultHead + "data: [{name: o, key: " + appPath + ", property: object}, {name: l, key: " + appPath + ", property: list}]", map[string]string{"o": `{"x":2,"y":1}`, "l": `[1,"a"]`}},
		"a number of many digits, `1.50`, of KV v2":                {from("kubernetes/data/NS/numbers"), map[string]string{"big": "12345678901234567000", "f": "1.5"}},
		"a number of many digits, `1.50`, of KV v1":                {from("legacy/NS/numbers") + "\nkvVersion: 1", map[string]string{"big": "12345678901234567890", "f": "1.50"}},
		"the whole secret, with names that are numbers":            {whole("kubernetes/data/NS/digits"), one(`{"10":"x","9":"y"}`)},
		"`isBinary`, base64":                                       {value("binary", binary), one("\x00\x01\xff")},
		"`isBinary`, base64 with line breaks":                      {value("lines", binary), one("\x00\x01\xff\x00\x01\xff")},
		"`isBinary`, base64 without padding, or the kind for URLs": {vaultHead + "data: [{name: a, key: " + appPath + ", property: unpadded, isBinary: true}, {name: b, key: " + appPath + ", property: url, isBinary: true}]", nil},
		"`isBinary`, what is not base64":                           {value("junk", binary), nil},
		"`isBinary`, no text":                                      {value("n", binary), one("5")},
		"`isBinary` without a property":                            {vaultHead + "data: [{name: v, key: " + appPath + ", isBinary: true}]", nil},
		"`dataFrom`":                                               {from("kubernetes/data/NS/small"), small},
		"`dataFromWithOptions`":                                    {vaultHead + "dataFromWithOptions: [{key: kubernetes/data/NS/small}]", small},
		"`isBinary` in `dataFromWithOptions`":                      {vaultHead + "dataFromWithOptions: [{key: kubernetes/data/NS/base64, isBinary: true}]", map[string]string{"b": "AAH/"}},
		"a field that cannot be a key of a Secret":                 {from("kubernetes/data/NS/bad-name"), nil},
		"a field whose name is longer than 253 bytes":              {from("kubernetes/data/NS/long-name"), nil},
		"a `name` that cannot be a key of a Secret":                {vaultHead + "data: [{name: a b, key: " + appPath + "}]", nil},
		"a secret without a field, the whole of it":                {whole("kubernetes/data/NS/empty"), one("{}")},
		"a secret without a field, `dataFrom`":                     {from("kubernetes/data/NS/empty"), nil},
		"a secret without a field, and another":                    {from("kubernetes/data/NS/empty", "kubernetes/data/NS/small"), small},
		"a key twice":                                              {vaultHead + "dataFrom: [kubernetes/data/NS/small]\ndataFromWithOptions: [{key: kubernetes/data/NS/later}]\ndata: [{name: c, key: " + appPath + ", property: text}]", map[string]string{"a": "1", "b": "3", "c": "s3cret"}},
		"a name twice in `data`":                                   {vaultHead + "data: [{name: v, key: " + appPath + ", property: text}, {name: v, key: " + appPath + ", property: utf8}]", one("héé €")},
		"three properties of one path":                             {vaultHead + "data: [{name: a, key: " + appPath + ", property: text}, {name: b, key: " + appPath + ", property: 'n'}, {name: c, key: " + appPath + ", property: empty}]", map[string]string{"a": "s3cret", "b": "5", "c": ""}},
		"1 MiB of data in all":                                     {from("kubernetes/data/NS/half-a", "kubernetes/data/NS/half-b"), map[string]string{"a": half, "b": half}},
		"one byte more":                                            {from("kubernetes/data/NS/half-a", "kubernetes/data/NS/half-b", "kubernetes/data/NS/byte"), nil},
		"one read of several fails":                                {from(appPath, "kubernetes/data/NS/nothing"), nil},
		"nothing at the path":                                      {from("kubernetes/data/NS/nothing"), nil},
		"a path that Vault's policy forbids":                       {"backendType: vault\nvaultRole: NS\ndataFrom: [" + appPath + "]", nil},
		"a role that Vault does not know":                          {"backendType: vault\nvaultRole: NS-unknown\ndataFrom: [" + appPath + "]", nil},
		"Vault is away":                                            {from(appPath), nil},
		"no role, and no default":                                  {"backendType: vault\ndataFrom: [" + appPath + "]", nil},
		"a path that the policy here does not allow":               {from("kubernetes/data/other/app"), nil},
		"the apiserver refuses the Secret":                         {from("kubernetes/data/NS/small") + "\ntemplate: {type: kubernetes.io/dockerconfigjson}", nil},
	}
}

// Each row of docs/reading.md is what a real Vault's answer becomes.
func TestReadingPage(t *testing.T) {
	n := newTenant(t)
	n.putReadings()
	tests, documented := readCases(), map[string]bool{}
	for i, row := range readingRows(t) {
		tc, ok := tests[row.name]
		if !ok || documented[row.name] {
			t.Errorf("docs/reading.md: %q has no test, or is there twice", row.name)
			continue
		}
		documented[row.name] = true
		t.Run(row.name, func(t *testing.T) {
			n := &tenant{world: n.world, t: t, ns: n.ns}
			n.checkReading(fmt.Sprintf("row-%d", i), row, tc)
		})
	}
	for name := range tests {
		if !documented[name] {
			t.Errorf("%q is not in docs/reading.md", name)
		}
	}
}

func (n *tenant) checkReading(object string, row readingRow, tc readCase) {
	n.t.Helper()
	switch {
	case strings.HasPrefix(row.here, "same"), strings.HasPrefix(row.here, "not the same: "):
		n.apply(object, tc.spec)
		n.awaitSynced(object)
		if diff := cmp.Diff(tc.want, n.data(object)); diff != "" || tc.want == nil {
			n.t.Errorf("want a Secret: %s", diff)
		}
	case strings.HasPrefix(row.here, "error at apply: "):
		if told := n.refused(object, tc.spec); !strings.Contains(told, row.quoted[0]) {
			n.t.Errorf("kubectl said\n%s\nthe page says\n%s", told, row.quoted[0])
		}
		n.hasNoSecret(object)
	case strings.HasPrefix(row.here, "error `"):
		n.checkFailedReading(object, row, tc)
	default:
		n.t.Errorf("the page says %q", row.here)
	}
}

func (n *tenant) checkFailedReading(object string, row readingRow, tc readCase) {
	n.t.Helper()
	if row.name == "Vault is away" {
		if err := n.env.Vault.Stop(); err != nil {
			n.t.Fatal(err)
		}
		defer func() {
			if err := n.env.Vault.Restart(context.WithoutCancel(n.t.Context())); err != nil {
				n.t.Fatal(err)
			}
		}()
	}
	n.apply(object, tc.spec)
	failed := n.awaitReason(object, row.quoted[0])
	if told := strings.ReplaceAll(message(failed), n.ns, "NS"); !strings.Contains(told, row.quoted[1]) {
		n.t.Errorf("the status says\n%s\nthe page says\n%s", told, row.quoted[1])
	}
	n.hasNoSecret(object)
	n.do("", "delete", "externalsecret", object, "-n", n.ns)
}

// putReadings writes what the rows read.
func (n *tenant) putReadings() {
	n.t.Helper()
	half := strings.Repeat("x", halfMiB)
	numbers := map[string]any{"big": json.Number("12345678901234567890"), "f": json.Number("1.50")}
	secrets := map[string]map[string]any{
		"app": {
			"text": "s3cret", "utf8": "héé €", "empty": "", "n": 5, "none": nil, "object": map[string]any{"y": 1, "x": 2}, "list": []any{1, "a"},
			"db.user": "literal", "db": map[string]any{"user": "path", "x.y": "quoted", "users": []any{"x", map[string]any{"name": "deep"}}},
			"json": `{"a":"b"}`, "binary": "AAH/", "lines": "AAH/\nAAH/\n", "unpadded": "AAE", "url": "AAH_", "junk": "@@",
		},
		"small":     {"a": "1", "b": 2, "c": "<b>&"},
		"later":     {"b": 3},
		"scalars":   {"n": 5, "f": -0.5, "yes": true},
		"numbers":   numbers,
		"digits":    {"10": "x", "9": "y"},
		"base64":    {"b": "AAH/"},
		"empty":     {},
		"bad-name":  {"a b": "x"},
		"long-name": {strings.Repeat("x", longName): "x"},
		"half-a":    {"a": half},
		"half-b":    {"b": half},
		"byte":      {"c": "x"},
	}
	for path, data := range secrets {
		n.put("kubernetes", path, data)
	}
	for _, path := range []string{"twice", "deleted", "destroyed", "restored"} {
		n.put("kubernetes", path, map[string]any{"v": "first"})
		n.put("kubernetes", path, map[string]any{"v": "second"})
	}
	n.put("legacy", "app", map[string]any{"old": "v1"})
	n.put("legacy", "numbers", numbers)
	n.deleteVersions()
	n.mountEngine()
}

func (n *tenant) deleteVersions() {
	n.t.Helper()
	ctx, kv := n.t.Context(), n.env.Vault.Client.KVv2("kubernetes")
	latest := []int{2}
	steps := []error{
		kv.DeleteVersions(ctx, n.ns+"/deleted", latest),
		kv.Destroy(ctx, n.ns+"/destroyed", latest),
		kv.DeleteVersions(ctx, n.ns+"/restored", latest),
		kv.Undelete(ctx, n.ns+"/restored", latest),
	}
	for _, err := range steps {
		if err != nil {
			n.t.Fatal(err)
		}
	}
}

// mountEngine mounts what answers a GET and has no values of KV at that path,
// for a role that reads nothing else.
func (n *tenant) mountEngine() {
	n.t.Helper()
	ctx, mount := n.t.Context(), n.ns+"-engine"
	role := harness.Role{
		Name: n.ns, ServiceAccounts: []string{"countersign"}, Namespaces: []string{releaseNamespace}, Policies: []string{n.ns}, Audience: "vault",
	}
	steps := []func() error{
		func() error { return n.env.Vault.MountKV(ctx, mount, 2) },
		func() error { return n.env.Vault.PutKV(ctx, mount, n.ns+"/twice", map[string]any{"v": "first"}) },
		func() error { return n.env.Vault.PutKV(ctx, mount, n.ns+"/twice", map[string]any{"v": "second"}) },
		func() error {
			return n.env.Vault.WritePolicy(ctx, n.ns, `path "`+mount+`/metadata/*" { capabilities = ["read"] }`)
		},
		func() error { return n.env.Vault.WriteRole(ctx, "kubernetes", role) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			n.t.Fatal(err)
		}
	}
	n.changePolicy(func() {
		n.writePolicy(n.policyName(), policyHead+`mounts: {NS-engine: {kv: 1}}
allow:
  - {name: engine, namespaces: {names: [NS]}, paths: [NS-engine/metadata/NS/*], roles: [NS]}
  - {name: unknown-role, namespaces: {names: [NS]}, paths: [`+appPath+`], roles: [NS-unknown]}`)
	})
}
