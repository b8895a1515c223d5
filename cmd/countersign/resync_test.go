package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
)

// resyncable is an object in namespace team-a that asks for the paths.
func resyncable(name string, paths ...string) *kesv1.ExternalSecret {
	return &kesv1.ExternalSecret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: name, Generation: 2},
		Spec:       kesv1.ExternalSecretSpec{BackendType: kesv1.BackendVault, DataFrom: paths},
	}
}

func TestSelection(t *testing.T) {
	tests := map[string]struct {
		labels, path, role string
		change             func(*kesv1.ExternalSecret)
		want               bool
	}{
		"everything":                     {want: true},
		"another backend":                {change: func(e *kesv1.ExternalSecret) { e.Spec.BackendType = "secretsManager" }},
		"its label":                      {labels: "app=web", want: true},
		"set of labels":                  {labels: "app in (web, shop),!old", want: true},
		"another label":                  {labels: "app=shop"},
		"its path":                       {path: "kubernetes/data/db/app", want: true},
		"path of another field":          {path: "kubernetes/data/shared/x", want: true},
		"below a path":                   {path: "kubernetes/data/db/*", want: true},
		"one segment":                    {path: "kubernetes/data/+/app", want: true},
		"the namespace":                  {path: "kubernetes/data/{namespace}/own", want: true},
		"another namespace":              {path: "kubernetes/data/team-b/*"},
		"part of a path":                 {path: "kubernetes/data/db"},
		"below its path":                 {path: "kubernetes/data/db/app/*"},
		"path with the version cut off":  {path: "kubernetes/data/db/pinned", want: true},
		"its role":                       {role: "reader", want: true},
		"another role":                   {role: "admin"},
		"role of the operator's default": {role: "default-role", change: func(e *kesv1.ExternalSecret) { e.Spec.VaultRole = "" }, want: true},
		"no role and no default":         {role: "reader", change: func(e *kesv1.ExternalSecret) { e.Spec.VaultRole = "" }},
		"all of it":                      {labels: "app=web", path: "kubernetes/data/db/*", role: "reader", want: true},
		"all but the path":               {labels: "app=web", path: "kubernetes/data/x/*", role: "reader"},
		"all but the role":               {labels: "app=web", path: "kubernetes/data/db/*", role: "admin"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			object := resyncable("app", "kubernetes/data/shared/x", "kubernetes/data/team-a/own", "kubernetes/data/db/pinned?version=3")
			object.Labels, object.Spec.VaultRole = map[string]string{"app": "web"}, "reader"
			object.Spec.Data = []kesv1.DataItem{{Name: "a", Key: "kubernetes/data/db/app"}}
			if tc.change != nil {
				tc.change(object)
			}
			selector, err := labels.Parse(tc.labels)
			if err != nil {
				t.Fatal(err)
			}
			chosen := &selection{labels: selector, path: tc.path, role: tc.role, defaults: api.Defaults{Role: "default-role"}}
			if got, err := chosen.matches(t.Context(), object); got != tc.want || err != nil {
				t.Errorf("selected: %v, want %v, error %v", got, tc.want, err)
			}
		})
	}
}

// What selects nothing, or by mistake everything, is refused before any
// cluster is asked.
func TestResyncRefuses(t *testing.T) {
	tests := map[string]struct{ args, want string }{
		"no selector":        {"", "select by name, --namespace, --selector, --path or --role; every ExternalSecret of the cluster is -A"},
		"name, no namespace": {"app db", "--namespace: name the namespace of app"},
		"name of all":        {"app -A", "--namespace: name the namespace of app"},
		"name and path":      {"app -n a --path a/b", "names and --selector, --path or --role exclude each other"},
		"namespace and all":  {"-n a -A", "if any flags in the group [namespace all-namespaces] are set none of the others can be; [all-namespaces namespace] were all set"},
		"dry run and wait":   {"-A --dry-run --wait", "if any flags in the group [dry-run wait] are set none of the others can be; [dry-run wait] were all set"},
		"no rate":            {"-A --rate 0", "--rate: want more than 0 a second"},
		"long value":         {"-A --value " + strings.Repeat("x", 257), "--value: want at most 256 bytes; a commit hash or a timestamp will do"},
		"path of a mount":    {"--path kubernetes", `--path "kubernetes": it needs a mount and a path below it, such as secret/data/app`},
		"path with a prefix": {"--path a/b*", `--path "a/b*": "b*": "*" stands only as a whole segment; write "prefix/*" as segments of their own`},
		"path with v1":       {"--path v1/a/b", `--path "v1/a/b": it starts with the API prefix v1/`},
		"selector":           {"-l a=b=c", `--selector "a=b=c": found '=', expected: ',' or 'end of string'`},
		"several":            {"--rate -1 --path a/**", "--rate: want more than 0 a second\n" + `--path "a/**": "**" is not a pattern; a final "*" already covers all deeper segments`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := execute(t, nil, "", append([]string{"resync"}, strings.Fields(tc.args)...)...)
			if diff := cmp.Diff("countersign: "+tc.want+"\n", got.Stderr); diff != "" || got.Code != exitUnusable || got.Stdout != "" {
				t.Errorf("exit %d: %s%s", got.Code, got.Stdout, diff)
			}
		})
	}
}

