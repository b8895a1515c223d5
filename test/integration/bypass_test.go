package integration

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
)

// bypass is a way around a policy that has worked somewhere.
type bypass struct {
	spec string
	// want is what the policy says to it.
	want string
	// floor is what the ValidatingAdmissionPolicy says before it; empty where
	// that lets it pass.
	floor string
}

// What the floor says.
const (
	floorSegment  = `has an empty, "." or ".." segment`
	floorReserved = "starts with sys, auth, identity or cubbyhole"
	floorControl  = "holds a control character"
)

// What the policy says.
const (
	notCanonical = "not a canonical Vault path"
	badCharacter = "has a character outside A-Z a-z 0-9 _ . @ : = ~ -"
	noRule       = "no rule allows the path"
	badMount     = "not the mount of an auth method"
	reserved     = "is reserved by Vault and never readable"
)

func reads(paths ...string) string {
	return vaultHead + `dataFrom: ["` + strings.Join(paths, `", "`) + `"]`
}

// bypasses has those that badinput_test.go lacks. NS is the tenant, whose own
// tree is allowed, and wide/NS with another role.
func bypasses() map[string]bypass {
	return map[string]bypass{
		// Vault's client cleans a path before it sends it (path.Join), ESO and VSO
		// do not look, and every policy on prefixes is around.
		"client cleans: beyond the API":      {reads("kubernetes/data/NS/../../../../sys/health"), notCanonical, floorSegment},
		"client cleans: KVv2 helper":         {reads("kubernetes/data/../../auth/token/lookup-self"), notCanonical, floorSegment},
		"client cleans: own segment":         {reads("kubernetes/data/./NS/app"), notCanonical, floorSegment},
		"client cleans: leading slash":       {reads("/kubernetes/data/NS/app"), notCanonical, floorSegment},
		"client cleans: parent at the end":   {reads("kubernetes/data/NS/app/.."), notCanonical, floorSegment},
		"client cleans: trailing slash":      {reads("kubernetes/data/NS/app/"), notCanonical, floorSegment},
		"client cleans: every field, data":   {vaultHead + "data: [{name: a, key: kubernetes/data/NS/../../data/other/app}]", notCanonical, floorSegment},
		"client cleans: every field, object": {vaultHead + "dataFromWithOptions: [{key: kubernetes/data/NS/../other/app}]", notCanonical, floorSegment},
		// What is escaped asks for something else than what was checked.
		"escape: slash":             {reads("kubernetes/data/NS%2f..%2fother/app"), badCharacter, ""},
		"escape: twice":             {reads("kubernetes/data/NS/%252e%252e/other"), badCharacter, ""},
		"escape: NUL":               {reads(`kubernetes/data/NS/app\0`), badCharacter, floorControl},
		"escape: header by newline": {reads(`kubernetes/data/NS/app\r\nX-Vault-Namespace: ns1`), badCharacter, floorControl},
		"escape: trailing space":    {reads("kubernetes/data/NS/app "), badCharacter, ""},
		"escape: backslash":         {reads(`kubernetes\\data\\NS\\..\\elsewhere`), notCanonical, ""},
		"escape: semicolon":         {reads("kubernetes/data/NS/app;list=true"), badCharacter, ""},
		// node-vault builds the URL by concatenation, and turns &#x2F; into a slash.
		"query: list":               {reads("kubernetes/data/NS/app?list=true"), badCharacter, ""},
		"query: behind a version":   {reads("kubernetes/data/NS/app?version=1&list=true"), badCharacter, ""},
		"query: hides a parent":     {reads("kubernetes/data/NS/app?/../../other/app"), badCharacter, floorSegment},
		"query: version of another": {reads("kubernetes/data/other/app?version=1"), noRule, ""},
		"query: version zero":       {reads("kubernetes/data/NS/app?version=0"), badCharacter, ""},
		"fragment":                  {reads("kubernetes/data/NS/app#x"), badCharacter, ""},
		"HTML entity for a slash":   {reads("kubernetes/data/NS&#x2F;..&#x2F;other/app"), badCharacter, ""},
		// Another server, not another path.
		"URL":                  {reads("https://evil.example/v1/kubernetes/data/NS/app"), notCanonical, floorSegment},
		"scheme-relative URL":  {reads("//evil.example/kubernetes/data/NS/app"), notCanonical, floorSegment},
		"user and host":        {reads("@evil.example/kubernetes/data/NS/app"), noRule, ""},
		"port before the path": {reads(":8200/kubernetes/data/NS/app"), noRule, ""},
		// Case: some mounts and backends fold it, so allow must not (CVE-2026-93335
		// is the same for deny, which is in badinput_test.go).
		"case: of the mount":           {reads("Kubernetes/data/NS/app"), noRule, ""},
		"case: of data":                {reads("kubernetes/DATA/NS/app"), noRule, ""},
		"case: of a reserved name":     {reads("SyS/health"), reserved, floorReserved},
		"case: of the closed tree":     {reads("kubernetes/data/NS/BREAK-GLASS/root"), `is denied by rule "countersign-policy/no-break-glass": ask platform-security`, ""},
		"Vault namespace in the path":  {reads("ns1/kubernetes/data/NS/app"), noRule, ""},
		"reserved: auth":               {reads("auth/token/lookup-self"), reserved, floorReserved},
		"reserved: identity":           {reads("identity/entity/name/x"), reserved, floorReserved},
		"reserved: cubbyhole":          {reads("cubbyhole/x"), reserved, floorReserved},
		"reserved: behind a namespace": {reads("ns1/ns2/cubbyhole/x"), reserved, ""},
		"reserved: wrapped by a mount": {reads("kubernetes/../sys/wrapping/lookup"), notCanonical, floorSegment},
		"reserved: raw storage":        {reads("sys/raw/core/keyring"), reserved, floorReserved},
		"KV v2: metadata":              {reads("kubernetes/metadata/NS/app"), noRule, ""},
		"KV v2: list of all":           {reads("kubernetes/metadata"), noRule, ""},
		"KV v2: subkeys":               {reads("kubernetes/subkeys/NS/app"), noRule, ""},
		"KV v2: delete":                {reads("kubernetes/delete/NS/app"), noRule, ""},
		"KV v2: configuration":         {reads("kubernetes/config"), noRule, ""},
		"KV v2: data left out":         {reads("kubernetes/NS/app"), noRule, ""},
		"KV v2: the tree itself":       {reads("kubernetes/data/NS"), noRule, ""},
		"KV v2: prefix is no segment":  {reads("kubernetes/data/NSx/app"), noRule, ""},
		"wildcards of one's own: +":    {reads("kubernetes/data/+/app"), badCharacter, ""},
		"wildcards of one's own: *":    {reads("kubernetes/data/*"), badCharacter, ""},
		"wildcards of one's own: {}":   {reads("kubernetes/data/{namespace}/app"), badCharacter, ""},
		"look-alike letter":            {reads("kubernetes/dаta/NS/app"), badCharacter, ""},
		"letter that is not composed":  {reads("kubernetes/data/NS/cafe\u0301"), badCharacter, ""},
		// KES: an expression without anchors matched anywhere.
		"KES: own tree inside another": {reads("kubernetes/data/other/kubernetes/data/NS/app"), noRule, ""},
		"KES: own tree as a suffix":    {reads("x/kubernetes/data/NS/app"), noRule, ""},
		// KES: path and role were tested on their own.
		"KES: role of another rule": {"backendType: vault\nvaultRole: wide\ndataFrom: [kubernetes/data/NS/app]",
			`rule "countersign-policy/own-tree" allows the path, but only with role "kubernetes-external-secrets" or "NS", not "wide"`, ""},
		"KES: path of another rule": {reads("kubernetes/data/wide/NS"),
			`rule "policy-NS/wide" allows the path, but only with role "wide", not "kubernetes-external-secrets"`, ""},
		// KES: the role stood in for by another field, and the mount not looked at.
		"KES: role in another case":    {"backendType: vault\nvaultRole: Kubernetes-External-Secrets\ndataFrom: [kubernetes/data/NS/app]", `not "Kubernetes-External-Secrets"`, ""},
		"KES: role of blanks":          {"backendType: vault\nvaultRole: ' '\ndataFrom: [kubernetes/data/NS/app]", `not " "`, ""},
		"KES: mount that leaves auth":  {vaultHead + "vaultMountPoint: ../sys\ndataFrom: [kubernetes/data/NS/app]", badMount, ""},
		"KES: mount that ends early":   {vaultHead + "vaultMountPoint: 'kubernetes/login?x='\ndataFrom: [kubernetes/data/NS/app]", badMount, ""},
		"KES: mount with slashes":      {vaultHead + "vaultMountPoint: /kubernetes/\ndataFrom: [kubernetes/data/NS/app]", badMount, ""},
		"KES: only the last was told":  {reads("kubernetes/data/other/first", "kubernetes/data/NS/app"), `spec.dataFrom[0]: Forbidden: "kubernetes/data/other/first"`, ""},
		"KES: path beside the key":     {vaultHead + "data: [{path: kubernetes/data/other}]", "spec.data[0].path: Forbidden: the vault backend cannot list a path", ""},
		"KES: JavaScript in a literal": {reads("kubernetes/data/NS/app") + "\ntemplate: {stringData: {a: '${process.env.HOME}'}}", "there is no \"process\", only data, JSON and yaml", ""},
		"KES: JavaScript in metadata":  {reads("kubernetes/data/NS/app") + "\ntemplate: {metadata: {labels: {a: '<%- x %>'}}}", "work under data and stringData only", ""},
		"KES: Secret elsewhere":        {reads("kubernetes/data/NS/app") + "\ntemplate: {metadata: {namespace: kube-system}}", "spec.template.metadata.namespace: Forbidden: only labels and annotations may be set", ""},
		"KES: credential by old field": {reads("kubernetes/data/NS/app") + "\ntype: bootstrap.kubernetes.io/token", "spec.template.type: Forbidden", ""},
		// Unbounded work and unbounded messages.
		"too many paths": {reads(numbered("kubernetes/data/NS/app", 101)...), "spec: Too many: 101: must have at most 100 items", ""},
		"many messages":  {reads(numbered("kubernetes/data/other/", 30)...), "spec: Forbidden: and 20 more violations", ""},
		"long path":      {reads("kubernetes/data/NS/" + strings.Repeat("x", 512)), "it is longer than 512 bytes", ""},
		"deep path":      {reads("kubernetes/data/NS" + strings.Repeat("/x", 32)), "it has more than 32 segments", ""},
	}
}

