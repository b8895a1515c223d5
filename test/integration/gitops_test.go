package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	applymetav1 "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/kube-openapi/pkg/util/proto"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/yaml"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
)

// gitOpsTool is how a tool finds out whether what stands is what git says. The
// result is the difference; empty is none.
type gitOpsTool struct {
	apply func(*tenant, *unstructured.Unstructured)
	drift func(*tenant, *unstructured.Unstructured) string
}

func gitOpsTools() map[string]gitOpsTool {
	return map[string]gitOpsTool{
		"Flux":                                 {serverSideApply("kustomize-controller"), fluxDrift},
		argoDefault:                            {clientSideApply, argoClientDrift},
		"Argo CD, Server-Side Diff":            {serverSideApply(argoManager), argoServerDrift},
		"Argo CD, Server-Side Diff, mutations": {serverSideApply(argoManager), argoMutationDrift},
		"Argo CD, client-side apply, Server-Side Diff": {clientSideApply, argoServerDrift},
	}
}

const (
	argoManager = "argocd-controller"
	argoDefault = "Argo CD"
)

func clientSideApply(n *tenant, config *unstructured.Unstructured) {
	n.t.Helper()
	n.do(toText(n.t, config.Object), "apply", "-f", "-")
}

func serverSideApply(manager string) func(*tenant, *unstructured.Unstructured) {
	return func(n *tenant, config *unstructured.Unstructured) {
		n.t.Helper()
		n.predict(config, manager)
	}
}

// predict is the answer to a server-side apply.
func (n *tenant) predict(config *unstructured.Unstructured, manager string, options ...client.ApplyOption) *unstructured.Unstructured {
	n.t.Helper()
	result := config.DeepCopy()
	options = append(options, client.FieldOwner(manager), client.ForceOwnership)
	if err := n.env.Client.Apply(n.t.Context(), client.ApplyConfigurationFromUnstructured(result), options...); err != nil {
		n.t.Fatal(err)
	}
	return result
}

func (n *tenant) live(config *unstructured.Unstructured) *unstructured.Unstructured {
	n.t.Helper()
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(config.GroupVersionKind())
	if err := n.env.Client.Get(n.t.Context(), client.ObjectKeyFromObject(config), live); err != nil {
		n.t.Fatal(err)
	}
	return live
}

// fluxDrift compares the labels, all annotations and the rest without metadata
// and status of a dry run with what stands.
// https://github.com/fluxcd/pkg/blob/main/ssa/manager_diff.go
func fluxDrift(n *tenant, config *unstructured.Unstructured) string {
	n.t.Helper()
	compared := func(object *unstructured.Unstructured) []any {
		labels, annotations := object.GetLabels(), object.GetAnnotations()
		rest := object.DeepCopy()
		unstructured.RemoveNestedField(rest.Object, "metadata")
		unstructured.RemoveNestedField(rest.Object, "status")
		return []any{labels, annotations, rest.Object}
	}
	live := n.live(config)
	return cmp.Diff(compared(live), compared(n.predict(config, "kustomize-controller", client.DryRunAll)))
}

// argoClientDrift merges what changed between the last applied manifest, this
// one and what stands, as kubectl apply would, and compares with what stands.
// https://github.com/argoproj/argo-cd/blob/master/gitops-engine/pkg/diff/diff.go, ThreeWayDiff
func argoClientDrift(n *tenant, config *unstructured.Unstructured) string {
	n.t.Helper()
	return argoClientDriftIgnoring(n, config, nil)
}

// argoClientDriftIgnoring takes fields out of all three before.
func argoClientDriftIgnoring(n *tenant, config *unstructured.Unstructured, ignored [][]string) string {
	n.t.Helper()
	config, live := config.DeepCopy(), n.live(config)
	original := config.DeepCopy()
	if last := live.GetAnnotations()[corev1.LastAppliedConfigAnnotation]; last != "" {
		if err := original.UnmarshalJSON([]byte(last)); err != nil {
			n.t.Fatal(err)
		}
	}
	for _, path := range ignored {
		for _, object := range []*unstructured.Unstructured{original, config, live} {
			unstructured.RemoveNestedField(object.Object, path...)
		}
	}
	merged, err := threeWayMerge(config.GetKind(), []byte(toText(n.t, original)), []byte(toText(n.t, config)), []byte(toText(n.t, live)))
	if err != nil {
		n.t.Fatal(err)
	}
	predicted := &unstructured.Unstructured{}
	if err := predicted.UnmarshalJSON(merged); err != nil {
		n.t.Fatal(err)
	}
	return cmp.Diff(live.Object, predicted.Object)
}

