package esocorpus

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/countersign/countersign/api"
	esov1 "github.com/countersign/countersign/api/eso/v1"
	"github.com/countersign/countersign/test/harness"
)

// class is that of stores whose ExternalSecrets are Countersign's.
const class = "countersign"

// Point 4: Countersign makes of the same objects the same Secrets, apart from
// what it means to do otherwise.
func TestCountersignMakesTheSame(t *testing.T) {
	cases := loadCases(t)
	s := newStage(t)
	s.class, s.settled, s.own = class, settledByCountersign, ownToCountersign
	release := harness.Release{Name: class, Namespace: "countersign-system", Values: chartValues(s.env.Vault.Addr, cases)}
	if err := s.env.InstallChart(t.Context(), release); err != nil {
		t.Fatal(err)
	}
	process, err := s.env.StartCountersign(t.Context(), release, harness.ProcessOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := process.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range cases {
		t.Run(cases[i].Name, func(t *testing.T) {
			t.Parallel()
			(&scene{stage: s, Case: &cases[i], t: t}).playCountersign()
		})
	}
}

// chartValues allow each namespace what is below its name, and the mount of its
// name.
func chartValues(vault string, cases []Case) map[string]any {
	mounts := map[string]any{"secret": map[string]any{"kv": 2}, "legacy": map[string]any{"kv": 1}}
	paths := []any{"secret/data/{namespace}/*", "secret/metadata/{namespace}/*", "legacy/{namespace}/*"}
	for i := range cases {
		if name := cases[i].Name; cases[i].hasMount() {
			mounts[name] = map[string]any{"kv": 2}
			paths = append(paths, name+"/data/*", name+"/metadata/*")
		}
	}
	return map[string]any{
		"vault":                 map[string]any{"address": vault},
		"dialects":              []any{"eso"},
		"tenantServiceAccounts": []any{account},
		"policy": map[string]any{
			"mounts": mounts,
			"allow": []any{map[string]any{
				"name": "own", "namespaces": map[string]any{"names": []any{"*"}}, "paths": paths,
				"roles": []any{account}, "identity": map[string]any{"serviceAccount": account},
			}},
		},
	}
}

func (s *scene) playCountersign() {
	s.t.Helper()
	mark, err := s.env.Vault.AuditMark()
	if err != nil {
		s.t.Fatal(err)
	}
	differs := cmp.Or(s.Differs, &Difference{})
	s.furnish()
	if differs.Refused != "" {
		s.wantRefused(differs.Refused)
		return
	}
	outcomes := s.outcomes()
	s.wants("at first", s.sync(s.Objects), outcomes[0])
	for i := range s.Then {
		s.wants(s.Then[i].About, s.take(&s.Then[i], i), outcomes[i+1])
	}
	if differs.Unread {
		s.wantUnread(mark)
	}
}

// outcomes are those of the operator, the last one with the difference.
func (s *scene) outcomes() []*Outcome {
	all := []*Outcome{&s.Want}
	for i := range s.Then {
		all = append(all, &s.Then[i].Want)
	}
	if s.Differs != nil && s.Differs.Want != nil {
		all[len(all)-1] = s.Differs.Want
	}
	return all
}

func (s *scene) wantRefused(because string) {
	s.t.Helper()
	for i := range s.Objects {
		if s.Objects[i].GetKind() != kindExternalSecret {
			continue
		}
		if err := s.try(s.prepared(&s.Objects[i])); err == nil || !strings.Contains(err.Error(), because) {
			s.t.Errorf("%s: %v, want a refusal that says %q", s.Objects[i].GetName(), err, because)
		}
	}
}

// wantUnread by Vault's own word.
func (s *scene) wantUnread(since harness.Mark) {
	s.t.Helper()
	entries, err := s.env.Vault.Since(since)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, entry := range harness.Requests(entries) {
		if slices.Contains(strings.Split(entry.Path, "/"), s.Name) {
			s.t.Errorf("Vault was asked for %s", entry.Path)
		}
	}
}

// settledByCountersign: what was synced, or has failed, is the object as it is.
func settledByCountersign(now, _ *unstructured.Unstructured, want Ready) error {
	want = Ready{Status: cmp.Or(want.Status, "True"), Reason: cmp.Or(want.Reason, "SecretSynced"), Says: want.Says}
	if got := condition(now, "Ready"); got.Status != want.Status || got.Reason != want.Reason || !strings.Contains(got.Says, want.Says) {
		return fmt.Errorf("ready %v, want %v", got, want)
	}
	object := &esov1.ExternalSecret{}
	text, err := json.Marshal(now.Object)
	if err == nil {
		err = json.Unmarshal(text, object)
	}
	if err != nil {
		return err
	}
	if want.Status == "False" && object.Sync.Retry == nil || want.Reason == "SecretMissing" {
		// It waits for a change, and was not synced.
		return nil
	}
	seen := object.Sync.Synced()
	if retry := object.Sync.Retry; retry != nil {
		seen = retry.Version
	}
	if current := api.VersionOf(object); seen.Generation != current.Generation || seen.Resync != current.Resync {
		return fmt.Errorf("not read again yet: %+v, not %+v", seen, current)
	}
	return nil
}

func ownToCountersign(key string) bool {
	return key == "app.kubernetes.io/managed-by" || strings.HasPrefix(key, api.ReservedPrefix)
}
