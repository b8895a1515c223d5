package v1

import (
	"context"
	"errors"
	"maps"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/api/eso/v1/template"
)

// source is where the values of a store are read.
type source struct {
	door   api.Door
	engine engine
}

// dataReader reads ConfigMaps and Secrets that templates stand in.
type dataReader func(context.Context, api.DataRef) (map[string][]byte, error)

// render makes the content of the Secret as ESO does: dataFrom first, then data,
// and the template of all of them.
func (e *ExternalSecret) render(ctx context.Context, from func(StoreRef) source, data dataReader) (*api.Content, error) {
	budget := template.NewBudget()
	values, err := e.Spec.values(ctx, from, budget)
	if err != nil {
		return nil, err
	}
	if len(values) == 0 && e.Spec.Target.DeletionPolicy == policyDelete {
		return &api.Content{Gone: true}, nil
	}
	if len(values) == 0 && !e.Spec.Target.leavesOut() {
		return nil, wrong(field.Required(specPath(), "nothing of what is asked for has a field; a Secret is not emptied"))
	}
	content, err := e.content(ctx, values, data, budget)
	if err != nil {
		return nil, err
	}
	if err := check(content); err != nil {
		return nil, err
	}
	return content, nil
}

func (s *ExternalSecretSpec) values(ctx context.Context, from func(StoreRef) source, budget *template.Budget) (map[string][]byte, error) {
	values := map[string][]byte{}
	var held held
	for i := range s.DataFrom {
		item, at := &s.DataFrom[i], specPath().Child("dataFrom").Index(i)
		found, err := item.values(ctx, from(s.storeOf(item.SourceRef)), budget, at)
		if s.isLeftOut(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := held.addAll(found, at); err != nil {
			return nil, err
		}
		maps.Copy(values, found)
	}
	for i := range s.Data {
		item, at := &s.Data[i], specPath().Child("data").Index(i)
		value, err := item.value(ctx, from(s.storeOf(item.SourceRef)), at)
		if s.isLeftOut(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := held.add(value, at); err != nil {
			return nil, err
		}
		values[item.SecretKey] = value
	}
	return values, nil
}

func (s *ExternalSecretSpec) isLeftOut(err error) bool {
	return errors.Is(err, api.ErrNothing) && s.Target.leavesOut()
}

// storeOf is the store of an entry: its own, or that of the spec.
func (s *ExternalSecretSpec) storeOf(own *SourceRef) StoreRef {
	switch {
	case own != nil && own.StoreRef != nil:
		return *own.StoreRef
	case s.SecretStoreRef != nil:
		return *s.SecretStoreRef
	}
	return StoreRef{}
}

// wrong is what is wrong with values.
func wrong(problem *field.Error) error {
	return &api.ValueError{Problems: field.ErrorList{problem}}
}

func check(content *api.Content) error {
	for name := range content.Data {
		if problems := validation.IsConfigMapKey(name); len(problems) > 0 {
			return wrong(field.Invalid(specPath(), name, "cannot be a key of a Secret: "+problems[0]))
		}
	}
	if content.DataBytes() > api.MaxSecretBytes {
		return wrong(field.TooLong(specPath(), "", api.MaxSecretBytes))
	}
	return nil
}
