package integration

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/policy"
	"github.com/countersign/countersign/test/harness"
)

const (
	// kesRelease is the name, and the namespace, of the release that is replaced.
	kesRelease = "external-secrets"
	crdName    = "externalsecrets.kubernetes-client.io"
)

// leftByKES is an object as kubernetes-external-secrets leaves it.
type leftByKES struct {
	spec   string
	status string
	// changed: its spec was changed after the last poll.
	changed bool
	secret  map[string]string
	// reads are what Countersign asks of Vault when it takes over.
	reads int
}

func leftObjects() map[string]leftByKES {
	const success = "SUCCESS"
	item := func(path string) string {
		return vaultHead + "data: [{name: a, key: kubernetes/data/NS/" + path + ", property: a}]"
	}
	kept := map[string]string{"a": "1"}
	return map[string]leftByKES{
		"app":         {spec: item("app"), status: success, secret: kept},
		"whole":       {spec: appSpec, status: success, secret: kept},
		"older-value": {spec: appSpec, status: success, secret: map[string]string{"a": "of last week", "gone": "since"}},
		"template":    {spec: appSpec + "\ntemplate: {type: example.com/cool, metadata: {labels: {l: x}}, stringData: {b: '<%= data.a %>'}}", status: success, secret: map[string]string{"a": "1", "b": "1"}},
		"not-allowed": {spec: vaultHead + "dataFrom: [kubernetes/data/other/app]", status: success, secret: kept},
		"changed":     {spec: item("changed"), status: success, changed: true, secret: kept, reads: 1},
		"failed":      {spec: item("failed"), status: "ERROR, Status 404", reads: 1},
		"failed-late": {spec: item("failed-late"), status: "ERROR, permission denied", secret: map[string]string{"a": "of last week"}, reads: 1},
		"cloud":       {spec: "backendType: secretsManager\ndata: [{key: k, name: a}]", status: success, secret: kept},
		"another-id":  {spec: item("app") + "\ncontrollerId: another", status: success, secret: kept},
	}
}

// Whoever follows docs/coming-from-kes.md keeps every Secret as it is, Vault is
// read for what was not synced and nothing else, and the CRD and all that hangs
// on it outlive both releases.
func TestTakeover(t *testing.T) {
	n, left := kesCluster(t), leftObjects()
	for name, object := range left {
		n.leave(name, object)
	}
	secrets, objects, mark := n.secrets(), n.objects(), n.mark()
	prompt := n.prompt()
	steps := shellBlocks(t, "coming-from-kes.md")
	if len(steps) != 5 {
		t.Fatalf("%d steps", len(steps))
	}

	prompt.succeeds(steps[0])
	prompt.wantAudit(steps[1], left)
	prompt.install(steps[2])
	for name, object := range left {
		n.wantTakenOver(name, object, objects[name])
	}
	if told, code := prompt.run(steps[3]); code != 1 || !strings.Contains(told, "1 denied, 0 warned, 0 audited, 8 allowed") {
		t.Errorf("exit %d: %s", code, told)
	}
	n.wantRequests(mark, harness.Counts{Login: 1, Read: 3})
	if diff := cmp.Diff([]string{"changed", "failed", "failed-late"}, slices.Compact(n.readObjects(mark))); diff != "" {
		t.Errorf("Vault was read for: %s", diff)
	}
	after := n.secrets()
	for name, object := range left {
		if diff := cmp.Diff(secrets[name], after[name]); object.reads == 0 && diff != "" {
			t.Errorf("Secret %s was touched: %s", name, diff)
		}
	}

	prompt.succeeds(steps[4])
	n.isGone(&appsv1.Deployment{}, kesRelease, kesRelease+"-kubernetes-external-secrets")
	n.wantOneReadPerChange(secrets)
	n.wantToOutliveTheRelease(prompt)
}

