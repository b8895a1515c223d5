package integration

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/test/harness"
)

func reading(paths ...string) string {
	return vaultHead + "dataFrom: [" + strings.Join(paths, ", ") + "]"
}

// lines are those of an output, in order.
func lines(output string) []string {
	all := strings.Split(strings.TrimSuffix(output, "\n"), "\n")
	slices.Sort(all)
	return all
}

// wantResync runs the command, which must succeed, and compares what it tells
// on standard output.
func (n *tenant) wantResync(want []string, args ...string) (stderr string) {
	n.t.Helper()
	stdout, stderr, code := n.command("", append([]string{"resync"}, args...)...)
	if diff := cmp.Diff(want, lines(stdout)); diff != "" || code != 0 {
		n.t.Errorf("resync %v: exit %d: %s%s", args, code, diff, stderr)
	}
	return stderr
}

// readObjects are the objects for which Vault was read since a mark.
func (n *tenant) readObjects(since harness.Mark) []string {
	n.t.Helper()
	var objects []string
	for _, request := range n.requests(since) {
		objects = append(objects, strings.TrimPrefix(request.Object, n.ns+"/"))
	}
	slices.Sort(objects)
	return objects
}

// A password is rotated in Vault: exactly the objects that read its path read
// again, once each, and the command says when they have it.
func TestResyncByPath(t *testing.T) {
	n := newTenant(t)
	for _, path := range []string{"db/one", "db/two", "other"} {
		n.put("kubernetes", path, map[string]any{"password": "old", "key-of-" + strings.ReplaceAll(path, "/", "-"): "x"})
	}
	specs := map[string]string{
		"one":       reading("kubernetes/data/NS/db/one"),
		"both":      reading("kubernetes/data/NS/other", "kubernetes/data/NS/db/two"),
		"elsewhere": reading("kubernetes/data/NS/other"),
		"cloud":     "backendType: secretsManager\ndata: [{key: kubernetes/data/NS/db/one, name: a}]",
	}
	for name, spec := range specs {
		n.apply(name, spec)
	}
	for _, name := range []string{"one", "both", "elsewhere"} {
		n.awaitSynced(name)
	}
	before := n.do("", "get", "externalsecrets", "-n", n.ns, "-o", "yaml")
	mark := n.mark()
	path := []string{"--path", "kubernetes/data/NS/db/*"}
	n.wantResync([]string{"would annotate ExternalSecret NS/both", "would annotate ExternalSecret NS/one"}, append([]string{"--dry-run"}, path...)...)
	if diff := cmp.Diff(before, n.do("", "get", "externalsecrets", "-n", n.ns, "-o", "yaml")); diff != "" {
		t.Errorf("the dry run touched: %s", diff)
	}
	n.wantRequests(mark, harness.Counts{})

	for _, path := range []string{"db/one", "db/two"} {
		n.put("kubernetes", path, map[string]any{"password": "new"})
	}
	stderr := n.wantResync([]string{"synced ExternalSecret NS/both", "synced ExternalSecret NS/one"}, append([]string{"--wait"}, path...)...)
	if diff := cmp.Diff([]string{"both", "both", "one"}, n.readObjects(mark)); diff != "" {
		t.Errorf("reads were for: %s", diff)
	}
	value, _, _ := strings.Cut(strings.TrimPrefix(stderr, api.Resync+"="), " ")
	for _, name := range []string{"one", "both"} {
		if got := n.data(name)["password"]; got != "new" {
			t.Errorf("Secret %s holds %q", name, got)
		}
		n.do("", "wait", "externalsecret", name, "-n", n.ns, "--for=jsonpath={.status.syncedResync}="+value, "--timeout=1s")
	}
	if !strings.HasSuffix(stderr, " for 2 ExternalSecrets\n2 synced\n") {
		t.Errorf("told on stderr: %s", stderr)
	}
}