func TestResyncValue(t *testing.T) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 1500, time.FixedZone("", 3600))
	if got := (&resyncOptions{}).valueOr(now); got != "2026-11-24T09:00:00.000001Z" {
		t.Errorf("value %q", got)
	}
	if got := (&resyncOptions{value: "rotated-1"}).valueOr(now); got != "rotated-1" {
		t.Errorf("value %q", got)
	}
}

func TestAnswerOf(t *testing.T) {
	isReady := func(status metav1.ConditionStatus, reason string) func(*kesv1.ExternalSecret) {
		return func(e *kesv1.ExternalSecret) {
			e.Status.Conditions = []metav1.Condition{{Type: api.ConditionReady, Status: status, Reason: reason, Message: "why"}}
		}
	}
	failedNow := func(reason string) func(*kesv1.ExternalSecret) {
		return func(e *kesv1.ExternalSecret) {
			isReady(metav1.ConditionFalse, reason)(e)
			e.Status.Retry = &api.Retry{Reason: reason, Version: api.VersionOf(e)}
		}
	}
	type answer struct {
		Outcome resyncOutcome
		Why     string
	}
	tests := map[string]struct {
		change func(*kesv1.ExternalSecret)
		waited time.Duration
		want   answer
	}{
		"synced": {func(e *kesv1.ExternalSecret) { isReady("True", "Synced")(e); e.Status.SyncedResync = "new" }, 0, answer{outcomeSynced, ""}},
		"synced before": {func(e *kesv1.ExternalSecret) { isReady("True", "Synced")(e); e.Status.SyncedResync = "old" }, time.Hour,
			answer{"", "not read yet"}},
		"never synced":      {func(*kesv1.ExternalSecret) {}, time.Hour, answer{"", "not read yet"}},
		"failed":            {failedNow("VaultForbidden"), 0, answer{outcomeFailed, "VaultForbidden: why"}},
		"Vault away":        {failedNow("VaultUnavailable"), time.Hour, answer{"", "VaultUnavailable: why"}},
		"failed before":     {func(e *kesv1.ExternalSecret) { failedNow("X")(e); e.Status.Retry.Version.Resync = "old" }, time.Hour, answer{"", "X: why"}},
		"denied, may be so": {isReady("False", "PolicyDenied"), time.Second, answer{"", "PolicyDenied: why"}},
		"denied":            {isReady("False", "PolicyDenied"), settled, answer{outcomeFailed, "PolicyDenied: why"}},
		"suspended":         {func(e *kesv1.ExternalSecret) { e.Annotations[api.Suspend] = "true" }, 0, answer{outcomeSuspended, suspendedWhy}},
		"not seen yet":      {func(e *kesv1.ExternalSecret) { e.Annotations[api.Resync] = "old" }, 0, answer{"", "not seen yet"}},
		"another resync": {func(e *kesv1.ExternalSecret) { e.Annotations[api.Resync] = "newer" }, settled,
			answer{outcomeFailed, `countersign.dev/resync was changed to "newer" meanwhile`}},
		"synced, then another resync": {func(e *kesv1.ExternalSecret) {
			isReady("True", "Synced")(e)
			e.Status.SyncedResync, e.Annotations[api.Resync] = "new", "newer"
		}, 0, answer{outcomeSynced, ""}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			object := resyncable("app")
			object.Annotations = map[string]string{api.Resync: "new"}
			tc.change(object)
			var got answer
			got.Outcome, got.Why = answerOf(object, "new", tc.waited)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Outcomes are for standard output, one a line; the rest is not.
func TestTeller(t *testing.T) {
	one := target{resyncKind: resyncKinds()[0], object: resyncable("app")}
	tests := map[string]struct {
		outcomes []resyncOutcome
		summary  string
		want     error
	}{
		"good":   {[]resyncOutcome{outcomeSynced, outcomeSynced, outcomeSuspended}, "2 synced, 1 suspended\n", nil},
		"failed": {[]resyncOutcome{outcomeFailed, outcomeAnnotated}, "1 annotated, 1 failed\n", errFound},
		"late":   {[]resyncOutcome{outcomeLate}, "1 late\n", errFound},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			told := newTeller(&out, &errs)
			told.begin(len(tc.outcomes), "v")
			var want strings.Builder
			for _, outcome := range tc.outcomes {
				told.tell(one, outcome, "why\nand  how")
				want.WriteString(string(outcome) + " ExternalSecret team-a/app: why and how\n")
			}
			if err := told.end(); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
			if diff := cmp.Diff(want.String(), out.String()); diff != "" {
				t.Error(diff)
			}
			if _, summary, _ := strings.Cut(errs.String(), "\n"); summary != tc.summary {
				t.Errorf("summary %q, want %q", summary, tc.summary)
			}
		})
	}
}