// threeWayMerge knows the merge keys of the types of Kubernetes itself.
func threeWayMerge(kind string, original, modified, current []byte) ([]byte, error) {
	var known any
	switch kind {
	case "MutatingWebhookConfiguration":
		known = &admissionregistrationv1.MutatingWebhookConfiguration{}
	case "ValidatingWebhookConfiguration":
		known = &admissionregistrationv1.ValidatingWebhookConfiguration{}
	default:
		patch, err := jsonmergepatch.CreateThreeWayJSONMergePatch(original, modified, current)
		if err != nil {
			return nil, err
		}
		return jsonpatch.MergePatch(current, patch)
	}
	meta, err := strategicpatch.NewPatchMetaFromStruct(known)
	if err != nil {
		return nil, err
	}
	patch, err := strategicpatch.CreateThreeWayMergePatch(original, modified, current, meta, true)
	if err != nil {
		return nil, err
	}
	return strategicpatch.StrategicMergePatch(current, patch, known)
}

// argoMutationDrift compares a dry run with what stands: Server-Side Diff with
// IncludeMutationWebhook=true.
func argoMutationDrift(n *tenant, config *unstructured.Unstructured) string {
	n.t.Helper()
	return argoDiff(n.live(config), n.predict(config, argoManager, client.DryRunAll))
}

func argoDiff(live, predicted *unstructured.Unstructured) string {
	for _, object := range []*unstructured.Unstructured{live, predicted} {
		unstructured.RemoveNestedField(object.Object, "metadata", "managedFields")
		unstructured.RemoveNestedField(object.Object, "metadata", "resourceVersion")
	}
	return cmp.Diff(live.Object, predicted.Object)
}

// argoServerDrift is Server-Side Diff as it is by default: of the dry run only
// the fields count that Argo's manager owns.
// https://github.com/argoproj/argo-cd/blob/master/gitops-engine/pkg/diff/diff.go, removeWebhookMutation
func argoServerDrift(n *tenant, config *unstructured.Unstructured) string {
	n.t.Helper()
	live, predicted := n.live(config), n.predict(config, argoManager, client.DryRunAll)
	kind := n.types().Type(config.GroupVersionKind())
	typedLive, err := kind.FromUnstructured(live.Object)
	if err != nil {
		n.t.Fatal(err)
	}
	typedPredicted, err := kind.FromUnstructured(predicted.Object)
	if err != nil {
		n.t.Fatal(err)
	}
	all, err := typedPredicted.ToFieldSet()
	if err != nil {
		n.t.Fatal(err)
	}
	comparison, err := typedLive.Compare(typedPredicted)
	if err != nil {
		n.t.Fatal(err)
	}
	foreign := all.Difference(n.ownedBy(predicted, argoManager))
	merged, err := typedLive.Merge(typedPredicted.RemoveItems(foreign))
	if err != nil {
		n.t.Fatal(err)
	}
	merged = merged.RemoveItems(comparison.Removed.Difference(foreign))
	result, ok := merged.AsValue().Unstructured().(map[string]any)
	if !ok {
		n.t.Fatalf("merged into %v", merged)
	}
	return argoDiff(live, &unstructured.Unstructured{Object: result})
}

// ownedBy are the fields of one manager.
func (n *tenant) ownedBy(object *unstructured.Unstructured, manager string) *fieldpath.Set {
	n.t.Helper()
	owned := &fieldpath.Set{}
	for _, entry := range object.GetManagedFields() {
		if entry.Manager != manager {
			continue
		}
		fields := &fieldpath.Set{}
		if err := fields.FromJSON(strings.NewReader(entry.FieldsV1.GetRawString())); err != nil {
			n.t.Fatal(err)
		}
		owned = owned.Union(fields)
	}
	return owned
}