// kesCluster is a cluster of its own with kubernetes-external-secrets: its
// chart's objects stand there as Helm leaves them, and nothing runs.
func kesCluster(t *testing.T) *tenant {
	t.Helper()
	env := harness.ForTest(t, harness.Options{Scheme: []func(*runtime.Scheme) error{kesv1.AddToScheme}})
	w := &world{env: env, release: harness.Release{Name: "countersign", Namespace: releaseNamespace, Values: chartValues(env.Vault.Addr)}}
	n := &tenant{world: w, t: t, ns: "team-a"}
	// Not server-side: Helm was of version 3 then.
	n.prompt().succeeds("helm install external-secrets ./kes -n external-secrets --create-namespace --server-side=false")
	if err := env.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n.ns}}); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for _, step := range []func() error{
		func() error { return env.Vault.EnableKubernetesAuth(ctx, "kubernetes") },
		func() error { return env.Vault.MountKV(ctx, "kubernetes", 2) },
		func() error {
			return env.Vault.WritePolicy(ctx, "reader", `path "kubernetes/data/*" { capabilities = ["read"] }`)
		},
		func() error { return w.writeRole(ctx, role) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"app", "changed", "failed", "failed-late"} {
		n.put("kubernetes", path, map[string]any{"a": "1"})
	}
	return n
}

// leave the object, its status and its Secret, written as
// kubernetes-external-secrets writes them: by plain creates and updates.
func (n *tenant) leave(name string, left leftByKES) {
	n.t.Helper()
	n.apply(name, left.spec)
	object := n.get(name)
	object.Status = kesv1.ExternalSecretStatus{Status: left.status, ObservedGeneration: object.Generation, LastSync: "2022-03-23T10:00:00.000Z"}
	if err := n.env.Client.Status().Update(n.t.Context(), object); err != nil {
		n.t.Fatal(err)
	}
	if left.changed {
		n.apply(name, left.spec+"\ntemplate: {metadata: {annotations: {commit-hash: d4f0a2d}}}")
	}
	if left.secret == nil {
		return
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: n.ns, Name: name,
			OwnerReferences: controlledBy("kubernetes-client.io/v1", "ExternalSecret", name, object.UID),
		},
		StringData: left.secret,
	}
	if name == "template" {
		secret.Type, secret.Labels = "example.com/cool", map[string]string{"l": "x"}
	}
	if err := n.env.Client.Create(n.t.Context(), secret); err != nil {
		n.t.Fatal(err)
	}
}

// secrets of the tenant, by name.
func (n *tenant) secrets() map[string]corev1.Secret {
	n.t.Helper()
	list := &corev1.SecretList{}
	if err := n.env.Client.List(n.t.Context(), list, client.InNamespace(n.ns)); err != nil {
		n.t.Fatal(err)
	}
	all := map[string]corev1.Secret{}
	for _, secret := range list.Items {
		all[secret.Name] = secret
	}
	return all
}

// objects of the tenant, by name.
func (n *tenant) objects() map[string]kesv1.ExternalSecret {
	n.t.Helper()
	list := &kesv1.ExternalSecretList{}
	if err := n.env.Client.List(n.t.Context(), list, client.InNamespace(n.ns)); err != nil {
		n.t.Fatal(err)
	}
	all := map[string]kesv1.ExternalSecret{}
	for _, object := range list.Items {
		all[object.Name] = object
	}
	return all
}

// prompt is where someone sits who follows a page: the commands are at hand, and
// so are values.yaml and policy.yaml.
type prompt struct {
	*tenant
	folder string
}

func (n *tenant) prompt() *prompt {
	n.t.Helper()
	values, err := yaml.Marshal(n.release.Values)
	if err != nil {
		n.t.Fatal(err)
	}
	p := &prompt{tenant: n, folder: filepath.Dir(n.file("values.yaml", string(values)))}
	for name, target := range map[string]string{"charts": "../../charts", "kes": "testdata/kes"} {
		target, err := filepath.Abs(target)
		if err == nil {
			err = os.Symlink(target, filepath.Join(p.folder, name))
		}
		if err != nil {
			n.t.Fatal(err)
		}
	}
	p.setPolicy(n.release.Values["policy"])
	return p
}

