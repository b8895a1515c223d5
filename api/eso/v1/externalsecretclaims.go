package v1

import (
	"context"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

// Claims are by store and by generator.
func (e *ExternalSecret) Claims(ctx context.Context, around api.Surroundings) ([]*policy.Claim, error) {
	asker := &asker{Surroundings: around, namespace: e.Namespace}
	err := e.Spec.ask(ctx, asker, specPath())
	return asker.claims, err
}

// Refers has all stores and generators.
func (e *ExternalSecret) Refers() []api.Referent {
	var all []api.Referent
	for _, group := range e.Spec.groups(e.Namespace, specPath()) {
		all = append(all, group.to)
	}
	return all
}

// OtherProvider is none: stores name providers.
func (*ExternalSecret) OtherProvider() *field.Path { return nil }

// group is the entries of one store or generator, under the reference that
// comes first.
type group struct {
	to      api.Referent
	at      *field.Path
	entries []entry
	// found are the objects that it means now.
	found []reaching
}

// entry is one of the spec; at a generator it has nothing.
type entry struct {
	ref  *RemoteRef
	find *Find
	at   *field.Path
}

func (s *ExternalSecretSpec) ask(ctx context.Context, a *asker, at *field.Path) error {
	a.refuse(unknownProblems(s.Unknown, at))
	groups, err := s.reached(ctx, a, at)
	if err != nil {
		return err
	}
	if areOurs(groups, a.Operator()) {
		return s.askOurs(ctx, a, groups, at)
	}
	for _, group := range groups {
		for _, by := range group.found {
			reads, problems := group.reads(by.reach())
			a.ask(by, reads, problems, group.at)
		}
	}
	return nil
}

// reached are the groups with what they mean now.
func (s *ExternalSecretSpec) reached(ctx context.Context, a *asker, at *field.Path) ([]group, error) {
	groups := s.groups(a.namespace, at)
	for i := range groups {
		var err error
		if groups[i].found, err = a.reached(ctx, groups[i].to); err != nil {
			return nil, err
		}
	}
	return groups, nil
}

// groups are in the order in which the spec first refers to them.
func (s *ExternalSecretSpec) groups(namespace string, at *field.Path) []group {
	var groups []group
	add := func(to api.Referent, from *field.Path, entries ...entry) {
		// ESO finds nothing without a name.
		if to.Name == "" {
			return
		}
		for i := range groups {
			if groups[i].to == to {
				groups[i].entries = append(groups[i].entries, entries...)
				return
			}
		}
		groups = append(groups, group{to: to, at: from, entries: entries})
	}
	if s.SecretStoreRef != nil {
		add(s.SecretStoreRef.referent(namespace), at.Child("secretStoreRef"))
	}
	for i := range s.Data {
		item, itemAt := &s.Data[i], at.Child("data").Index(i)
		s.addSource(add, namespace, item.SourceRef, at, itemAt, entry{ref: &item.RemoteRef, at: itemAt.Child("remoteRef")})
	}
	for i := range s.DataFrom {
		item, itemAt := &s.DataFrom[i], at.Child("dataFrom").Index(i)
		var entries []entry
		if item.Extract != nil {
			entries = append(entries, entry{ref: item.Extract, at: itemAt.Child("extract")})
		}
		if item.Find != nil {
			entries = append(entries, entry{find: item.Find, at: itemAt.Child("find")})
		}
		s.addSource(add, namespace, item.SourceRef, at, itemAt, entries...)
	}
	return groups
}

// addSource adds entries to their own store, or that of the spec; and the
// generator that stands there, also where ESO takes one of the two only.
func (s *ExternalSecretSpec) addSource(add func(api.Referent, *field.Path, ...entry), namespace string, source *SourceRef, at, itemAt *field.Path, entries ...entry) {
	from := itemAt.Child("sourceRef")
	if source != nil && source.GeneratorRef.reachesVault() {
		add(source.GeneratorRef.referent(namespace), from.Child("generatorRef"))
	}
	switch {
	case len(entries) == 0:
	case source != nil && source.StoreRef != nil:
		add(source.StoreRef.referent(namespace), from.Child("storeRef"), entries...)
	case s.SecretStoreRef != nil:
		add(s.SecretStoreRef.referent(namespace), at.Child("secretStoreRef"), entries...)
	}
}

func (r *StoreRef) referent(namespace string) api.Referent {
	if r.Kind == KindClusterSecretStore {
		return api.Referent{Kind: GroupVersion().WithKind(KindClusterSecretStore), Name: r.Name}
	}
	return api.Referent{Kind: GroupVersion().WithKind(KindSecretStore), Namespace: namespace, Name: r.Name}
}

func (r *GeneratorRef) reachesVault() bool {
	return r != nil && r.Name != "" && (r.Kind == KindVaultDynamicSecret || r.Kind == KindClusterGenerator)
}

func (r *GeneratorRef) referent(namespace string) api.Referent {
	if r.Kind == KindClusterGenerator {
		namespace = ""
	}
	return api.Referent{Kind: GeneratorsGroupVersion().WithKind(r.Kind), Namespace: namespace, Name: r.Name}
}

// reads are what the entries come to at a store, or the request of a generator.
func (g *group) reads(by *reach) ([]policy.Read, field.ErrorList) {
	if by.request != nil {
		request := *by.request
		request.Field = g.at
		return []policy.Read{request}, nil
	}
	if by.provider == nil {
		return nil, nil
	}
	var reads []policy.Read
	var problems field.ErrorList
	for _, entry := range g.entries {
		some, problem := entry.reads(by.provider.engine())
		reads = append(reads, some...)
		if problem != nil {
			problems = append(problems, problem)
		}
	}
	return reads, problems
}

func (e *entry) reads(engine engine) ([]policy.Read, *field.Error) {
	if e.find != nil {
		return e.find.reads(engine, e.at)
	}
	at := e.at.Child("key")
	if e.ref.MetadataPolicy != "Fetch" {
		return []policy.Read{{Path: engine.value(e.ref.Key), Version: kvVersion(e.ref.Version), Field: at}}, nil
	}
	if engine.kv1 {
		return nil, field.Invalid(e.at.Child("metadataPolicy"), e.ref.MetadataPolicy, "KV v1 has no metadata; leave it out")
	}
	path, err := engine.metadata(e.ref.Key)
	if err != nil {
		return nil, field.Invalid(at, e.ref.Key, err.Error())
	}
	return []policy.Read{{Path: path, Field: at}}, nil
}

// kvVersion is 0, the latest, for what is no number: Vault refuses that.
func kvVersion(text string) int {
	version, err := strconv.Atoi(text)
	if err != nil || version < 0 {
		return 0
	}
	return version
}

// reads are everything below the path, whatever names are asked for: it is all
// listed. Metadata are read where tags are compared, and where there are none
// and no name.
func (f *Find) reads(engine engine, at *field.Path) ([]policy.Read, *field.Error) {
	values, metadata, err := engine.tree(f.Path)
	at = at.Child("path")
	if err != nil {
		written := ""
		if f.Path != nil {
			written = *f.Path
		}
		return nil, field.Invalid(at, written, err.Error())
	}
	reads := []policy.Read{{Path: values, Names: metadata, Subtree: true, Field: at}}
	if f.Name == nil || len(f.Tags) > 0 {
		reads = append(reads, policy.Read{Path: metadata, Subtree: true, Field: at})
	}
	return reads, nil
}
