package main

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	esov1 "github.com/countersign/countersign/api/eso/v1"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/webhook"
)

// dialect is an ExternalSecret API that Countersign syncs.
type dialect struct {
	of          config.Dialect
	kind        schema.GroupVersionKind
	addToScheme func(*runtime.Scheme) error
	newObject   func() api.Source
	newList     func() client.ObjectList
	validator   webhook.Validator
}

// dialects are all of them; a further one is a line here.
func dialects() dialectList {
	return dialectList{
		{
			config.KES, kesv1.GroupVersion().WithKind(kesv1.Kind), kesv1.AddToScheme,
			func() api.Source { return &kesv1.ExternalSecret{} }, func() client.ObjectList { return &kesv1.ExternalSecretList{} },
			webhook.ValidatorOf[*kesv1.ExternalSecret](),
		},
	}
}

// dialectList is some of them.
type dialectList []dialect

// enabled are those that the operator has switched on.
func enabled(settings *config.Settings) dialectList {
	return slices.DeleteFunc(dialects(), func(one dialect) bool { return !slices.Contains(settings.Dialects, one.of) })
}

func dialectOf(kind schema.GroupVersionKind) (dialect, bool) {
	all := dialects()
	i := slices.IndexFunc(all, func(one dialect) bool { return one.kind == kind })
	if i < 0 {
		return dialect{}, false
	}
	return all[i], true
}

// controllerOf is the name of a kind's controller, in logs and metrics.
func controllerOf(kind schema.GroupVersionKind) string {
	return strings.ToLower(kind.Kind) + "." + kind.Group
}

// newObjects are empty objects, one of each.
func (l dialectList) newObjects() []client.Object {
	var all []client.Object
	for _, one := range l {
		all = append(all, one.newObject())
	}
	return all
}

// newLists are empty lists, one of each.
func (l dialectList) newLists() []client.ObjectList {
	var all []client.ObjectList
	for _, one := range l {
		all = append(all, one.newList())
	}
	return all
}

// validators are by kind.
func (l dialectList) validators() map[schema.GroupVersionKind]webhook.Validator {
	all := map[schema.GroupVersionKind]webhook.Validator{}
	for _, one := range l {
		all[one.kind] = one.validator
	}
	return all
}

// hasKind tells a kind of a dialect in another version or group.
func hasKind(kind string) bool {
	return slices.ContainsFunc(dialects(), func(one dialect) bool { return one.kind.Kind == kind })
}

// apiVersions are those that are known of a kind, for messages.
func apiVersions(kind string) string {
	var all []string
	for _, one := range knownKinds() {
		if one.Kind == kind {
			all = append(all, one.GroupVersion().String())
		}
	}
	return strings.Join(all, ", ")
}

// knownKinds are those of all dialects.
func knownKinds() []schema.GroupVersionKind {
	var all []schema.GroupVersionKind
	for _, one := range dialects() {
		all = append(all, one.kind)
	}
	for _, one := range guardedKinds() {
		all = append(all, one.kind)
	}
	return all
}

// recordedGroups are the API groups to whose objects the name of the user is
// written.
func recordedGroups(settings *config.Settings) sets.Set[string] {
	groups := sets.New[string]()
	if *settings.RecordRequester {
		groups.Insert(kesv1.GroupVersion().Group)
	}
	if settings.ESO.RecordRequester {
		groups.Insert(esov1.GroupVersion().Group)
	}
	return groups
}

// newScheme knows the types of Kubernetes and of every dialect.
func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	for _, one := range dialects() {
		if err := one.addToScheme(scheme); err != nil {
			return nil, err
		}
	}
	return scheme, esov1.AddToScheme(scheme)
}