func (n *tenant) discovery() *discovery.DiscoveryClient {
	n.t.Helper()
	found, err := discovery.NewDiscoveryClientForConfig(n.env.Config)
	if err != nil {
		n.t.Fatal(err)
	}
	return found
}

// types are those that the apiserver publishes.
func (n *tenant) types() *managedfields.GvkParser {
	n.t.Helper()
	document, err := n.discovery().OpenAPISchema()
	if err != nil {
		n.t.Fatal(err)
	}
	models, err := proto.NewOpenAPIData(document)
	if err != nil {
		n.t.Fatal(err)
	}
	parser, err := managedfields.NewGVKParser(models, false)
	if err != nil {
		n.t.Fatal(err)
	}
	return parser
}

// fromGit is an ExternalSecret as a tool applies it.
func (n *tenant) fromGit(spec string, annotations map[string]string) *unstructured.Unstructured {
	n.t.Helper()
	config := n.asJSON(n.manifest("app", spec), "create", "--dry-run=client", "-f", "-")
	config.SetLabels(map[string]string{"app.kubernetes.io/instance": "app"})
	config.SetAnnotations(annotations)
	return config
}

// What was applied is what git says, to each tool, for as long as nobody
// changes either.
func TestGitOpsSeesNoDrift(t *testing.T) {
	for name, tool := range gitOpsTools() {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t)
			n.put("kubernetes", "app", map[string]any{"a": "1", "b": "2"})
			config := n.fromGit(stampSpec, map[string]string{"argocd.argoproj.io/tracking-id": "app"})
			clean := func(when string) {
				t.Helper()
				if drift := tool.drift(n, config); drift != "" {
					t.Errorf("%s:\n%s", when, drift)
				}
			}
			tool.apply(n, config)
			before := n.awaitSynced("app")
			clean("synced")
			tool.apply(n, config)
			if after := n.get("app"); after.ResourceVersion != before.ResourceVersion {
				t.Errorf("applied again, it was written:\n%s", cmp.Diff(before, after))
			}
			n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "countersign.dev/resync=1")
			n.awaitSynced("app")
			clean("resync asked for by hand")

			changed := n.fromGit(strings.ReplaceAll(stampSpec, "property: a", "property: b"), config.GetAnnotations())
			if tool.drift(n, changed) == "" {
				t.Error("no drift although git has changed")
			}
			tool.apply(n, changed)
			n.awaitSynced("app")
			if config = changed; tool.drift(n, config) != "" {
				t.Errorf("the change applied:\n%s", tool.drift(n, config))
			}
			n.do("", "patch", "externalsecret", "app", "-n", n.ns, "--type=merge", "-p", `{"spec":{"vaultMountPoint":"kubernetes","dataFrom":["kubernetes/data/`+n.ns+`/app"],"data":null}}`)
			if tool.drift(n, config) == "" {
				t.Error("no drift although somebody has changed the spec")
			}
		})
	}
}

// A stamp that stands in git is replaced. Only a diff that never asks the
// apiserver takes that for drift, and what docs/gitops.md says to ignore cures
// it.
func TestGitOpsStampInGit(t *testing.T) {
	pointers := documentedPointers(t)
	for name, tool := range gitOpsTools() {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t)
			n.put("kubernetes", "app", map[string]any{"a": "1"})
			config := n.fromGit(stampSpec, map[string]string{api.StampedAt: "2001-01-01T00:00:00Z", api.StampedBy: "git"})
			tool.apply(n, config)
			before := n.awaitSynced("app")
			if drifts := tool.drift(n, config) != ""; drifts != (name == argoDefault) {
				t.Errorf("drift: %v", drifts)
			}
			tool.apply(n, config)
			if after := n.get("app"); stampOf(after) != stampOf(before) {
				t.Errorf("applied again: stamp %v, then %v", stampOf(before), stampOf(after))
			}
			if drift := argoClientDriftIgnoring(n, config, pointers); name == argoDefault && drift != "" {
				t.Errorf("drift in what is not ignored:\n%s", drift)
			}
		})
	}
}

