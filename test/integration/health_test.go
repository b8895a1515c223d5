package integration

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	lua "github.com/yuin/gopher-lua"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
)

// health is what a health check of Argo CD returns.
type health struct{ Status, Message string }

// argoHealth runs docs/argocd-health.lua on an object as Argo CD does: with the
// basic and table libraries, and no others.
// https://github.com/argoproj/argo-cd/blob/master/util/lua/lua.go
func argoHealth(t *testing.T, object *kesv1.ExternalSecret) health {
	t.Helper()
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		t.Fatal(err)
	}
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	state.SetContext(t.Context())
	for name, open := range map[string]lua.LGFunction{lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			t.Fatal(err)
		}
	}
	state.SetGlobal("obj", toLua(state, fields))
	if err := state.DoFile("../../docs/argocd-health.lua"); err != nil {
		t.Fatal(err)
	}
	result, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("it returns %v", state.Get(-1))
	}
	return health{Status: lua.LVAsString(result.RawGetString("status")), Message: lua.LVAsString(result.RawGetString("message"))}
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	case string:
		return lua.LString(value)
	case []any:
		table := state.NewTable()
		for _, item := range value {
			table.Append(toLua(state, item))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for key, item := range value {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	}
	return lua.LNil
}

func TestArgoHealth(t *testing.T) {
	const at = "2026-11-24T10:00:00.000001Z"
	ready := func(status metav1.ConditionStatus, reason, message string) []metav1.Condition {
		return []metav1.Condition{
			{Type: "Allowed", Status: "True", Reason: "PolicyAllows", ObservedGeneration: 2},
			{Type: "Ready", Status: status, Reason: reason, Message: message, ObservedGeneration: 2},
		}
	}
	failed := func(reason string) func(*kesv1.ExternalSecret) {
		return func(e *kesv1.ExternalSecret) { e.Status.Conditions = ready("False", reason, "why") }
	}
	const unanswered = "Countersign has not answered this change yet"
	tests := map[string]struct {
		change func(*kesv1.ExternalSecret)
		want   health
	}{
		"synced":             {func(*kesv1.ExternalSecret) {}, health{"Healthy", "good"}},
		"created just now":   {func(e *kesv1.ExternalSecret) { e.Status = kesv1.ExternalSecretStatus{} }, health{"Progressing", unanswered}},
		"without a stamp":    {func(e *kesv1.ExternalSecret) { e.Annotations, e.Status.SyncedStamp = nil, "" }, health{"Healthy", "good"}},
		"spec changed":       {func(e *kesv1.ExternalSecret) { e.Generation = 3 }, health{"Progressing", unanswered}},
		"failed, changed":    {func(e *kesv1.ExternalSecret) { failed("VaultNotFound")(e); e.Generation = 3 }, health{"Progressing", unanswered}},
		"resync asked for":   {func(e *kesv1.ExternalSecret) { e.Annotations[api.Resync] = "1" }, health{"Progressing", "the values are being read again"}},
		"stamped anew":       {func(e *kesv1.ExternalSecret) { e.Annotations[api.StampedAt] = at + "2" }, health{"Progressing", "the values are being read again"}},
		"resynced":           {func(e *kesv1.ExternalSecret) { e.Annotations[api.Resync], e.Status.SyncedResync = "1", "1" }, health{"Healthy", "good"}},
		"Vault away":         {failed("VaultUnavailable"), health{"Progressing", "why"}},
		"denied":             {failed("PolicyDenied"), health{"Degraded", "why"}},
		"nothing there":      {failed("VaultNotFound"), health{"Degraded", "why"}},
		"somebody's Secret":  {failed("SecretNotOwned"), health{"Degraded", "why"}},
		"suspended":          {func(e *kesv1.ExternalSecret) { e.Annotations[api.Suspend] = "true" }, health{"Suspended", "countersign.dev/suspend is true"}},
		"suspended, failing": {func(e *kesv1.ExternalSecret) { failed("VaultNotFound")(e); e.Annotations[api.Suspend] = "true" }, health{"Suspended", "countersign.dev/suspend is true"}},
		"not suspended":      {func(e *kesv1.ExternalSecret) { e.Annotations[api.Suspend] = "false" }, health{"Healthy", "good"}},
		"another backend": {func(e *kesv1.ExternalSecret) {
			e.Spec.BackendType = "systemManager"
			e.Status = kesv1.ExternalSecretStatus{}
		},
			health{"Healthy", "of another backend: Countersign does not sync it"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			object := &kesv1.ExternalSecret{
				ObjectMeta: metav1.ObjectMeta{Generation: 2, Annotations: map[string]string{api.StampedAt: at}},
				Spec:       kesv1.ExternalSecretSpec{BackendType: kesv1.BackendVault},
				Status: kesv1.ExternalSecretStatus{SyncStatus: api.SyncStatus{
					Conditions: ready("True", "Synced", "good"), SyncedGeneration: 2, SyncedStamp: at,
				}},
			}
			tc.change(object)
			if diff := cmp.Diff(tc.want, argoHealth(t, object)); diff != "" {
				t.Errorf("health (-want +got):\n%s", diff)
			}
		})
	}
}

// kstatus is what Flux waits for: the generic rules and the Ready condition.
// https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/status/generic.go
func kstatus(object *kesv1.ExternalSecret) string {
	if observed := object.Status.ObservedGeneration; observed != 0 && observed != object.Generation {
		return "InProgress"
	}
	for _, condition := range object.Status.Conditions {
		if condition.Type == api.ConditionReady && condition.Status != metav1.ConditionTrue {
			return "InProgress"
		}
	}
	return "Current"
}

// Both Argo CD's check and Flux's read what the controller really writes.
func TestHealthOfLiveObjects(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1", "b": "2"})
	type answer struct{ argo, flux string }
	states := []struct {
		what   string
		change func() *kesv1.ExternalSecret
		want   answer
	}{
		{"synced", func() *kesv1.ExternalSecret { n.apply("app", stampSpec); return n.awaitSynced("app") }, answer{"Healthy", "Current"}},
		{"nothing there", func() *kesv1.ExternalSecret {
			n.apply("app", vaultHead+"dataFrom: [kubernetes/data/NS/nothing]")
			return n.awaitReason("app", "VaultNotFound")
		}, answer{"Degraded", "InProgress"}},
		{"mended", func() *kesv1.ExternalSecret { n.apply("app", stampSpec); return n.awaitSynced("app") }, answer{"Healthy", "Current"}},
		{"resynced", func() *kesv1.ExternalSecret {
			n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "countersign.dev/resync=1")
			return n.awaitSynced("app")
		}, answer{"Healthy", "Current"}},
		{"suspended and changed", func() *kesv1.ExternalSecret {
			n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "countersign.dev/suspend=true")
			n.apply("app", vaultHead+"dataFrom: [kubernetes/data/NS/app]")
			return n.get("app")
		}, answer{"Suspended", "InProgress"}},
		{"another backend", func() *kesv1.ExternalSecret { n.apply("every", everyField); return n.get("every") }, answer{"Healthy", "Current"}},
	}
	for _, state := range states {
		object := state.change()
		if got := (answer{argoHealth(t, object).Status, kstatus(object)}); got != state.want {
			t.Errorf("%s: %+v, want %+v", state.what, got, state.want)
		}
	}
}
