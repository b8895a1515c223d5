package integration

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
)

// A configuration file is built of three values of two secrets, and built anew
// when one of them has changed.
func TestTemplateBuildsAFile(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "db", map[string]any{"user": "app", "password": "pä$$<>", "port": 5432})
	n.put("kubernetes", "tokens", map[string]any{"api": map[string]any{"token": "t0ken"}})
	n.apply("app", vaultHead+`dataFrom: [kubernetes/data/NS/db]
data: [{name: tokens, key: kubernetes/data/NS/tokens}]
template:
  stringData:
    app.yaml: |
      url: postgres://<%= data.user %>:<%= data.password %>@db.example:${data.port}/app
      token: <%= JSON.stringify(JSON.parse(data.tokens).api.token) %>
      level: <%= data.level || "info" %>`)
	n.awaitSynced("app")
	want := "url: postgres://app:pä$$<>@db.example:5432/app\ntoken: \"t0ken\"\nlevel: info\n"
	if diff := cmp.Diff(want, n.data("app")["app.yaml"]); diff != "" {
		t.Error(diff)
	}
	n.put("kubernetes", "tokens", map[string]any{"api": map[string]any{"token": "n3w"}})
	n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "countersign.dev/resync=1")
	n.awaitSynced("app")
	if got := n.data("app")["app.yaml"]; got != strings.ReplaceAll(want, "t0ken", "n3w") {
		t.Errorf("the Secret holds %q", got)
	}
}

const loop = vaultHead + "dataFrom: [kubernetes/data/NS/app]\ntemplate: {stringData: {list: \"a\\n<% for (;;) {} %>\"}}"

const loopRefused = "spec.template.stringData[list]: Forbidden: 2:1: statements in <% %> are not supported; supported are lookups in data"

func TestTemplateWithALoopIsRefused(t *testing.T) {
	n := newTenant(t)
	mark := n.mark()
	if told := n.refused("app", loop); !strings.Contains(told, loopRefused) {
		t.Errorf("kubectl said %s", told)
	}
	n.wantRequests(mark, harness.Counts{})
}

// What cannot be rendered is told with its place and without a value, and the
// Secret that stood there stays as it was.
func TestTemplateThatCannotBeRendered(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"json": canary})
	spec := vaultHead + "dataFrom: [kubernetes/data/NS/app]\ntemplate: {stringData: {out: '"
	n.apply("app", spec+"<%= data.json %>'}}")
	n.awaitSynced("app")
	before := n.secret("app")
	n.apply("app", spec+"<%= JSON.parse(data.json).token %>'}}")
	failed := n.awaitReason("app", "InvalidValue")
	want := `ERROR, spec.template.stringData[out]: Invalid value: "": 1:5: JSON.parse: malformed JSON at byte 1`
	if diff := cmp.Diff(want, failed.Status.Status); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(before, n.secret("app")); diff != "" {
		t.Errorf("the Secret was touched: %s", diff)
	}
}

// An object that was written while the webhook was away keeps its refused
// expression and can be edited all the same. It says why it is not synced, and
// nothing is read or written until the expression is gone.
func TestTemplateThatIsRefusedStaysEditable(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	mark := n.mark()
	n.withoutWebhooks(func() { n.apply("app", loop) })
	n.awaitDenied("app", loopRefused)

	edited := strings.ReplaceAll(loop, "template: {", "template: {metadata: {annotations: {note: edited}}, ")
	n.apply("app", edited)
	n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "countersign.dev/resync=1")
	if object := n.awaitDenied("app", loopRefused); object.Generation < 2 {
		t.Errorf("generation %d: the edit is lost", object.Generation)
	}
	if told := n.refused("app", strings.ReplaceAll(edited, "list: ", "more: '<% x %>', list: ")); !strings.Contains(told, "spec.template.stringData[more]: Forbidden: 1:1") || strings.Contains(told, "[list]") {
		t.Errorf("a further refused expression: kubectl said %s", told)
	}
	n.hasNoSecret("app")
	n.wantRequests(mark, harness.Counts{})

	n.apply("app", strings.ReplaceAll(edited, "<% for (;;) {} %>", "<%= data.a %>"))
	n.awaitSynced("app")
	if got := n.data("app")["list"]; got != "a\n1" {
		t.Errorf("the Secret holds %q", got)
	}
}

// awaitDenied waits until both conditions say that the object as it stands is
// denied, and why.
func (n *tenant) awaitDenied(name, why string) *kesv1.ExternalSecret {
	n.t.Helper()
	return n.await(name, func(object *kesv1.ExternalSecret) error {
		allowed := apimeta.FindStatusCondition(object.Status.Conditions, api.ConditionAllowed)
		if allowed == nil || allowed.Status != metav1.ConditionFalse || allowed.ObservedGeneration != object.Generation {
			return fmt.Errorf("Allowed is %+v", allowed)
		}
		ready := apimeta.FindStatusCondition(object.Status.Conditions, api.ConditionReady)
		if ready == nil || !strings.Contains(allowed.Message, why) || !strings.Contains(ready.Message, why) {
			return errors.New("the conditions do not say why")
		}
		return reasonIs(object, "PolicyDenied")
	})
}
