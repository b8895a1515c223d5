package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
)

const (
	brokenSpec = vaultHead + "dataFrom: [kubernetes/data/NS/nothing]"
	controller = "externalsecret.kubernetes-client.io"
)

// What is answered is of one generation: kstatus takes the status for that of
// the object as it stands.
func TestStatusIsOfOneGeneration(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	answers := []func() *kesv1.ExternalSecret{
		func() *kesv1.ExternalSecret { n.apply("app", appSpec); return n.awaitSynced("app") },
		func() *kesv1.ExternalSecret { n.apply("app", brokenSpec); return n.awaitReason("app", "VaultNotFound") },
		func() *kesv1.ExternalSecret {
			n.apply("app", value("nope"))
			return n.awaitReason("app", "InvalidValue")
		},
		func() *kesv1.ExternalSecret { n.apply("app", appSpec); return n.awaitSynced("app") },
	}
	for i, answer := range answers {
		object := answer()
		want := int64(i + 1)
		got := []int64{object.Generation, object.Status.ObservedGeneration}
		for _, condition := range object.Status.Conditions {
			got = append(got, condition.ObservedGeneration)
		}
		if diff := cmp.Diff([]int64{want, want, want, want}, got); diff != "" {
			t.Errorf("generation, observed, Allowed, Ready: %s", diff)
		}
	}
}

// kubectl waits for a failure to be mended by what the condition says.
func TestStatusKubectlWaits(t *testing.T) {
	n := newTenant(t)
	n.apply("app", appSpec)
	n.awaitReason("app", "VaultNotFound")
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.resync("rotated-1")
	n.do("", "wait", "externalsecret", "app", "-n", n.ns, "--for=condition=Ready", "--timeout=20s")
	n.do("", "wait", "externalsecret", "app", "-n", n.ns, "--for=jsonpath={.status.syncedResync}=rotated-1", "--timeout=20s")
}

// told is an event of an object.
type told struct {
	Kind, Reason string
	Series       *eventsv1.EventSeries
}

func (n *tenant) toldOf(ctx context.Context, name string) ([]told, error) {
	list := &eventsv1.EventList{}
	if err := n.env.Client.List(ctx, list, client.InNamespace(n.ns)); err != nil {
		return nil, err
	}
	var all []told
	for i := range list.Items {
		if event := &list.Items[i]; event.Regarding.Name == name {
			all = append(all, told{event.Type, event.Reason, event.Series})
		}
	}
	return all, nil
}

