package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
)

const stampSpec = vaultHead + "data: [{name: a, key: kubernetes/data/NS/app, property: a}]"

// newStamped is a tenant with one object, app, that is synced.
func newStamped(t *testing.T) *tenant {
	t.Helper()
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1", "b": "2"})
	n.apply("app", stampSpec)
	n.awaitSynced("app")
	return n
}

// stamp is the two annotations.
type stamp struct{ At, By string }

func stampOf(object *kesv1.ExternalSecret) stamp {
	return stamp{At: object.Annotations[api.StampedAt], By: object.Annotations[api.StampedBy]}
}

// annotated is the manifest with annotations of the user's own.
func (n *tenant) annotated(name, spec, annotations string) string {
	n.t.Helper()
	return strings.Replace(n.manifest(name, spec), "metadata: {", "metadata: {annotations: {"+annotations+"}, ", 1)
}

// asJSON is the object as kubectl prints it.
func (n *tenant) asJSON(stdin string, args ...string) *unstructured.Unstructured {
	n.t.Helper()
	output := n.kubectl(stdin, append(args, "-o", "json")...)
	if output.ExitCode != 0 {
		n.t.Fatal(output.Stderr)
	}
	object := &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(output.Stdout), &object.Object); err != nil {
		n.t.Fatal(err)
	}
	return object
}

func toText(t *testing.T, object any) string {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What asks nothing new keeps the stamp, and where nothing else changes either,
// nothing is written. TestPoint6Stamp has the same of server-side applies.
func TestStampIsKept(t *testing.T) {
	patch := func(args ...string) func(*tenant) {
		return func(n *tenant) { n.do("", append([]string{"patch", "externalsecret", "app", "-n", n.ns}, args...)...) }
	}
	tests := map[string]struct {
		act    func(*tenant)
		writes bool
	}{
		"identical apply": {act: func(n *tenant) {
			if told := n.do(n.manifest("app", stampSpec), "apply", "-f", "-"); !strings.Contains(told, "app unchanged") {
				n.t.Errorf("kubectl said %s", told)
			}
		}},
		"kubectl diff":        {act: func(n *tenant) { n.do(n.manifest("app", stampSpec), "diff", "-f", "-") }},
		"dry run of an apply": {act: func(n *tenant) { n.do(n.manifest("app", stampSpec), "apply", "--dry-run=server", "-f", "-") }},
		"PUT that drops it": {act: func(n *tenant) {
			object := n.asJSON("", "get", "externalsecret", "app", "-n", n.ns)
			unstructured.RemoveNestedField(object.Object, "metadata", "annotations", api.StampedAt)
			unstructured.RemoveNestedField(object.Object, "metadata", "annotations", api.StampedBy)
			n.do(toText(n.t, object.Object), "replace", "--raw", "/apis/kubernetes-client.io/v1/namespaces/"+n.ns+"/externalsecrets/app", "-f", "-")
		}},
		"patch that drops it": {act: func(n *tenant) {
			n.do("", "annotate", "externalsecret", "app", "-n", n.ns, api.StampedAt+"-", api.StampedBy+"-")
		}},
		"finalizer added":   {act: patch("--type=merge", "-p", `{"metadata":{"finalizers":["example.com/hold"]}}`), writes: true},
		"finalizer removed": {act: patch("--type=merge", "-p", `{"metadata":{"finalizers":null}}`), writes: true},
		"label":             {act: patch("--type=merge", "-p", `{"metadata":{"labels":{"x":"y"}}}`), writes: true},
		"annotation":        {act: patch("--type=merge", "-p", `{"metadata":{"annotations":{"x":"y"}}}`), writes: true},
		"status":            {act: patch("--subresource=status", "--type=merge", "-p", `{"status":{"lastSync":"2026-11-24T10:00:00.000Z"}}`), writes: true},
	}
	n := newStamped(t)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			n := &tenant{world: n.world, t: t, ns: n.ns}
			before := n.get("app")
			tc.act(n)
			after := n.get("app")
			if diff := cmp.Diff(stampOf(before), stampOf(after)); diff != "" {
				t.Error(diff)
			}
			if !tc.writes && after.ResourceVersion != before.ResourceVersion {
				t.Errorf("it was written: resourceVersion %s, then %s", before.ResourceVersion, after.ResourceVersion)
			}
		})
	}
}

