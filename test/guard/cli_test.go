package guard

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	esov1 "github.com/countersign/countersign/api/eso/v1"
	"github.com/countersign/countersign/test/harness"
)

// told is what a command leaves. NS stands for the tenant's namespace.
type told struct {
	Stdout, Stderr string
	Code           int
}

// command runs bin/countersign against the cluster, as whoever administers it
// would.
func (n *tenant) command(stdin string, args ...string) told {
	n.t.Helper()
	return n.commandAs(n.env.Kubeconfig, stdin, args...)
}

func (n *tenant) commandAs(kubeconfig, stdin string, args ...string) told {
	n.t.Helper()
	args = append(slices.Clone(args), "--kubeconfig", kubeconfig)
	for i := range args {
		args[i] = n.manifest(args[i])
	}
	output, err := n.env.Countersign(n.t.Context(), n.manifest(stdin), args...)
	if err != nil {
		n.t.Fatal(err)
	}
	plain := func(text string) string { return strings.ReplaceAll(text, n.ns, "NS") }
	return told{plain(output.Stdout), plain(output.Stderr), output.ExitCode}
}

// lines are those of an output, in order.
func lines(output string) []string {
	all := strings.Split(strings.TrimSuffix(output, "\n"), "\n")
	slices.Sort(all)
	return all
}

func (n *tenant) externalSecret(ctx context.Context, name string) (*unstructured.Unstructured, error) {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(schema.GroupVersionKind{Group: "external-secrets.io", Version: "v1", Kind: "ExternalSecret"})
	return object, n.env.Client.Get(ctx, client.ObjectKey{Namespace: n.ns, Name: name}, object)
}

// sync does to the status what the operator does when it has synced an object.
func (n *tenant) sync(ctx context.Context, name string) error {
	object, err := n.externalSecret(ctx, name)
	if err != nil {
		return err
	}
	before := object.DeepCopy()
	err = unstructured.SetNestedField(object.Object, esov1.SyncedVersion(object), "status", "syncedResourceVersion")
	return errors.Join(err, n.env.Client.Status().Patch(ctx, object, client.MergeFrom(before)))
}

