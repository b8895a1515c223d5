package esocorpus

import (
	"cmp"
	"maps"
	"unicode/utf8"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// compare is what the namespace holds beside what is wanted.
func (s *scene) compare(want map[string]Content) string {
	s.t.Helper()
	var list corev1.SecretList
	if err := s.env.Client.List(s.t.Context(), &list, client.InNamespace(s.Name)); err != nil {
		s.t.Fatal(err)
	}
	given := map[string]bool{}
	for i := range s.Objects {
		if s.Objects[i].GetKind() == "Secret" {
			given[s.Objects[i].GetName()] = true
		}
	}
	got := map[string]Content{}
	for i := range list.Items {
		secret := &list.Items[i]
		if _, wanted := want[secret.Name]; wanted || !given[secret.Name] {
			got[secret.Name] = s.observed(secret)
		}
	}
	full := map[string]Content{}
	for name, content := range want {
		content.Type = cmp.Or(content.Type, string(corev1.SecretTypeOpaque))
		full[name] = content
	}
	return gocmp.Diff(full, got, cmpopts.EquateEmpty())
}

func (s *scene) observed(secret *corev1.Secret) Content {
	content := Content{
		Type: string(secret.Type), Data: map[string]string{}, Binary: map[string][]byte{},
		Labels: s.foreign(secret.Labels), Annotations: s.foreign(secret.Annotations),
		Immutable: secret.Immutable != nil && *secret.Immutable,
		Orphan:    metav1.GetControllerOf(secret) == nil,
	}
	for key, value := range secret.Data {
		if utf8.Valid(value) {
			content.Data[key] = string(value)
		} else {
			content.Binary[key] = value
		}
	}
	return content
}

// foreign labels or annotations are not the controller's own.
func (s *scene) foreign(all map[string]string) map[string]string {
	kept := maps.Clone(all)
	maps.DeleteFunc(kept, func(key, _ string) bool { return s.own(key) })
	return kept
}
