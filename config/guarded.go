package config

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

// GuardedJudge judges objects that another controller syncs. What they ask
// depends on further objects, so that each is judged with those that it refers
// to, and with those that refer to it.
type GuardedJudge struct {
	*Judge
	// Objects reads them: live at admission, from a cache for who follows them.
	Objects client.Reader
	Scheme  *runtime.Scheme
	// ReferredBy has the kinds whose objects may refer to those of a kind.
	ReferredBy map[schema.GroupKind][]schema.GroupVersionKind
	// Only has the namespaces whose objects are judged; empty is all.
	Only []string
	// Operator has the settings that matter to what objects ask.
	Operator api.Operator
	// OtherBackends says what becomes of objects of another provider.
	OtherBackends OtherBackends
}

// Operator is what matters to objects. What reads the files of the Vaults' CAs
// is given.
func (s *Settings) Operator(readFile func(path string) ([]byte, error)) (api.Operator, error) {
	vaults, err := s.guardedVaults(readFile)
	return api.Operator{Defaults: s.Defaults(), StoreClass: s.ESO.class(), Vaults: vaults}, err
}

func (s *Settings) guardedVaults(readFile func(path string) ([]byte, error)) (map[string]api.Vault, error) {
	vaults := map[string]api.Vault{}
	for name, vault := range s.Vaults {
		one := api.Vault{Address: vault.Address, Namespace: vault.Namespace, Audience: vault.Audience}
		if vault.CAFile != "" {
			ca, err := readFile(vault.CAFile)
			if err != nil {
				return nil, fmt.Errorf("vault %q: CA: %w", name, err)
			}
			one.CA = ca
		}
		vaults[name] = one
	}
	return vaults, nil
}

// KindOf is the kind of an object, which need not say it itself.
func (j *GuardedJudge) KindOf(object runtime.Object) (schema.GroupVersionKind, error) {
	return apiutil.GVKForObject(object, j.Scheme)
}

// Syncs reports whether an object is Countersign's to sync, so that it is judged
// again before anything is read for it.
func (j *GuardedJudge) Syncs(ctx context.Context, object api.Guarded) bool {
	synced, ok := object.(api.Synced)
	if !ok {
		return false
	}
	ours, err := synced.Ours(ctx, j.Surroundings())
	return err == nil && ours
}

// Evaluate judges an object by what it and all that it refers to ask now. An
// error means that it could not be judged.
func (j *GuardedJudge) Evaluate(ctx context.Context, object api.Guarded) (*policy.Verdict, error) {
	claims, err := j.OtherBackends.Claims(ctx, object, j.Surroundings())
	if err != nil {
		return nil, err
	}
	return j.evaluate(ctx, claims)
}

// EvaluateDependents judges the objects that refer to one that is about to
// change, by what that makes them ask anew. Old is nil for an object that is
// new.
func (j *GuardedJudge) EvaluateDependents(ctx context.Context, object, old api.Guarded) (*policy.Verdict, error) {
	kind, err := apiutil.GVKForObject(object, j.Scheme)
	if err != nil {
		return nil, err
	}
	dependents, err := j.Dependents(ctx, kind, object)
	if err != nil {
		return nil, err
	}
	// Thousands may refer to one store, and to few besides.
	now := api.Remember(surroundings{GuardedJudge: j, instead: object})
	var before api.Surroundings
	if old != nil {
		before = api.Remember(surroundings{GuardedJudge: j, instead: old})
	}
	verdicts := []*policy.Verdict{{Revision: j.Policy().Revision()}}
	for _, dependent := range dependents {
		verdict, err := j.evaluateDependent(ctx, dependent, now, before)
		if err != nil {
			return nil, err
		}
		verdicts = append(verdicts, verdict)
	}
	return policy.Merge(verdicts...), nil
}

func (j *GuardedJudge) evaluateDependent(ctx context.Context, dependent api.Guarded, now, before api.Surroundings) (*policy.Verdict, error) {
	asked, err := dependent.Claims(ctx, now)
	if err != nil {
		return nil, err
	}
	var old []*policy.Claim
	if before != nil {
		if old, err = dependent.Claims(ctx, before); err != nil {
			return nil, err
		}
	}
	verdict, err := j.evaluate(ctx, asked, old...)
	if err != nil {
		return nil, err
	}
	kind, err := apiutil.GVKForObject(dependent, j.Scheme)
	return verdict.Within(fmt.Sprintf("%s[%s]", kind.Kind, client.ObjectKeyFromObject(dependent))), err
}

// evaluate leaves out what any of the old claims had already.
func (j *GuardedJudge) evaluate(ctx context.Context, claims []*policy.Claim, old ...*policy.Claim) (*policy.Verdict, error) {
	verdicts := []*policy.Verdict{{Revision: j.Policy().Revision()}}
	for _, claim := range claims {
		verdict, err := j.EvaluateUpdate(ctx, claim, old...)
		if err != nil {
			return nil, err
		}
		verdicts = append(verdicts, verdict)
	}
	return policy.Merge(verdicts...), nil
}