// Each other way to select, with a value of the user's.
func TestResyncSelects(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	if err := n.writeRole(t.Context(), n.ns); err != nil {
		t.Fatal(err)
	}
	n.apply("plain", reading("kubernetes/data/NS/app"))
	n.apply("labelled", reading("kubernetes/data/NS/app"))
	n.do("", "label", "externalsecret", "labelled", "-n", n.ns, "tier="+n.ns)
	n.apply("own-role", "backendType: vault\nvaultRole: NS\ndataFrom: [kubernetes/data/NS/app]")
	every := []string{"labelled", "own-role", "plain"}
	for _, name := range every {
		n.awaitSynced(name)
	}
	tests := map[string]struct {
		args []string
		want []string
	}{
		"names":     {[]string{"-n", "NS", "plain", "own-role"}, []string{"own-role", "plain"}},
		"namespace": {[]string{"-n", "NS"}, every},
		"label":     {[]string{"-l", "tier=NS"}, []string{"labelled"}},
		"role":      {[]string{"-A", "--role", "NS"}, []string{"own-role"}},
		"all of it": {[]string{"-n", "NS", "--role", role, "-l", "tier=NS", "--path", "kubernetes/data/NS/app"}, []string{"labelled"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			n := &tenant{world: n.world, t: t, ns: n.ns}
			mark, value := n.mark(), "rotated-"+strings.ReplaceAll(name, " ", "-")
			var told []string
			for _, object := range tc.want {
				told = append(told, "annotated ExternalSecret NS/"+object)
			}
			n.wantResync(told, append([]string{"--value", value}, tc.args...)...)
			for _, object := range tc.want {
				if got := n.awaitSynced(object).Status.SyncedResync; got != value {
					t.Errorf("%s: syncedResync %q", object, got)
				}
			}
			if diff := cmp.Diff(tc.want, n.readObjects(mark)); diff != "" {
				t.Errorf("reads were for: %s", diff)
			}
		})
	}
	stdout, stderr, code := n.command("", "resync", "-n", "NS", "plain", "none")
	if want := "countersign: namespace NS has no ExternalSecret none of the vault backend; nothing was annotated\n"; stderr != want || stdout != "" || code != 2 {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	stdout, stderr, code = n.command("", "resync", "--path", "kubernetes/data/NS/typo")
	if want := "countersign: no ExternalSecret of the vault backend is selected; nothing was annotated\n"; stderr != want || stdout != "" || code != 2 {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	// A value that is there already changes nothing.
	mark := n.mark()
	for range 2 {
		n.wantResync([]string{"synced ExternalSecret NS/plain"}, "-n", "NS", "plain", "--value", "again", "--wait")
	}
	if diff := cmp.Diff([]string{"plain"}, n.readObjects(mark)); diff != "" {
		t.Errorf("reads were for: %s", diff)
	}
	// At three a second the third comes after two thirds of one.
	started := time.Now()
	n.wantResync([]string{"annotated ExternalSecret NS/labelled", "annotated ExternalSecret NS/own-role", "annotated ExternalSecret NS/plain"}, "-n", "NS", "--rate", "3")
	if took := time.Since(started); took < 600*time.Millisecond {
		t.Errorf("it took %v", took)
	}
}

// What has not its new value is told, with why, and makes the exit code.
func TestResyncTellsWhatFailed(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.put("kubernetes", "gone", map[string]any{"a": "1"})
	if err := n.env.Vault.PutKV(t.Context(), "kubernetes", "shared/"+n.ns, map[string]any{"a": "1"}); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"good": "app", "broken": "gone", "paused": "app"} {
		n.apply(name, vaultHead+"data: [{name: a, key: kubernetes/data/NS/"+path+", property: a}]")
		n.awaitSynced(name)
	}
	n.applyTolerated("tolerated", "kubernetes/data/shared/NS")
	n.do("", "annotate", "externalsecret", "paused", "-n", n.ns, "countersign.dev/suspend=true")
	n.put("kubernetes", "app", map[string]any{"a": "2"})
	n.put("kubernetes", "gone", map[string]any{"b": "2"})
	mark := n.mark()
	stdout, stderr, code := n.command("", "resync", "-n", "NS", "--wait")
	told := lines(stdout)
	for i, want := range []string{
		`failed ExternalSecret NS/broken: InvalidValue: spec.data[0].property: Invalid value: "a": no such field in "kubernetes/data/NS/gone"`,
		`failed ExternalSecret NS/tolerated: PolicyDenied: `,
		`suspended ExternalSecret NS/paused: it is read once countersign.dev/suspend is gone`,
		`synced ExternalSecret NS/good`,
	} {
		if len(told) != 4 || !strings.HasPrefix(told[i], want) {
			t.Fatalf("told %s, want %s", stdout, want)
		}
	}
	if code != 1 || !strings.HasSuffix(stderr, "\n1 synced, 1 suspended, 2 failed\n") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	for _, object := range n.readObjects(mark) {
		if object != "good" && object != "broken" {
			t.Errorf("Vault was read for %s", object)
		}
	}
}

// With Vault away the command gives up after its timeout; the objects do not.
func TestResyncIsLate(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("app", appSpec)
	n.awaitSynced("app")
	if err := n.env.Vault.Stop(); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := n.command("", "resync", "-n", "NS", "--wait", "--timeout", "3s")
	if err := n.env.Vault.Restart(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	if code != 1 || !strings.HasPrefix(stdout, "late ExternalSecret NS/app: VaultUnavailable: ") || !strings.HasSuffix(stderr, "\n1 late\n") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	n.awaitSynced("app")
}

// The user's own rights count, and what they lack is told.
func TestResyncAsAUser(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	for _, name := range []string{"mine", "theirs"} {
		n.apply(name, appSpec)
		n.awaitSynced(name)
	}
	kubeconfig := n.account("rotator",
		rbacv1.PolicyRule{APIGroups: []string{"kubernetes-client.io"}, Resources: []string{"externalsecrets"}, Verbs: []string{"get", "list"}},
		rbacv1.PolicyRule{APIGroups: []string{"kubernetes-client.io"}, Resources: []string{"externalsecrets"}, ResourceNames: []string{"mine"}, Verbs: []string{"patch"}})
	forbidden := `is forbidden: User "system:serviceaccount:NS:rotator" cannot `
	tests := map[string]struct {
		args           []string
		stdout, stderr string
		code           int
	}{
		"one of two":       {[]string{"-n", "NS"}, "annotated ExternalSecret NS/mine\nfailed ExternalSecret NS/theirs: externalsecrets.kubernetes-client.io \"theirs\" " + forbidden + "patch", "1 annotated, 1 failed\n", 1},
		"by name":          {[]string{"-n", "NS", "mine"}, "annotated ExternalSecret NS/mine\n", "1 annotated\n", 0},
		"everywhere":       {[]string{"-A"}, "", forbidden + `list resource "externalsecrets" in API group "kubernetes-client.io" at the cluster scope; limit it to a namespace with -n`, 2},
		"no right to wait": {[]string{"-n", "NS", "mine", "--wait"}, "", "annotated, but it cannot be waited for: ", 2},
		"no settings":      {[]string{"-n", "NS", "--role", role}, "", "give the settings with --settings", 2},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			n := &tenant{world: n.world, t: t, ns: n.ns}
			stdout, stderr, code := n.commandAs(kubeconfig, "", append([]string{"resync"}, tc.args...)...)
			if !strings.HasPrefix(stdout, tc.stdout) || !strings.Contains(stderr, tc.stderr) || code != tc.code {
				t.Errorf("exit %d: %s%s", code, stdout, stderr)
			}
		})
	}
}

// account makes a ServiceAccount of the namespace with rights there, and a
// kubeconfig with its token.
func (n *tenant) account(name string, rules ...rbacv1.PolicyRule) (kubeconfig string) {
	n.t.Helper()
	role := &rbacv1.Role{Rules: rules}
	role.Namespace, role.Name = n.ns, name
	n.do("", "create", "serviceaccount", name, "-n", n.ns)
	if err := n.env.Client.Create(n.t.Context(), role); err != nil {
		n.t.Fatal(err)
	}
	n.do("", "create", "rolebinding", name, "-n", n.ns, "--role="+name, "--serviceaccount="+n.ns+":"+name)
	path := filepath.Join(n.t.TempDir(), "kubeconfig")
	if err := n.env.AccountKubeconfig(n.t.Context(), n.ns, name, path); err != nil {
		n.t.Fatal(err)
	}
	return path
}
