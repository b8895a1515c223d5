package v1

import (
	"context"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

// Claims are by store, and of the generator whose answer is written.
func (p *PushSecret) Claims(ctx context.Context, around api.Surroundings) ([]*policy.Claim, error) {
	asker := &asker{Surroundings: around, namespace: p.Namespace}
	err := p.Spec.ask(ctx, asker, specPath())
	if err == nil {
		err = p.askToDelete(ctx, asker)
	}
	return asker.claims, err
}

// Refers has all stores and the generator.
func (p *PushSecret) Refers() []api.Referent {
	all := p.Spec.refers(p.Namespace)
	for _, store := range p.pushed() {
		all = append(all, store.referent(p.Namespace))
	}
	return all
}

// OtherProvider is none: stores name providers.
func (*PushSecret) OtherProvider() *field.Path { return nil }

func (s *PushSecretSpec) refers(namespace string) []api.Referent {
	var all []api.Referent
	for i := range s.SecretStoreRefs {
		if to, ok := s.SecretStoreRefs[i].referent(namespace); ok {
			all = append(all, to)
		}
	}
	if generator := s.Selector.GeneratorRef; generator.reachesVault() {
		all = append(all, generator.referent(namespace))
	}
	return all
}

// referent is none for what ESO refuses.
func (r *PushStoreRef) referent(namespace string) (api.Referent, bool) {
	to := r.StoreRef.referent(namespace)
	if r.LabelSelector == nil {
		return to, r.Name != ""
	}
	selector, err := metav1.LabelSelectorAsSelector(r.LabelSelector)
	if err != nil {
		return api.Referent{}, false
	}
	to.Name, to.Labels = "", selector.String()
	return to, true
}

func (s *PushSecretSpec) ask(ctx context.Context, a *asker, at *field.Path) error {
	a.claims = append(a.claims, refusal(a.namespace, unknownProblems(s.Unknown, at))...)
	if err := s.askGenerator(ctx, a, at.Child("selector", "generatorRef")); err != nil {
		return err
	}
	for i := range s.SecretStoreRefs {
		to, ok := s.SecretStoreRefs[i].referent(a.namespace)
		if !ok {
			continue
		}
		found, err := a.reached(ctx, to)
		if err != nil {
			return err
		}
		for _, by := range found {
			writes := s.writes(by, to.Kind.Kind, at)
			a.ask(by, writes.reads, writes.problems, at.Child("secretStoreRefs").Index(i))
		}
	}
	return nil
}

func (s *PushSecretSpec) askGenerator(ctx context.Context, a *asker, at *field.Path) error {
	generator := s.Selector.GeneratorRef
	if !generator.reachesVault() {
		return nil
	}
	found, err := a.reached(ctx, generator.referent(a.namespace))
	if err != nil {
		return err
	}
	for _, by := range found {
		request := *by.reach().request
		request.Field = at
		a.ask(by, []policy.Read{request}, nil, at)
	}
	return nil
}

// writes gathers what is asked to write.
type writes struct {
	engine   engine
	reads    []policy.Read
	problems field.ErrorList
}

func (s *PushSecretSpec) writes(by reaching, kind string, at *field.Path) *writes {
	w := &writes{}
	if provider := by.reach().provider; provider != nil {
		w.engine = provider.engine()
	}
	for i := range s.Data {
		w.key(s.Data[i].Match.RemoteRef.RemoteKey, at.Child("data").Index(i).Child("match", "remoteRef", "remoteKey"))
	}
	for i := range s.DataTo {
		if s.DataTo[i].goesTo(by, kind) {
			w.all(&s.DataTo[i], at.Child("dataTo").Index(i))
		}
	}
	return w
}

// goesTo holds for each store where ESO would refuse the reference.
func (d *PushDataTo) goesTo(by reaching, kind string) bool {
	if d.StoreRef == nil {
		return true
	}
	to, ok := d.StoreRef.referent(by.GetNamespace())
	return !ok || to.Means(GroupVersion().WithKind(kind), by)
}

// key is what ESO asks to write one key, or to delete it: it first looks at
// what is there, and whose that is.
func (w *writes) key(key string, at *field.Path) {
	metadata, err := w.engine.metadata(key)
	if err != nil {
		w.problems = append(w.problems, field.Invalid(at, key, err.Error()))
		return
	}
	value := w.engine.value(key)
	// ESO makes a path of the path before it reads.
	w.reads = append(w.reads,
		policy.Read{Path: w.engine.value(value), Field: at},
		policy.Read{Path: value, Operation: policy.OperationWrite, Field: at},
		policy.Read{Path: metadata, Field: at})
	if !w.engine.kv1 {
		w.reads = append(w.reads, policy.Read{Path: metadata, Operation: policy.OperationWrite, Field: at})
	}
}

// all is what ESO asks to write all keys of a Secret.
func (w *writes) all(to *PushDataTo, at *field.Path) {
	switch {
	case to.RemoteKey != "":
		w.key(to.RemoteKey, at.Child("remoteKey"))
	case len(to.Rewrite) > 0 || to.ConversionStrategy != "" && to.ConversionStrategy != "None":
		w.problems = append(w.problems, field.Forbidden(at, "the paths that keys are rewritten to are not known before; name them under data, or a remoteKey"))
	case w.engine.mount == nil:
		w.problems = append(w.problems, field.Forbidden(at, "the store has no path, so each key would be a mount of its own; name a remoteKey"))
	default:
		values, metadata, _ := w.engine.tree(nil)
		for _, operation := range []policy.Operation{policy.OperationRead, policy.OperationWrite} {
			w.reads = append(w.reads,
				policy.Read{Path: values, Operation: operation, Subtree: true, Field: at},
				policy.Read{Path: metadata, Operation: operation, Subtree: true, Field: at})
		}
	}
}

// pushed are the stores that ESO has on record, by their keys there. It deletes
// by the record, and by the stores as they then are.
func (p *PushSecret) pushed() map[string]*StoreRef {
	stores := map[string]*StoreRef{}
	if p.Spec.DeletionPolicy != "Delete" {
		return stores
	}
	for key := range p.Status.SyncedPushSecrets {
		if kind, name, _ := strings.Cut(key, "/"); name != "" {
			stores[key] = &StoreRef{Kind: kind, Name: name}
		}
	}
	return stores
}

// askToDelete asks for what is on record, also where the spec has it no more.
func (p *PushSecret) askToDelete(ctx context.Context, a *asker) error {
	stores := p.pushed()
	for _, key := range slices.Sorted(maps.Keys(stores)) {
		found, err := a.reached(ctx, stores[key].referent(a.namespace))
		if err != nil {
			return err
		}
		at := field.NewPath("status", "syncedPushSecrets").Key(key)
		for _, by := range found {
			w := &writes{}
			if provider := by.reach().provider; provider != nil {
				w.engine = provider.engine()
			}
			entries := p.Status.SyncedPushSecrets[key]
			for _, name := range slices.Sorted(maps.Keys(entries)) {
				w.key(entries[name].Match.RemoteRef.RemoteKey, at.Key(name))
			}
			a.ask(by, w.reads, w.problems, at)
		}
	}
	return nil
}
