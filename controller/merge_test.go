package controller

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	testclock "k8s.io/utils/clock/testing"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/policy"
)

// A field manager has at most 128 bytes, and two objects have two.
func TestManagerOf(t *testing.T) {
	named := func(name string) string {
		return managerOf(&kesv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	long := strings.Repeat("a", 200)
	if got := named("app"); got != "countersign/app" {
		t.Error(got)
	}
	if a, b := named(long+"a"), named(long+"b"); len(a) > 128 || a == b {
		t.Errorf("%d bytes, %s and %s", len(a), a, b)
	}
}

// What somebody else owns with another value ends the write at once, and is
// told without a value.
func TestTaken(t *testing.T) {
	source, secret := synced()
	this := look(source, secret)
	conflict := apierrors.NewApplyConflict([]metav1.StatusCause{{
		Type: metav1.CauseTypeFieldManagerConflict, Field: ".data.a", Message: `conflict with "kubectl"`,
	}}, "canary")
	found := taken(this, conflict)
	if found == nil {
		t.Fatal("no conflict")
	}
	writes := 0
	err := persist(t.Context(), func() error { writes++; return found }, func() error { return nil })
	outcome, _ := outcomeOfWrite(err)
	const want = `Secret app has other values there that somebody else owns: .data.a (conflict with "kubectl"); remove them, or annotate the Secret with countersign.dev/adopt=app to have them replaced`
	if writes != 1 || outcome == nil || outcome.failure.reason != reasonSecretNotOwned || outcome.failure.message != want {
		t.Errorf("after %d writes %v: %+v", writes, err, outcome)
	}
	if taken(this, apierrors.NewConflict(corev1.Resource("secrets"), "app", nil)) != nil {
		t.Error("a newer version is no field of somebody else's")
	}
}

// Once it is handed over it is tried at once.
func TestHandedOverMeanwhile(t *testing.T) {
	source, secret := synced()
	source.Status.Retry = &api.Retry{
		Reason: reasonSecretNotOwned, Version: api.VersionOf(source), PolicyRevision: "rev",
		Next: metav1.NewTime(testNow.Add(time.Hour)),
	}
	source.Status.SyncedGeneration = 0
	r := &Reconciler{Clock: testclock.NewFakePassiveClock(testNow)}
	if r.isDue(look(source, secret), "rev").now {
		t.Error("tried before its time")
	}
	secret.meta.Annotations = map[string]string{api.Adopt: "app"}
	if !r.isDue(look(source, secret), "rev").now {
		t.Error("not tried though it is handed over")
	}
}

// A door reads what the claim asks for, and below a subtree whatever has the
// name of a path.
func TestDoorAsks(t *testing.T) {
	tests := map[string]struct {
		read    policy.Read
		address api.Address
		want    bool
	}{
		"the path":                     {policy.Read{Path: "kv/data/a"}, api.Address{Path: "kv/data/a"}, true},
		"another version":              {policy.Read{Path: "kv/data/a", Version: 2}, api.Address{Path: "kv/data/a"}, false},
		"a path below":                 {policy.Read{Path: "kv/data/a"}, api.Address{Path: "kv/data/a/b"}, false},
		"a list of a path":             {policy.Read{Path: "kv/data/a"}, api.Address{Path: "kv/data/a", List: true}, false},
		"below a subtree":              {policy.Read{Path: "kv/data/a", Subtree: true}, api.Address{Path: "kv/data/a/b/c"}, true},
		"the subtree itself":           {policy.Read{Path: "kv/data/a", Subtree: true}, api.Address{Path: "kv/data/a"}, false},
		"beside a subtree":             {policy.Read{Path: "kv/data/a", Subtree: true}, api.Address{Path: "kv/data/ab"}, false},
		"out of a subtree":             {policy.Read{Path: "kv/data/a", Subtree: true}, api.Address{Path: "kv/data/a/../b"}, false},
		"a name that is no segment":    {policy.Read{Path: "kv/data/a", Subtree: true}, api.Address{Path: "kv/data/a/b c"}, false},
		"names of a subtree":           {policy.Read{Path: "kv/data/a", Names: "kv/metadata/a", Subtree: true}, api.Address{Path: "kv/metadata/a", List: true}, true},
		"names further below":          {policy.Read{Path: "kv/data/a", Names: "kv/metadata/a", Subtree: true}, api.Address{Path: "kv/metadata/a/b", List: true}, true},
		"names of a mount":             {policy.Read{Path: "kv", Subtree: true}, api.Address{Path: "kv", List: true}, true},
		"names beside":                 {policy.Read{Path: "kv/data/a", Names: "kv/metadata/a", Subtree: true}, api.Address{Path: "kv/metadata", List: true}, false},
		"values where names are asked": {policy.Read{Path: "kv/data/a", Names: "kv/metadata/a", Subtree: true}, api.Address{Path: "kv/metadata/a/b"}, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d := &door{claim: &policy.Claim{Reads: []policy.Read{{Path: "kv/data/other"}, tc.read}}}
			if got := d.grantOf(tc.address); (got == 1) != tc.want {
				t.Errorf("the grant is %d", got)
			}
		})
	}
	_, err := (&door{claim: &policy.Claim{}}).read(t.Context(), api.Address{Path: "kv/data/a b"}, field.NewPath("spec", "dataFrom"))
	outcome, _ := outcomeOf(err)
	const want = `spec.dataFrom: "kv/data/a b" is no path that may be asked of Vault; rename the secret there`
	if outcome == nil || outcome.failure.reason != reasonInvalidValue || outcome.failure.message != want {
		t.Errorf("%v: %+v", err, outcome)
	}
}
