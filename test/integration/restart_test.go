package integration

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A Secret has a new version when its content is new, and at no other time; a
// new version is one write.
func TestRestartVersionOfTheSecret(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("app", appSpec)
	n.awaitSynced("app")
	before := n.secret("app")
	n.resync("the same values")
	n.awaitSynced("app")
	n.changePolicy(func() { n.writePolicy("policy-"+n.ns, policyHead+"allow: []") })
	n.restart(t)
	n.apply("other", appSpec)
	n.awaitSynced("other")
	if diff := cmp.Diff(before, n.secret("app")); diff != "" {
		t.Errorf("written though nothing is new: %s", diff)
	}

	writes := n.follow("app", func(event watch.Event) string {
		secret, _ := event.Object.(*corev1.Secret)
		return secret.GetResourceVersion()
	})
	n.put("kubernetes", "app", map[string]any{"a": "2"})
	n.resync("another value")
	n.awaitSynced("app")
	n.awaitVersions(writes, before.ResourceVersion, n.secret("app").ResourceVersion)
}

// What docs/restart-pods.md has as a manifest marks the Secret for Reloader; its
// commands give the pods a new template when the Secret is another, and only then.
func TestRestartPage(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "db", map[string]any{"a": "1"})
	n.do(n.restartBlock("yaml"), "apply", "-f", "-")
	n.awaitSynced("db")
	if got := n.secret("db").Annotations["reloader.stakater.com/match"]; got != "true" {
		t.Errorf("the Secret is marked %q", got)
	}
	n.do("", "create", "deployment", "app", "-n", n.ns, "--image=registry.example/app")
	n.followPipeline()
	first := n.deployment("app")
	n.followPipeline()
	if same := n.deployment("app"); same.Generation != first.Generation {
		t.Error("pods restart though the Secret is the same")
	}
	n.put("kubernetes", "db", map[string]any{"a": "2"})
	n.followPipeline()
	changed := n.deployment("app")
	if diff := cmp.Diff(map[string]string{"secret-version/db": n.secret("db").ResourceVersion}, changed.Spec.Template.Annotations); diff != "" || changed.Generation != first.Generation+1 {
		t.Errorf("generation %d after %d: %s", changed.Generation, first.Generation, diff)
	}
}

func (n *tenant) followPipeline() {
	n.t.Helper()
	n.prompt().succeeds(n.restartBlock("sh"))
}

// restartBlock is the page's one block of a language, for the tenant.
func (n *tenant) restartBlock(language string) string {
	n.t.Helper()
	page, err := os.ReadFile("../../docs/restart-pods.md")
	if err != nil {
		n.t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 1 {
		n.t.Fatalf("%d blocks of %s", len(blocks), language)
	}
	return strings.ReplaceAll(blocks[0][1], "team-a", n.ns)
}

func (n *tenant) deployment(name string) *appsv1.Deployment {
	n.t.Helper()
	deployment := &appsv1.Deployment{}
	if err := n.env.Client.Get(n.t.Context(), client.ObjectKey{Namespace: n.ns, Name: name}, deployment); err != nil {
		n.t.Fatal(err)
	}
	return deployment
}