// documentedPointers are the fields that docs/gitops.md says to ignore.
func documentedPointers(t *testing.T) [][]string {
	t.Helper()
	var application struct {
		Spec struct {
			IgnoreDifferences []struct {
				Group, Kind  string
				JSONPointers []string `json:"jsonPointers"`
			}
		}
	}
	if err := yaml.Unmarshal([]byte(documented(t, "yaml")), &application); err != nil {
		t.Fatal(err)
	}
	var pointers [][]string
	for _, rule := range application.Spec.IgnoreDifferences {
		if rule.Group != kesv1.GroupVersion().Group || rule.Kind != kesv1.Kind {
			t.Errorf("a rule for %s/%s", rule.Group, rule.Kind)
		}
		for _, pointer := range rule.JSONPointers {
			var path []string
			for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
				path = append(path, strings.ReplaceAll(part, "~1", "/"))
			}
			pointers = append(pointers, path)
		}
	}
	return pointers
}

// documented is the one code block of docs/gitops.md in a language.
func documented(t *testing.T, language string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/gitops.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 1 {
		t.Fatalf("%d blocks of %s", len(blocks), language)
	}
	return blocks[0][1]
}

// What the chart has applied is what git says also after the certificates were
// written into it.
func TestGitOpsSeesNoDriftOfTheChart(t *testing.T) {
	extractor, err := applymetav1.NewUnstructuredExtractor((&tenant{world: shared, t: t}).discovery())
	if err != nil {
		t.Fatal(err)
	}
	admission := admissionregistrationv1.SchemeGroupVersion
	written := map[string]schema.GroupVersionKind{
		"countersign webhooks, mutating":   admission.WithKind("MutatingWebhookConfiguration"),
		"countersign webhooks, validating": admission.WithKind("ValidatingWebhookConfiguration"),
		"Secrets":                          corev1.SchemeGroupVersion.WithKind("Secret"),
		"ConfigMaps":                       corev1.SchemeGroupVersion.WithKind("ConfigMap"),
	}
	for what, kind := range written {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind)
		if err := shared.env.Client.List(t.Context(), list, client.MatchingLabels{"app.kubernetes.io/instance": shared.release.Name}); err != nil {
			t.Fatal(err)
		}
		if len(list.Items) == 0 {
			t.Errorf("%s: none", what)
		}
		for i := range list.Items {
			config, err := extractor.Extract(&list.Items[i], "helm")
			if err != nil {
				t.Fatal(err)
			}
			for name, tool := range gitOpsTools() {
				n := &tenant{world: shared, t: t}
				if drift := tool.drift(n, config); drift != "" {
					t.Errorf("%s, %s %s:\n%s", name, kind.Kind, config.GetName(), drift)
				}
			}
		}
	}
}

// Argo CD's health check is installed beside what the ConfigMap holds already.
// A server-side apply would take away what was applied client-side.
func TestGitOpsHealthIsInstalled(t *testing.T) {
	n := tenantOf(t, metav1.ObjectMeta{Name: "argocd"})
	n.do("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-cm, namespace: argocd}\ndata: {url: https://argocd.example}", "apply", "-f", "-")
	command := exec.CommandContext(t.Context(), "sh", "-c", documented(t, "sh"))
	command.Dir = "../.."
	command.Env = append(os.Environ(), n.env.KubectlEnv()...)
	command.Env = append(command.Env, "PATH="+filepath.Dir(n.env.KubectlPath())+":"+os.Getenv("PATH"))
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	script, err := os.ReadFile("../../docs/argocd-health.lua")
	if err != nil {
		t.Fatal(err)
	}
	settings := &corev1.ConfigMap{}
	if err := n.env.Client.Get(t.Context(), client.ObjectKey{Namespace: "argocd", Name: "argocd-cm"}, settings); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"url": "https://argocd.example",
		"resource.customizations.health.kubernetes-client.io_ExternalSecret": string(script),
	}
	if diff := cmp.Diff(want, settings.Data); diff != "" {
		t.Errorf("argocd-cm (-want +got):\n%s", diff)
	}
}

// What policy forbids is refused in the dry run already, with the reason.
func TestGitOpsDryRunTellsTheReason(t *testing.T) {
	n := newTenant(t)
	config := n.fromGit(vaultHead+"dataFrom: [kubernetes/data/other/app]", nil)
	err := n.env.Client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(config), client.FieldOwner("kustomize-controller"), client.ForceOwnership, client.DryRunAll)
	if err := says(err, noRule); err != nil {
		t.Error(err)
	}
}
