package v1

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/countersign/countersign/api"
)

// FuzzLookUp: no property makes it panic or take more steps than allowed, one
// that is a literal key is found, and what is found by a path is what a walk
// along its steps finds.
func FuzzLookUp(f *testing.F) {
	f.Fuzz(func(t *testing.T, property, secret string) {
		object := map[string]any{}
		if json.Unmarshal([]byte(secret), &object) != nil || object == nil {
			return
		}
		steps, err := parseProperty(property)
		if len(steps) > maxPropertySteps || err == nil && len(steps) == 0 {
			t.Errorf("%q: %d steps", property, len(steps))
		}
		delete(object, property)
		got, found := lookUp(object, property)
		want, wanted := walkNaively(object, steps)
		if found != (wanted && err == nil) || found && asJSON(t, got) != asJSON(t, want) {
			t.Errorf("%q in %s: %v, %t; want %v, %t, %v", property, secret, got, found, want, wanted, err)
		}
		object[property] = "literal"
		if value, ok := lookUp(object, property); !ok || value != "literal" {
			t.Errorf("%q: %v, %v", property, value, ok)
		}
	})
}

// walkNaively compares an index with every index there is.
func walkNaively(value any, steps []string) (any, bool) {
	for _, step := range steps {
		next := map[string]any{}
		switch value := value.(type) {
		case map[string]any:
			next = value
		case []any:
			for i, item := range value {
				next[strconv.Itoa(i)] = item
			}
		}
		found, ok := next[step]
		if !ok {
			return nil, false
		}
		value = found
	}
	return value, true
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// FuzzParseProperty: any steps, quoted in brackets, are those steps again,
// unless they hold a quote or a backslash.
func FuzzParseProperty(f *testing.F) {
	f.Fuzz(func(t *testing.T, first, second, third string) {
		steps := []string{first, second, third}
		property := `["` + strings.Join(steps, `"]["`) + `"]`
		got, err := parseProperty(property)
		isPlain := !strings.ContainsAny(strings.Join(steps, ""), `"\`)
		if isPlain && (err != nil || !slices.Equal(got, steps)) {
			t.Errorf("%q: %q, %v", steps, got, err)
		}
	})
}

// FuzzTemplate: no template makes the decoder panic, and one that passes adds
// to a Secret only what it may: no credential of the cluster, no expression,
// nothing of Countersign's own, no metadata but labels and annotations.
func FuzzTemplate(f *testing.F) {
	f.Fuzz(func(t *testing.T, raw, secretType string) {
		object := &ExternalSecret{}
		object.Spec = ExternalSecretSpec{BackendType: BackendVault, Type: secretType, Template: &apiextensionsv1.JSON{Raw: []byte(raw)}}
		content, errs := object.Render(api.Values{})
		if len(errs) > 0 {
			return
		}
		if slices.Contains([]corev1.SecretType{corev1.SecretTypeServiceAccountToken, corev1.SecretTypeBootstrapToken, ""}, corev1.SecretType(content.Type)) {
			t.Errorf("%s: type %q", raw, content.Type)
		}
		for key := range content.Data {
			if problems := validation.IsConfigMapKey(key); len(problems) > 0 {
				t.Errorf("%s: key %q: %v", raw, key, problems)
			}
		}
		for key, value := range content.Labels {
			if problems := slices.Concat(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)); len(problems) > 0 {
				t.Errorf("%s: label %q: %v", raw, key, problems)
			}
			wantTenants(t, key, value)
		}
		for key, value := range content.Annotations {
			wantTenants(t, key, value)
		}
	})
}

// wantTenants wants a label or annotation that a tenant may write.
func wantTenants(t *testing.T, key, value string) {
	t.Helper()
	if strings.HasPrefix(key, api.ReservedPrefix) || strings.Contains(value, "<%") || strings.Contains(value, "${") {
		t.Errorf("%q: %q passed", key, value)
	}
}