func (n *tenant) awaitTold(name string, want ...told) {
	n.t.Helper()
	sorted := cmpopts.SortSlices(func(a, b told) bool { return a.Reason < b.Reason })
	harness.Await(n.t, within, func(ctx context.Context) error {
		got, err := n.toldOf(ctx, name)
		if err != nil {
			return err
		}
		if diff := cmp.Diff(want, got, sorted); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
}

// An event tells a change and not a retry: three retries that end as the first
// attempt did say nothing.
func TestStatusOneEventForThreeRetries(t *testing.T) {
	t.Parallel()
	const retries = 3
	n := newTenant(t)
	n.apply("app", brokenSpec)
	failed := told{Kind: "Warning", Reason: "VaultNotFound"}
	n.awaitTold("app", failed)
	first := n.get("app")
	// 5, 10 and 20 seconds apart.
	harness.Await(t, 2*time.Minute, func(context.Context) error {
		if retry := n.get("app").Status.Retry; retry == nil || retry.Attempts <= retries {
			return fmt.Errorf("retry %+v", retry)
		}
		return nil
	})
	if last := n.get("app"); last.Status.LastSync != first.Status.LastSync || last.Status.Status != first.Status.Status {
		t.Errorf("lastSync was %s, is %s", first.Status.LastSync, last.Status.LastSync)
	}
	n.put("kubernetes", "nothing", map[string]any{"a": "1"})
	n.resync("1")
	n.awaitSynced("app")
	n.awaitTold("app", failed, told{Kind: "Normal", Reason: "Synced"})
}

// readySeries are the lines of a scrape about the readiness of the tenant's
// objects.
func (n *tenant) readySeries() map[string]string {
	n.t.Helper()
	series := map[string]string{}
	for line := range strings.Lines(n.metrics()) {
		name, found := strings.CutPrefix(strings.TrimSpace(line), `countersign_externalsecret_ready{controller="`+controller+`",name="`)
		if name, value, ok := strings.Cut(name, `",namespace="`+n.ns+`"} `); ok && found {
			series[name] = value
		}
	}
	return series
}

func (n *tenant) awaitReadySeries(want map[string]string) {
	n.t.Helper()
	harness.Await(n.t, within, func(context.Context) error {
		if diff := cmp.Diff(want, n.readySeries()); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
}

// Readiness is told for each object, and no more for one that is deleted.
func TestStatusReadinessGoesWithItsObject(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("good", appSpec)
	n.apply("broken", brokenSpec)
	n.awaitReadySeries(map[string]string{"good": "1", "broken": "0"})
	n.apply("good", brokenSpec)
	n.awaitReadySeries(map[string]string{"good": "0", "broken": "0"})
	n.restart(t)
	n.awaitReadySeries(map[string]string{"good": "0", "broken": "0"})
	n.do("", "delete", "externalsecret", "broken", "-n", n.ns)
	n.awaitReadySeries(map[string]string{"good": "0"})
	n.do("", "delete", "namespace", n.ns, "--wait=false")
	n.awaitReadySeries(map[string]string{})
}

// syncLine is the line of a sync.
type syncLine struct {
	Message    string `json:"msg"`
	Level      string `json:"level"`
	Controller string `json:"controller"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
	Reason     string `json:"reason"`
	Duration   string `json:"duration"`
	Requests   int    `json:"requests"`
}

// syncsOf are the lines of an object's syncs, without their durations.
func (n *tenant) syncsOf(name string) []syncLine {
	n.t.Helper()
	logs, err := n.process.Logs()
	if err != nil {
		n.t.Fatal(err)
	}
	var lines []syncLine
	for text := range strings.Lines(logs) {
		var line syncLine
		if json.Unmarshal([]byte(text), &line) != nil || line.Namespace != n.ns || line.Name != name || !strings.HasSuffix(line.Message, "synced") {
			continue
		}
		if took, err := time.ParseDuration(line.Duration); err != nil || took < 0 {
			n.t.Errorf("duration %q", line.Duration)
		}
		line.Duration = ""
		lines = append(lines, line)
	}
	return lines
}

// Each sync is one line of the log: the object, the reason, how long it took,
// and the requests that left for it.
func TestStatusSyncsAreLogged(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1", "b": "2"})
	n.put("kubernetes", "other", map[string]any{"c": "3"})
	if err := n.writeRole(t.Context(), n.ns); err != nil {
		t.Fatal(err)
	}
	spec := "backendType: vault\nvaultRole: NS\ndataFrom: [kubernetes/data/NS/app, kubernetes/data/NS/app, kubernetes/data/NS/other]"
	n.apply("app", spec)
	n.awaitSynced("app")
	n.resync("1")
	n.awaitSynced("app")
	n.apply("app", strings.ReplaceAll(spec, "NS/other", "NS/nothing"))
	n.awaitReason("app", "VaultNotFound")
	line := func(level, message, reason string, requests int) syncLine {
		return syncLine{Level: level, Message: message, Controller: controller, Namespace: n.ns, Name: "app", Reason: reason, Requests: requests}
	}
	want := []syncLine{
		line("INFO", "synced", "Synced", 3), line("INFO", "synced", "Synced", 2), line("INFO", "not synced", "VaultNotFound", 2),
	}
	if diff := cmp.Diff(want, n.syncsOf("app")); diff != "" {
		t.Error(diff)
	}
}
