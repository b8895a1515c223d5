package v1

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
)

// areOurs holds where a store says that Countersign syncs what refers to it.
// ESO leaves an object alone once one of its stores is another's.
func areOurs(groups []group, operator api.Operator) bool {
	for _, group := range groups {
		for _, by := range group.found {
			if by.reach().isOurs(operator) {
				return true
			}
		}
	}
	return false
}

// askOurs is for an object that Countersign syncs: it can do less than ESO, and
// says so at admission.
func (s *ExternalSecretSpec) askOurs(ctx context.Context, a *asker, groups []group, at *field.Path) error {
	a.refuse(s.syncProblems(at))
	a.doors, a.engines = map[api.Referent]int{}, map[api.Referent]engine{}
	for _, group := range groups {
		if len(group.found) == 0 {
			a.refuse(field.ErrorList{field.NotFound(group.at, fmt.Sprintf("%s %q; create it", group.to.Kind.Kind, group.to.Name))})
		}
		for _, by := range group.found {
			if err := a.askByOurs(ctx, &group, by); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *asker) askByOurs(ctx context.Context, group *group, by reaching) error {
	reach := by.reach()
	if !reach.isOurs(a.Operator()) {
		a.refuse(field.ErrorList{field.Forbidden(group.at, fmt.Sprintf("%s %q is not of the class %q as the others are; an object has one controller",
			reach.kind, by.GetName(), a.Operator().StoreClass))})
		return nil
	}
	a.engines[group.to], a.sources = reach.provider.engine(), append(a.sources, version(by))
	reads, problems := group.reads(reach)
	may, err := reach.store.mayUse(ctx, a, a.namespace)
	if err != nil {
		return err
	}
	if !may {
		problems = append(problems, field.Forbidden(group.at, fmt.Sprintf("the conditions of %s %q do not let namespace %q use it", reach.kind, by.GetName(), a.namespace)))
	}
	if claim := a.ask(by, reads, problems, group.at); claim >= 0 {
		a.doors[group.to] = claim
	}
	return nil
}
