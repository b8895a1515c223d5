package policy

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// namespaceMatcher is a compiled NamespaceSelector.
type namespaceMatcher struct {
	exact    map[string]bool
	prefixes []string
	labels   map[string]string
}

func newNamespaceMatcher(selector NamespaceSelector) *namespaceMatcher {
	m := &namespaceMatcher{exact: map[string]bool{}, labels: selector.MatchLabels}
	for _, name := range selector.Names {
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			m.prefixes = append(m.prefixes, prefix)
			continue
		}
		m.exact[name] = true
	}
	return m
}

// firstLabel is the least of the labels; a namespace that matches has it.
func (m *namespaceMatcher) firstLabel() (label, bool) {
	if len(m.labels) == 0 {
		return label{}, false
	}
	key := slices.Min(slices.Collect(maps.Keys(m.labels)))
	return label{key, m.labels[key]}, true
}

func (m *namespaceMatcher) matches(namespace string, labels map[string]string) bool {
	if len(m.labels) > 0 {
		return containsAll(labels, m.labels)
	}
	if m.exact[namespace] {
		return true
	}
	for _, prefix := range m.prefixes {
		if strings.HasPrefix(namespace, prefix) {
			return true
		}
	}
	return false
}

func containsAll(labels, want map[string]string) bool {
	for key, value := range want {
		if have, ok := labels[key]; !ok || have != value {
			return false
		}
	}
	return true
}

func checkNamespaces(selector NamespaceSelector, at *field.Path) field.ErrorList {
	switch {
	case len(selector.Names) == 0 && len(selector.MatchLabels) == 0:
		return field.ErrorList{field.Required(at, `give names or matchLabels; names: ["*"] is every namespace`)}
	case len(selector.Names) > 0 && len(selector.MatchLabels) > 0:
		return field.ErrorList{field.Invalid(at, "names, matchLabels", "give one of them; write two rules for both")}
	}
	var errs field.ErrorList
	for i, name := range selector.Names {
		if !validNamespaceName(name) {
			errs = append(errs, field.Invalid(at.Child("names").Index(i), name,
				`write a namespace name, or a prefix that ends in "*"`))
		}
	}
	return errs
}

func validNamespaceName(name string) bool {
	prefix, isPrefix := strings.CutSuffix(name, "*")
	if isPrefix {
		// "team-" is a fine prefix although it is no name.
		prefix += "x"
	}
	return len(validation.IsDNS1123Label(prefix)) == 0
}