// setPolicy writes chart values as a document.
func (p *prompt) setPolicy(values any) {
	p.t.Helper()
	document := maps.Clone(values.(map[string]any)) //nolint:forcetypeassert // The test's own values.
	document["apiVersion"], document["kind"] = policy.APIVersion, policy.Kind
	text, err := yaml.Marshal(document)
	if err == nil {
		err = os.WriteFile(filepath.Join(p.folder, "policy.yaml"), text, 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *prompt) run(script string) (output string, code int) {
	p.t.Helper()
	bin, err := filepath.Abs("../../bin")
	if err != nil {
		p.t.Fatal(err)
	}
	command := exec.CommandContext(p.t.Context(), "bash", "-euo", "pipefail", "-c", script)
	command.Dir = p.folder
	command.Env = append(p.env.KubectlEnv(), "HOME="+p.folder, "PATH="+filepath.Dir(p.env.KubectlPath())+":"+bin+":"+os.Getenv("PATH"))
	told, err := command.CombinedOutput()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		p.t.Fatal(err)
	}
	return string(told), command.ProcessState.ExitCode()
}

func (p *prompt) succeeds(script string) {
	p.t.Helper()
	if told, code := p.run(script); code != 0 {
		p.t.Fatalf("%s: exit %d: %s", script, code, told)
	}
}

// shellBlocks are the commands of a page, in their order.
func shellBlocks(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../docs", page))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, match := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, match[1])
	}
	return blocks
}

// wantAudit judges what stands before anything is installed: by a policy without
// rules, and by the one that will be installed.
func (p *prompt) wantAudit(audit string, left map[string]leftByKES) {
	p.t.Helper()
	const summary = "%d denied, 0 warned, 0 audited, %d allowed"
	judged := len(left) - 1 // The cloud's is none of Vault's.
	for denied, values := range map[int]any{judged: map[string]any{"allow": []any{}}, 1: p.release.Values["policy"]} {
		p.setPolicy(values)
		told, code := p.run(audit)
		if want := fmt.Sprintf(summary, denied, judged-denied); code != 1 || !strings.Contains(told, want) {
			p.t.Errorf("exit %d, want %s: %s", code, want, told)
		}
		if !strings.Contains(told, "not-allowed") {
			p.t.Errorf("what is denied is not named: %s", told)
		}
	}
}

// install as the page says. Helm takes the CRD only when it is told to.
func (p *prompt) install(step string) {
	p.t.Helper()
	if told, code := p.run(strings.Replace(step, " --take-ownership", "", 1)); code == 0 || !strings.Contains(told, "invalid ownership metadata") {
		p.t.Errorf("without --take-ownership: exit %d: %s", code, told)
	}
	p.succeeds(step)
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := p.env.Client.Get(p.t.Context(), client.ObjectKey{Name: crdName}, crd); err != nil {
		p.t.Fatal(err)
	}
	if owner := crd.Annotations["meta.helm.sh/release-name"]; owner != "countersign" {
		p.t.Errorf("the CRD belongs to release %q", owner)
	}
	p.startRelease()
}