// Each way to select, and what is annotated then.
func TestResyncSelects(t *testing.T) {
	n := newTenant(t)
	writer := strings.Replace(external("written", "NS/pushed/app"), "{name: vault}", "{name: writer}", 1)
	n.apply(store("vault", "reader"), store("writer", "writer"), external("app", "NS/app"), external("db", "NS/db/one"), writer)
	n.do("", "label", "externalsecrets.external-secrets.io", "app", "-n", n.ns, "tier="+n.ns)
	tests := map[string]struct {
		args []string
		want []string
	}{
		"name":      {[]string{"-n", "NS", "app"}, []string{"app"}},
		"namespace": {[]string{"-n", "NS"}, []string{"app", "db", "written"}},
		"label":     {[]string{"-l", "tier=NS"}, []string{"app"}},
		"path":      {[]string{"--path", "secret/data/NS/db/*"}, []string{"db"}},
		"role":      {[]string{"-n", "NS", "--role", "writer"}, []string{"written"}},
		"all of it": {[]string{"-n", "NS", "--role", "reader", "--path", "secret/data/{namespace}/+"}, []string{"app"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			n := &tenant{world: n.world, t: t, ns: n.ns}
			value := "rotated-" + strings.ReplaceAll(name, " ", "-")
			var would, annotated []string
			for _, object := range tc.want {
				would = append(would, "would annotate ExternalSecret.external-secrets.io NS/"+object)
				annotated = append(annotated, "annotated ExternalSecret.external-secrets.io NS/"+object)
			}
			args := append([]string{"resync", "--value", value}, tc.args...)
			if got := n.command("", append(args, "--dry-run")...); got.Code != 0 || cmp.Diff(would, lines(got.Stdout)) != "" {
				t.Errorf("dry run: %+v", got)
			}
			if got := n.resynced(value); len(got) > 0 {
				t.Errorf("the dry run annotated %v", got)
			}
			if got := n.command("", args...); got.Code != 0 || cmp.Diff(annotated, lines(got.Stdout)) != "" {
				t.Errorf("%+v", got)
			}
			if diff := cmp.Diff(tc.want, n.resynced(value)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got := n.command("", "resync", "--path", "secret/data/NS/typo"); got != (told{"", "countersign: no ExternalSecret of the vault backend is selected; nothing was annotated\n", 2}) {
		t.Errorf("%+v", got)
	}
}

// resynced are the objects with a value of the annotation.
func (n *tenant) resynced(value string) []string {
	n.t.Helper()
	var found []string
	for _, name := range []string{"app", "db", "written"} {
		object, err := n.externalSecret(n.t.Context(), name)
		if err != nil {
			n.t.Fatal(err)
		}
		if object.GetAnnotations()[api.Resync] == value {
			found = append(found, name)
		}
	}
	return found
}

// An object is synced when the operator's status is of the annotated object, and
// one that the operator would not read again is told at once.
func TestResyncWaitsForTheStatus(t *testing.T) {
	n := newTenant(t)
	once := strings.Replace(external("once", "NS/app"), "OnChange", "CreatedOnce", 1)
	n.apply(store("vault", "reader"), external("app", "NS/app"), once)
	if err := n.sync(t.Context(), "app"); err != nil {
		t.Fatal(err)
	}
	if got := n.command("", "resync", "-n", "NS", "app", "--wait", "--timeout", "1s"); got.Code != 1 || got.Stdout != "late ExternalSecret.external-secrets.io NS/app: not read yet\n" {
		t.Errorf("before it is synced: %+v", got)
	}
	ended := make(chan told)
	go func() { ended <- n.command("", "resync", "-n", "NS", "--value", "again", "--wait") }()
	harness.Await(t, within, func(ctx context.Context) error {
		object, err := n.externalSecret(ctx, "app")
		if err == nil && object.GetAnnotations()[api.Resync] != "again" {
			err = errors.New("not annotated")
		}
		return err
	})
	if err := n.sync(t.Context(), "app"); err != nil {
		t.Fatal(err)
	}
	got := <-ended
	told := lines(got.Stdout)
	if got.Code != 1 || len(told) != 2 || told[1] != "synced ExternalSecret.external-secrets.io NS/app" ||
		!strings.HasPrefix(told[0], "failed ExternalSecret.external-secrets.io NS/once: External Secrets Operator reads an ExternalSecret of refreshPolicy CreatedOnce once") {
		t.Errorf("%+v", got)
	}
	if object, err := n.externalSecret(t.Context(), "once"); err != nil || object.GetAnnotations()[api.Resync] != "" {
		t.Errorf("annotated in vain: %v, error %v", object.GetAnnotations(), err)
	}
}

// wantResynced has an object read again: once the command says so, the Secret
// has the value.
func (n *tenant) wantResynced(name, value string) {
	n.t.Helper()
	if got := n.command("", "resync", "--path", "secret/data/NS/"+name, "--wait"); got.Code != 0 || got.Stdout != "synced ExternalSecret.external-secrets.io NS/"+name+"\n" {
		n.t.Fatalf("%+v", got)
	}
	secret := &corev1.Secret{}
	if err := n.env.Client.Get(n.t.Context(), client.ObjectKey{Namespace: n.ns, Name: name}, secret); err != nil {
		n.t.Fatal(err)
	}
	if got := string(secret.Data["k0"]); got != `{"a":"`+value+`"}` {
		n.t.Errorf("the Secret holds %s, want %s", got, value)
	}
}

// rotator may read and annotate the ExternalSecrets of ESO in the namespace, and
// nothing else.
func (n *tenant) rotator() (kubeconfig string) {
	n.t.Helper()
	n.do("", "create", "serviceaccount", "rotator", "-n", n.ns)
	n.do("", "create", "role", "rotator", "-n", n.ns, "--verb=get,list,patch", "--resource=externalsecrets.external-secrets.io")
	n.do("", "create", "rolebinding", "rotator", "-n", n.ns, "--role=rotator", "--serviceaccount="+n.ns+":rotator")
	path := filepath.Join(n.t.TempDir(), "kubeconfig")
	if err := n.env.AccountKubeconfig(n.t.Context(), n.ns, "rotator", path); err != nil {
		n.t.Fatal(err)
	}
	return path
}

// In a cluster with both dialects a name may be of two objects. What a user may
// not see is passed over, and told.
func TestResyncOfBothDialects(t *testing.T) {
	n := newTenant(t)
	n.do("", "apply", "--server-side", "-f", "../../charts/countersign/files/crds")
	t.Cleanup(func() {
		if err := n.run(context.WithoutCancel(t.Context()), "delete", "-f", "../../charts/countersign/files/crds"); err != nil {
			t.Error(err)
		}
	})
	n.do("", "wait", "--for=condition=Established", "--timeout=30s", "-f", "../../charts/countersign/files/crds")
	n.apply(store("vault", "reader"), external("app", "NS/app"), `apiVersion: kubernetes-client.io/v1
kind: ExternalSecret
metadata: {name: app, namespace: NS}
spec: {backendType: vault, vaultRole: reader, dataFrom: [secret/data/NS/app]}`)
	const ours, esos = "annotated ExternalSecret NS/app\n", "annotated ExternalSecret.external-secrets.io NS/app\n"
	kubeconfig := n.rotator()
	forbidden := `externalsecrets.kubernetes-client.io is forbidden: User "system:serviceaccount:NS:rotator" cannot list resource "externalsecrets" in API group "kubernetes-client.io" in the namespace "NS"`
	one := strings.Replace(strings.Replace(forbidden, "cannot list", "cannot get", 1), "io is", `io "app" is`, 1)
	tests := map[string]struct {
		kubeconfig, args string
		stdout, passed   string
		code             int
	}{
		"all":                 {n.env.Kubeconfig, "-n NS", ours + esos, "", 0},
		"by name":             {n.env.Kubeconfig, "-n NS app", ours + esos, "", 0},
		"by path":             {n.env.Kubeconfig, "--path secret/data/NS/app", ours + esos, "", 0},
		"with half a right":   {kubeconfig, "-n NS", esos, "passed over: " + forbidden, 0},
		"one with half of it": {kubeconfig, "-n NS app", esos, "passed over: " + one, 0},
		"no right to stores":  {kubeconfig, "-n NS --path secret/data/NS/app", "", "give the settings with --settings", 2},
		"everywhere":          {kubeconfig, "-A", "", "limit it to a namespace with -n", 2},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			n := &tenant{world: n.world, t: t, ns: n.ns}
			got := n.commandAs(tc.kubeconfig, "", append([]string{"resync"}, strings.Fields(tc.args)...)...)
			if got.Stdout != tc.stdout || !strings.Contains(got.Stderr, tc.passed) || got.Code != tc.code {
				t.Errorf("%+v", got)
			}
		})
	}
}
