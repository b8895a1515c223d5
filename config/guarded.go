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
	// Vaults are those that objects may name.
	Vaults map[string]api.Vault
	// OtherBackends says what becomes of objects of another provider.
	OtherBackends OtherBackends
}

// GuardedVaults are the Vaults as objects may name them. What reads the files
// of their CAs is given.
func (s *Settings) GuardedVaults(readFile func(path string) ([]byte, error)) (map[string]api.Vault, error) {
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

// Evaluate judges an object by what it and all that it refers to ask now. An
// error means that it could not be judged.
func (j *GuardedJudge) Evaluate(ctx context.Context, object api.Guarded) (*policy.Verdict, error) {
	claims, err := j.OtherBackends.Claims(ctx, object, j.Surroundings())
	if err != nil {
		return nil, err
	}
	verdicts := []*policy.Verdict{{Revision: j.Policy().Revision()}}
	for _, claim := range claims {
		verdict, err := j.evaluate(ctx, claim, nil)
		if err != nil {
			return nil, err
		}
		verdicts = append(verdicts, verdict)
	}
	return policy.Merge(verdicts...), nil
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
	verdicts := []*policy.Verdict{{Revision: j.Policy().Revision()}}
	for _, dependent := range dependents {
		verdict, err := j.evaluateDependent(ctx, dependent, object, old)
		if err != nil {
			return nil, err
		}
		verdicts = append(verdicts, verdict...)
	}
	return policy.Merge(verdicts...), nil
}

func (j *GuardedJudge) evaluateDependent(ctx context.Context, dependent, object, old api.Guarded) ([]*policy.Verdict, error) {
	owner, err := j.nameOf(dependent)
	if err != nil {
		return nil, err
	}
	asked, err := dependent.Claims(ctx, surroundings{GuardedJudge: j, instead: object})
	if err != nil {
		return nil, err
	}
	asked = api.Within(owner, asked)
	var before []*policy.Claim
	if old != nil {
		if before, err = dependent.Claims(ctx, surroundings{GuardedJudge: j, instead: old}); err != nil {
			return nil, err
		}
		before = api.Within(owner, before)
	}
	verdicts := make([]*policy.Verdict, len(asked))
	for i, claim := range asked {
		if verdicts[i], err = j.evaluate(ctx, claim, before); err != nil {
			return nil, err
		}
	}
	return verdicts, nil
}

// nameOf tells an object from all others in a message.
func (j *GuardedJudge) nameOf(object api.Guarded) (string, error) {
	kind, err := apiutil.GVKForObject(object, j.Scheme)
	return fmt.Sprintf("%s[%s]", kind.Kind, client.ObjectKeyFromObject(object)), err
}

// evaluate leaves out what any of the old claims had already. A claim of the
// whole cluster has no namespace whose labels could matter.
func (j *GuardedJudge) evaluate(ctx context.Context, claim *policy.Claim, old []*policy.Claim) (*policy.Verdict, error) {
	var of map[string]string
	if claim.Namespace != "" {
		var err error
		if of, err = j.labels(ctx, claim.Namespace); err != nil {
			return nil, fmt.Errorf("labels of namespace %q: %w", claim.Namespace, err)
		}
	}
	inForce := j.Policy()
	verdict := inForce.Evaluate(claim, of)
	for _, one := range old {
		verdict = verdict.Without(claim, one, inForce.Evaluate(one, of))
	}
	return verdict, nil
}