// A dry run shows what would be stored: the stamp as it is where nothing is
// asked anew, and otherwise all but the time of the stamp.
func TestStampDryRunEqualsLive(t *testing.T) {
	n := newStamped(t)
	shown := func(object *unstructured.Unstructured, without ...[]string) map[string]any {
		for _, path := range append(without, []string{"metadata", "managedFields"}) {
			unstructured.RemoveNestedField(object.Object, path...)
		}
		return object.Object
	}
	dryRun := func(spec string) *unstructured.Unstructured {
		return n.asJSON(n.manifest("app", spec), "apply", "--dry-run=server", "-f", "-")
	}
	live := func() *unstructured.Unstructured { return n.asJSON("", "get", "externalsecret", "app", "-n", n.ns) }
	if diff := cmp.Diff(shown(dryRun(stampSpec)), shown(live())); diff != "" {
		t.Errorf("unchanged, dry run (-) and live (+):\n%s", diff)
	}

	changed := strings.ReplaceAll(stampSpec, "property: a", "property: b")
	before := stampOf(n.get("app"))
	predicted := dryRun(changed)
	if at := predicted.GetAnnotations()[api.StampedAt]; at <= before.At {
		t.Errorf("the dry run of a change has the stamp %s, live has %s", at, before.At)
	}
	if diff := cmp.Diff(before, stampOf(n.get("app"))); diff != "" {
		t.Errorf("the dry run has left a trace: %s", diff)
	}
	n.apply("app", changed)
	volatile := [][]string{{"metadata", "annotations", api.StampedAt}, {"metadata", "resourceVersion"}, {"status"}}
	if diff := cmp.Diff(shown(predicted, volatile...), shown(live(), volatile...)); diff != "" {
		t.Errorf("changed, dry run (-) and live (+):\n%s", diff)
	}
}

// The resync annotation asks anew; its value again does not.
func TestStampResync(t *testing.T) {
	n := newStamped(t)
	resync := func(value string) stamp {
		n.do("", "annotate", "--overwrite", "externalsecret", "app", "-n", n.ns, api.Resync+value)
		return stampOf(n.get("app"))
	}
	first := stampOf(n.get("app"))
	asked := resync("=1")
	if asked.At <= first.At {
		t.Errorf("stamp %s after %s", asked.At, first.At)
	}
	n.awaitSynced("app")
	if again := resync("=1"); again != asked {
		t.Errorf("the same value again: stamp %v, want still %v", again, asked)
	}
	if other := resync("=2"); other.At <= asked.At {
		t.Errorf("another value: stamp %s after %s", other.At, asked.At)
	}
}

// The stamp names who asked for what stands there, not who touched it last.
func TestStampNamesTheRequester(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1", "b": "2"})
	alice, bob := "alice@"+n.ns, "bob@"+n.ns
	n.do("", "create", "role", "users", "-n", n.ns, "--verb=*", "--resource=externalsecrets.kubernetes-client.io")
	n.do("", "create", "rolebinding", "users", "-n", n.ns, "--role=users", "--user="+alice, "--user="+bob)
	as := func(user string) string { return "--as=" + user }
	steps := []struct {
		what, want string
		act        func()
	}{
		{"alice creates", alice, func() { n.do(n.manifest("app", stampSpec), "apply", as(alice), "-f", "-") }},
		{"bob labels", alice, func() { n.do("", "label", "externalsecret", "app", "-n", n.ns, "x=y", as(bob)) }},
		{"bob changes the spec", bob, func() {
			n.do(n.manifest("app", strings.ReplaceAll(stampSpec, "property: a", "property: b")), "apply", as(bob), "-f", "-")
		}},
		{"alice signs as bob", alice, func() {
			told := n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "--overwrite", as(alice), api.Resync+"=1", api.StampedBy+"=carol")
			if !strings.Contains(told, api.StampedBy+" is written by Countersign; your value was replaced by "+alice) {
				t.Errorf("kubectl said %s", told)
			}
		}},
	}
	for _, step := range steps {
		step.act()
		if got := stampOf(n.get("app")).By; got != step.want {
			t.Errorf("%s: stamped by %s, want %s", step.what, got, step.want)
		}
	}
}

