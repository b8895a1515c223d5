package esocrds

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	esov1 "github.com/countersign/countersign/api/eso/v1"
)

// elsewhere are parts that reach no Vault, besides those of type Ignored.
func elsewhere() map[string]string {
	return map[string]string{
		"spec.provider.*":  "another provider than Vault",
		"spec.generator.*": "another generator than Vault's",
	}
}

// guarded are the kinds by which ESO reaches Vault, whatever the version.
func guarded() []string {
	return []string{
		esov1.KindClusterExternalSecret, esov1.KindClusterGenerator, esov1.KindClusterPushSecret, esov1.KindClusterSecretStore,
		esov1.KindExternalSecret, esov1.KindPushSecret, esov1.KindSecretStore, esov1.KindVaultDynamicSecret,
	}
}

func crds(t *testing.T) []apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	folder, err := Folder(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*external-secrets.io_*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no CRDs in %s: %v", folder, err)
	}
	all := make([]apiextensionsv1.CustomResourceDefinition, len(files))
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(data, &all[i]); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return all
}

// Each field of each served version of ESO's objects is one that a claim looks
// at, or is ignored for a reason. A field that is not would be dropped in
// silence where objects are decoded; it is refused instead, and has to be
// looked at here.
func TestEachFieldOfESOIsKnown(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := esov1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	fields := 0
	for _, crd := range crds(t) {
		for _, version := range crd.Spec.Versions {
			kind := schema.GroupVersionKind{Group: crd.Spec.Group, Version: version.Name, Kind: crd.Spec.Names.Kind}
			if !slices.Contains(guarded(), kind.Kind) || !version.Served {
				continue
			}
			kinds = append(kinds, kind.Kind)
			object, err := scheme.New(kind)
			if err != nil {
				t.Errorf("%s is served, and not known: %v", kind, err)
				continue
			}
			spec, _ := field(reflect.TypeOf(object).Elem(), "spec")
			w := &walk{t: t, kind: kind.Kind}
			w.object(version.Schema.OpenAPIV3Schema.Properties["spec"], spec.Type, "spec")
			fields += w.fields
		}
	}
	slices.Sort(kinds)
	if diff := cmp.Diff(guarded(), kinds); diff != "" {
		t.Error(diff)
	}
	if fields < 300 {
		t.Errorf("%d fields looked at only", fields)
	}
}

// No other kind names a Vault: a new one has to be guarded, too.
func TestNoOtherKindOfESOReachesVault(t *testing.T) {
	for _, crd := range crds(t) {
		for _, version := range crd.Spec.Versions {
			if !version.Served || slices.Contains(guarded(), crd.Spec.Names.Kind) {
				continue
			}
			// GeneratorState is ESO's own record of what was generated.
			if crd.Spec.Names.Kind == "GeneratorState" {
				continue
			}
			if at := mentionsVault(*version.Schema.OpenAPIV3Schema, ""); at != "" {
				t.Errorf("%s %s%s mentions Vault", crd.Spec.Names.Kind, version.Name, at)
			}
		}
	}
}

func mentionsVault(props apiextensionsv1.JSONSchemaProps, at string) string {
	for name, property := range props.Properties {
		if strings.Contains(strings.ToLower(name), "vault") {
			return at + "." + name
		}
		if found := mentionsVault(property, at+"."+name); found != "" {
			return found
		}
	}
	if props.Items != nil && props.Items.Schema != nil {
		return mentionsVault(*props.Items.Schema, at+"[]")
	}
	return ""
}

// walk goes through a schema and a type at once.
type walk struct {
	t      *testing.T
	kind   string
	fields int
}

func (w *walk) object(props apiextensionsv1.JSONSchemaProps, typ reflect.Type, at string) {
	for name, property := range props.Properties {
		w.fields++
		path := at + "." + name
		known, ok := field(typ, name)
		switch {
		case ok && isIgnored(known.Type):
			if known.Tag.Get("ignored") == "" {
				w.t.Errorf("%s %s is ignored without a reason", w.kind, path)
			}
		case ok:
			w.value(property, known.Type, path)
		case elsewhere()[at+".*"] == "":
			w.t.Errorf("%s %s: no field of %s; extract it, or ignore it with a reason", w.kind, path, typ)
		}
	}
}

func (w *walk) value(props apiextensionsv1.JSONSchemaProps, typ reflect.Type, at string) {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case typ == reflect.TypeFor[metav1.LabelSelector]():
	case len(props.Properties) > 0:
		if typ.Kind() != reflect.Struct {
			w.t.Errorf("%s %s has fields, and %s has none", w.kind, at, typ)
			return
		}
		w.object(props, typ, at)
	case props.Items != nil && props.Items.Schema != nil && typ.Elem().Kind() != reflect.Uint8:
		w.value(*props.Items.Schema, typ.Elem(), at+"[]")
	}
}

func isIgnored(typ reflect.Type) bool {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	return typ == reflect.TypeFor[esov1.Ignored]()
}

// field finds a field by its name in JSON, also in an embedded struct.
func field(typ reflect.Type, name string) (reflect.StructField, bool) {
	for one := range typ.Fields() {
		tag, _, _ := strings.Cut(one.Tag.Get("json"), ",")
		if tag == name {
			return one, true
		}
		if one.Anonymous && tag == "" {
			if found, ok := field(one.Type, name); ok {
				return found, true
			}
		}
	}
	return reflect.StructField{}, false
}