// startRelease runs what helm has installed.
func (n *tenant) startRelease() {
	n.t.Helper()
	if err := n.env.InstallChart(n.t.Context(), n.release); err != nil {
		n.t.Fatal(err)
	}
	if err := n.start(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
}

// wantTakenOver: what was synced counts as synced, what was not is synced, and
// what is not for this Countersign is left alone.
func (n *tenant) wantTakenOver(name string, left leftByKES, before kesv1.ExternalSecret) {
	n.t.Helper()
	switch {
	case name == "cloud", name == "another-id":
		if diff := cmp.Diff(before, n.objects()[name]); diff != "" {
			n.t.Errorf("%s was touched: %s", name, diff)
		}
	case left.reads > 0:
		n.isTakenOver(name, n.awaitSynced(name))
		if diff := cmp.Diff(map[string]string{"a": "1"}, n.data(name)); diff != "" {
			n.t.Errorf("%s: %s", name, diff)
		}
	default:
		object := n.awaitReason(name, "Synced")
		if object.Status.LastSync != before.Status.LastSync || object.Status.SyncedAt != nil {
			n.t.Errorf("%s counts as synced anew: %+v", name, object.Status)
		}
		allowed := apimeta.IsStatusConditionTrue(object.Status.Conditions, api.ConditionAllowed)
		if allowed != (name != "not-allowed") {
			n.t.Errorf("%s: Allowed is %t", name, allowed)
		}
	}
}

// wantOneReadPerChange: a change costs one read, and a Secret that has the value
// already keeps its data and its identity while it changes hands.
func (n *tenant) wantOneReadPerChange(before map[string]corev1.Secret) {
	n.t.Helper()
	mark := n.mark()
	n.resync("1")
	object := n.awaitSynced("app")
	n.wantRequests(mark, harness.Counts{Read: 1})
	n.isTakenOver("app", object)
	secret := n.secret("app")
	if diff := cmp.Diff(before["app"].Data, secret.Data); diff != "" || secret.UID != before["app"].UID {
		n.t.Errorf("UID %s: %s", secret.UID, diff)
	}
	// The way of the seed text: a commit hash in the template.
	n.apply("older-value", appSpec+"\ntemplate: {metadata: {annotations: {commit-hash: d4f0a2d}}}")
	n.awaitSynced("older-value")
	n.wantRequests(mark, harness.Counts{Read: 2})
	if diff := cmp.Diff(map[string]string{"a": "1"}, n.data("older-value")); diff != "" {
		n.t.Error(diff)
	}
}

// wantToOutliveTheRelease: removed, Countersign leaves the CRD, the objects and
// the Secrets, and no webhook; installed again, it goes on where it was.
func (n *tenant) wantToOutliveTheRelease(prompt *prompt) {
	n.t.Helper()
	secrets, objects, mark := n.secrets(), n.objects(), n.mark()
	if err := n.process.Stop(); err != nil {
		n.t.Fatal(err)
	}
	const install = " countersign charts/countersign -n countersign-system --values values.yaml"
	// The harness has applied over what helm had installed.
	prompt.succeeds("helm upgrade" + install)
	prompt.succeeds("helm uninstall countersign -n countersign-system")
	if diff := cmp.Diff(secrets, n.secrets()); diff != "" {
		n.t.Errorf("Secrets: %s", diff)
	}
	if diff := cmp.Diff(objects, n.objects()); diff != "" {
		n.t.Errorf("ExternalSecrets: %s", diff)
	}
	for _, kind := range []string{"validatingwebhookconfigurations", "mutatingwebhookconfigurations", "validatingadmissionpolicies"} {
		if left := n.do("", "get", kind, "-o", "name"); strings.Contains(left, "countersign") {
			n.t.Errorf("left behind: %s", left)
		}
	}
	prompt.succeeds("helm install" + install)
	n.startRelease()
	n.resync("2")
	n.awaitSynced("app")
	n.wantRequests(mark, harness.Counts{Login: 1, Read: 1})
	if diff := cmp.Diff(secrets, n.secrets()); diff != "" {
		n.t.Errorf("Secrets: %s", diff)
	}
}

func (n *tenant) isGone(object client.Object, namespace, name string) {
	n.t.Helper()
	err := n.env.Client.Get(n.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, object)
	if !apierrors.IsNotFound(err) {
		n.t.Errorf("%s/%s is still there: %v", namespace, name, err)
	}
}