// A value that a user brings along is overwritten, also that of the year 2099,
// and the user is told.
func TestStampOfTheUsersOwn(t *testing.T) {
	for name, value := range map[string]string{"past": "2001-01-01T00:00:00Z", "future": "2099-01-01T00:00:00Z", "no-time": "yesterday"} {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t)
			n.put("kubernetes", "app", map[string]any{"a": "1"})
			told := n.do(n.annotated("app", stampSpec, api.StampedAt+`: "`+value+`"`), "apply", "-f", "-")
			object := n.awaitSynced("app")
			if want := "Warning: " + api.StampedAt + " is written by Countersign; your value was replaced by " + stampOf(object).At; !strings.Contains(told, want) {
				t.Errorf("kubectl said %s, want %s", told, want)
			}
			at, err := time.Parse(time.RFC3339Nano, stampOf(object).At)
			if err != nil || time.Since(at).Abs() > time.Minute {
				t.Errorf("stamp %s (%v)", stampOf(object).At, err)
			}
		})
	}
}

// A stamp that was forged while the webhook was away is a token like any other
// to the controller, and the next update replaces it.
func TestStampForgedWhileTheWebhookIsAway(t *testing.T) {
	n := newStamped(t)
	const forged = "2099-01-01T00:00:00Z"
	n.withoutProcess(func() {
		n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "--overwrite", api.StampedAt+"="+forged, api.StampedBy+"=nobody")
	})
	n.await("app", func(object *kesv1.ExternalSecret) error {
		if object.Status.SyncedStamp != forged {
			return fmt.Errorf("synced stamp %s", object.Status.SyncedStamp)
		}
		return reasonIs(object, "Synced")
	})
	n.do("", "label", "externalsecret", "app", "-n", n.ns, "x=y")
	if got := stampOf(n.awaitSynced("app")); got.At >= forged || got.By == "nobody" {
		t.Errorf("stamp %+v", got)
	}
}

// withoutProcess does something while Countersign is stopped.
func (n *tenant) withoutProcess(act func()) {
	n.t.Helper()
	if err := n.process.Stop(); err != nil {
		n.t.Fatal(err)
	}
	// The other tests need the process also when act fails this one.
	defer func() {
		if err := n.start(context.WithoutCancel(n.t.Context())); err != nil {
			n.t.Error(err)
		}
	}()
	act()
}

// calls are those of the webhooks for ExternalSecrets.
type calls struct{ Stamp, Enforce int }

func (n *tenant) calls() calls {
	n.t.Helper()
	counted := map[string]int{}
	for _, match := range regexp.MustCompile(`(?m)^controller_runtime_webhook_requests_total\{code="\d+",webhook="(/\w+)"\} (\d+)$`).FindAllStringSubmatch(n.metrics(), -1) {
		count, err := strconv.Atoi(match[2])
		if err != nil {
			n.t.Fatal(err)
		}
		counted[match[1]] += count
	}
	return calls{Stamp: counted["/stamp"], Enforce: counted["/enforce"]}
}

// The webhooks are called for what they are there for: status updates and
// deletes call none, and what asks nothing anew is not judged.
func TestWebhookCalls(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1", "b": "2"})
	patch := func(args ...string) func() {
		return func() { n.do("", append([]string{"patch", "externalsecret", "app", "-n", n.ns}, args...)...) }
	}
	steps := []struct {
		what string
		act  func()
		want calls
	}{
		{"create", func() { n.apply("app", stampSpec); n.awaitSynced("app") }, calls{1, 1}},
		{"status", patch("--subresource=status", "--type=merge", "-p", `{"status":{"lastSync":"2026-11-24T10:00:00.000Z"}}`), calls{}},
		{"label", patch("--type=merge", "-p", `{"metadata":{"labels":{"x":"y"}}}`), calls{Stamp: 1}},
		{"finalizer", patch("--type=merge", "-p", `{"metadata":{"finalizers":["example.com/hold"]}}`), calls{Stamp: 1}},
		{"resync", func() {
			patch("--type=merge", "-p", `{"metadata":{"annotations":{"`+api.Resync+`":"1"}}}`)()
			n.awaitSynced("app")
		}, calls{1, 1}},
		{"spec", func() {
			n.apply("app", strings.ReplaceAll(stampSpec, "property: a", "property: b"))
			n.awaitSynced("app")
		}, calls{1, 1}},
		{"delete", func() { n.do("", "delete", "externalsecret", "app", "-n", n.ns, "--wait=false") }, calls{}},
		{"finalizer of a deleted one", patch("--type=merge", "-p", `{"metadata":{"finalizers":null}}`), calls{Stamp: 1}},
	}
	for _, step := range steps {
		before := n.calls()
		step.act()
		after := n.calls()
		if diff := cmp.Diff(step.want, calls{after.Stamp - before.Stamp, after.Enforce - before.Enforce}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.what, diff)
		}
	}
}