func numbered(path string, n int) []string {
	paths := make([]string, n)
	for i := range paths {
		paths[i] = fmt.Sprintf("%s%d", path, i)
	}
	return paths
}

// newBypassTenant has a second rule, and a stranger has one that must not be
// told.
func newBypassTenant(t *testing.T) *tenant {
	t.Helper()
	n := newTenant(t)
	n.changePolicy(func() {
		n.writePolicy("policy-"+n.ns, policyHead+`
allow:
- {name: wide, namespaces: {names: [NS]}, paths: [kubernetes/data/wide/NS], roles: [wide]}
- {name: rule-of-a-stranger, namespaces: {names: [stranger]}, paths: [kubernetes/data/stranger/*], roles: [role-of-a-stranger]}`)
	})
	return n
}

// wantNothingForbidden looks at everything that reached Vault, whoever asked.
func (n *tenant) wantNothingForbidden(since harness.Mark) {
	n.t.Helper()
	n.wantRequests(since, harness.Counts{})
	entries, err := n.env.Vault.Since(since)
	if err != nil {
		n.t.Fatal(err)
	}
	permitted := regexp.MustCompile(`^(auth/kubernetes/login|kubernetes/data/team-[a-z0-9]+/.+|legacy/team-[a-z0-9]+/.+)$`)
	for _, entry := range harness.Requests(entries) {
		if !permitted.MatchString(entry.Path) {
			n.t.Errorf("Vault saw %+v", entry)
		}
	}
}

