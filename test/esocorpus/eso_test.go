package esocorpus

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/countersign/countersign/api"
)

const casesFolder = "testdata/cases"

// Point 4: External Secrets Operator itself makes of each case what is wanted.
func TestExpectationsAreESOs(t *testing.T) {
	binary := os.Getenv("ESO_BIN")
	if binary == "" {
		t.Skip("ESO_BIN names no binary of External Secrets Operator; docs/eso-corpus.md records the last run")
	}
	cases := loadCases(t)
	s := newStage(t)
	s.settled, s.own = settledByESO, ownToESO
	_, err := s.env.StartProgram("external-secrets", binary,
		"--metrics-addr=0", "--live-addr=127.0.0.1:0", "--enable-generator-state=false", "--concurrent=8", "--client-qps=200", "--client-burst=400")
	if err != nil {
		t.Fatal(err)
	}
	for i := range cases {
		t.Run(cases[i].Name, func(t *testing.T) {
			t.Parallel()
			(&scene{stage: s, Case: &cases[i], t: t}).playESO()
		})
	}
}

func loadCases(t *testing.T) []Case {
	t.Helper()
	cases, err := Load(casesFolder)
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

func (s *scene) playESO() {
	s.t.Helper()
	s.furnish()
	s.wants("at first", s.sync(s.Objects), &s.Want)
	for i := range s.Then {
		step := &s.Then[i]
		before := s.take(step, i)
		maps.DeleteFunc(before, func(name string, _ *unstructured.Unstructured) bool { return slices.Contains(step.Unmoved, name) })
		s.wants(step.About, before, &step.Want)
	}
}

// settledByESO: a sync records what it has seen; a failure does not, so that a
// case has to fail from another state.
func settledByESO(now, before *unstructured.Unstructured, want Ready) error {
	want = Ready{Status: cmp.Or(want.Status, "True"), Reason: cmp.Or(want.Reason, "SecretSynced")}
	if got := condition(now, "Ready"); got.Status != want.Status || got.Reason != want.Reason {
		return fmt.Errorf("ready %v, want %v", got, want)
	}
	if want.Status == "True" && seen(now) == seen(before) {
		return errors.New("not read again yet")
	}
	return nil
}

func seen(object *unstructured.Unstructured) string {
	version, _, _ := unstructured.NestedString(object.Object, "status", "syncedResourceVersion")
	return version
}

// ownToESO is what it puts on every Secret, and the annotation by which a step
// has it read again, which it copies.
func ownToESO(key string) bool {
	return strings.HasPrefix(key, "reconcile.external-secrets.io/") || key == api.Resync
}