// Every bypass is refused at admission, by the floor or by the policy, and
// Vault hears of none.
func TestBypassIsRefused(t *testing.T) {
	n := newBypassTenant(t)
	mark := n.mark()
	for name, tc := range bypasses() {
		t.Run(name, func(t *testing.T) {
			n := &tenant{world: n.world, t: t, ns: n.ns}
			want := tc.want
			if tc.floor != "" {
				want = tc.floor
			}
			told := n.refused("bypass", tc.spec)
			if !strings.Contains(told, want) {
				t.Errorf("kubectl said\n%s\nwant\n%s", told, want)
			}
			if strings.Contains(told, "stranger") {
				t.Errorf("a stranger's rule is told: %s", told)
			}
			if len(told) > 8<<10 {
				t.Errorf("%d bytes of messages", len(told))
			}
			n.hasNoSecret("bypass")
		})
	}
	n.wantNothingForbidden(mark)
}

// The same objects, stored while the emergency command has taken the webhook
// away: the floor still refuses its part. With the floor away as well, all of
// them are stored, and the controller refuses each before Vault hears of it.
func TestBypassWithoutAdmissionIsRefusedByTheController(t *testing.T) {
	n := newBypassTenant(t)
	mark := n.mark()
	t.Cleanup(func() { n.reinstall(t) })
	n.do("", "delete", "validatingwebhookconfiguration", "countersign")
	n.awaitAdmitted(reads("kubernetes/data/other/app"))
	for name, tc := range bypasses() {
		if tc.floor == "" {
			continue
		}
		if told := n.refused("bypass", tc.spec); !strings.Contains(told, tc.floor) {
			t.Errorf("%s: the floor said\n%s\nwant\n%s", name, told, tc.floor)
		}
	}
	n.do("", "delete", "validatingadmissionpolicybinding", "countersign-floor")
	n.awaitAdmitted(reads("sys/health"))

	objects := map[string]string{}
	for name, tc := range bypasses() {
		objects[name] = fmt.Sprintf("bypass-%d", len(objects))
		n.apply(objects[name], tc.spec)
	}
	for name, tc := range bypasses() {
		t.Run(name, func(t *testing.T) {
			n := &tenant{world: n.world, t: t, ns: n.ns}
			object := n.awaitReason(objects[name], "PolicyDenied")
			if err := isAllowed(object, false); err != nil {
				t.Error(err)
			}
			// The condition is cut; a count of the rest comes last.
			if status := strings.ReplaceAll(object.Status.Status, n.ns, "NS"); !strings.Contains(status, tc.want) && name != "many messages" {
				t.Errorf("status\n%s\nwant\n%s", status, tc.want)
			}
			n.hasNoSecret(objects[name])
		})
	}
	n.wantNothingForbidden(mark)
	n.do("", "delete", "externalsecrets", "--all", "-n", n.ns)
}

// reinstall is what helm upgrade does after an emergency, and waits until the
// webhook and the floor are back.
func (n *tenant) reinstall(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	if err := n.env.InstallChart(ctx, n.release); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"kubernetes/data/other/app": noRule, "sys/health": floorReserved} {
		err := harness.Eventually(ctx, time.Second/10, within, func(ctx context.Context) error {
			output, err := n.env.Kubectl(ctx, n.manifest("probe", reads(path)), "apply", "--dry-run=server", "-f", "-")
			if err == nil && !strings.Contains(output.Stderr, want) {
				err = errors.New("not refused: " + output.Stdout + output.Stderr)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// awaitAdmitted waits until the apiserver has noticed what was taken away.
func (n *tenant) awaitAdmitted(spec string) {
	n.t.Helper()
	harness.Await(n.t, within, func(context.Context) error {
		if output := n.kubectl(n.manifest("probe", spec), "apply", "--dry-run=server", "-f", "-"); output.ExitCode != 0 {
			return errors.New(output.Stderr)
		}
		return nil
	})
}

// What was good once is judged again, however it is changed: policies that look
// at CREATE only are around by an update.
func TestBypassByUpdate(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	good, bad := reads("kubernetes/data/NS/app"), reads("kubernetes/data/other/app")
	n.apply("app", good)
	n.apply("elsewhere", "backendType: systemManager\ndataFrom: [kubernetes/data/other/app]")
	n.awaitSynced("app")
	mark := n.mark()
	merge := `{"spec":{"dataFrom":["kubernetes/data/other/app"]}}`
	changes := map[string][]string{
		"merge patch":       {"patch", "externalsecret", "app", "--type=merge", "-p", merge},
		"JSON patch":        {"patch", "externalsecret", "app", "--type=json", "-p", `[{"op":"add","path":"/spec/dataFrom/-","value":"kubernetes/data/other/app"}]`},
		"replace":           {"replace", "-f", "-"},
		"server-side apply": {"apply", "--server-side", "--force-conflicts", "-f", "-"},
		"another role":      {"patch", "externalsecret", "app", "--type=merge", "-p", `{"spec":{"vaultRole":"admin"}}`},
		"backend switched":  {"patch", "externalsecret", "elsewhere", "--type=merge", "-p", `{"spec":{"backendType":"vault","vaultRole":"` + role + `"}}`},
		"with a resync":     {"patch", "externalsecret", "app", "--type=merge", "-p", `{"metadata":{"annotations":{"countersign.dev/resync":"1"}},"spec":{"dataFrom":["kubernetes/data/other/app"]}}`},
		"with a stamp":      {"patch", "externalsecret", "app", "--type=merge", "-p", `{"metadata":{"annotations":{"countersign.dev/stamped-at":"2026-01-01T00:00:00Z"}},"spec":{"dataFrom":["kubernetes/data/other/app"]}}`},
	}
	for name, args := range changes {
		t.Run(name, func(t *testing.T) {
			n := &tenant{world: n.world, t: t, ns: n.ns}
			output := n.kubectl(n.manifest("app", bad), append(args, "-n", n.ns)...)
			if output.ExitCode == 0 || !strings.Contains(output.Stderr, "Forbidden") {
				t.Errorf("kubectl said %s%s", output.Stdout, output.Stderr)
			}
		})
	}
	// A patch of the status carries no spec.
	n.do("", "patch", "externalsecret", "app", "-n", n.ns, "--subresource=status", "--type=merge", "-p", merge)
	if got := n.get("app").Spec.DataFrom; !cmp.Equal(got, []string{"kubernetes/data/" + n.ns + "/app"}) {
		t.Errorf("the status brought in %v", got)
	}
	n.wantNothingForbidden(mark)
	if diff := cmp.Diff(map[string]string{"a": "1"}, n.data("app")); diff != "" {
		t.Error(diff)
	}
}

// KES asked annotations of the namespace, and none, or an empty one, allowed
// everything. They mean nothing here, and neither does what a tenant writes on
// its own object.
func TestBypassByNamespaceAnnotation(t *testing.T) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "annotated-", Annotations: map[string]string{
		"externalsecrets.kubernetes-client.io/permitted-key-name": ".*",
		"iam.amazonaws.com/permitted":                             "",
	}}}
	if err := shared.env.Client.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	n := &tenant{world: shared, t: t, ns: namespace.Name}
	mark := n.mark()
	want := `no rule allows this namespace anything; ask whoever administers the policy for one`
	if told := n.refused("app", reads("kubernetes/data/NS/app")); !strings.Contains(told, want) {
		t.Errorf("kubectl said %s", told)
	}
	n.wantNothingForbidden(mark)
}

// Fields that KES's code knew, and that no schema has now, are pruned: what they
// ask for is asked of nobody. Fields of other backends stay and ask nothing.
func TestBypassByUnknownFieldsIsHarmless(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.put("kubernetes", "app", map[string]any{"a": "2"})
	mark := n.mark()
	manifest := n.manifest("app", vaultHead+`data: [{name: a, key: kubernetes/data/NS/app, property: a, version: 1, versionId: x, keys: [sys/health]}]
properties: [{name: b, key: kubernetes/data/other/app}]
dataFromWithOptions: []
vaultNamespace: ns1
vaultAddress: https://evil.example
roleArn: admin
region: kubernetes/data/other/app`) + "secretDescriptor: {backendType: vault, data: [{name: c, key: kubernetes/data/other/app}]}\n"
	n.do(manifest, "apply", "--validate=false", "-f", "-")
	n.awaitSynced("app")
	if diff := cmp.Diff(map[string]string{"a": "2"}, n.data("app")); diff != "" {
		t.Error(diff)
	}
	for _, request := range n.requests(mark) {
		if request.Kind() == harness.KindRead && request.Path != "kubernetes/data/"+n.ns+"/app" {
			t.Errorf("read %s", request.Path)
		}
	}
}

// Template functions of other controllers read the environment, ask the DNS, or
// other namespaces. Here they are text.
func TestBypassByTemplateFunctionsIsHarmless(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "{{ .b }}"})
	text := `{{ env "HOME" }} {{ getHostByName "evil.example" }} {{ getSecretKey "other" "app" "a" }} $(HOME)`
	n.apply("app", reads("kubernetes/data/NS/app")+"\ntemplate: {stringData: {b: '"+text+"'}}")
	n.awaitSynced("app")
	if diff := cmp.Diff(map[string]string{"a": "{{ .b }}", "b": text}, n.data("app")); diff != "" {
		t.Error(diff)
	}
}

// A tenant cannot say that it was stamped or synced: the status and the stamp
// of an object that is denied lead to no read.
func TestBypassByForgedStatus(t *testing.T) {
	n := newTenant(t)
	policy := "policy-" + n.ns
	n.changePolicy(func() {
		n.writePolicy(policy, policyHead+`
allow: [{name: once, namespaces: {names: [NS]}, paths: [kubernetes/data/once/NS], roles: [`+role+`]}]`)
	})
	if err := n.env.Vault.PutKV(t.Context(), "kubernetes", "once/"+n.ns, map[string]any{"a": "1"}); err != nil {
		t.Fatal(err)
	}
	n.apply("app", reads("kubernetes/data/once/NS"))
	n.awaitSynced("app")
	n.changePolicy(func() { n.writePolicy(policy, policyHead+"allow: []") })
	mark := n.mark()
	n.do("", "patch", "externalsecret", "app", "-n", n.ns, "--subresource=status", "--type=merge", "-p",
		`{"status":{"conditions":[],"syncedStamp":"","syncedResync":"x","retry":null,"observedGeneration":0}}`)
	n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "--overwrite", api.StampedAt+"=2099-01-01T00:00:00Z")
	n.await("app", func(object *kesv1.ExternalSecret) error { return isAllowed(object, false) })
	n.awaitReason("app", "PolicyDenied")
	n.wantNothingForbidden(mark)
}
