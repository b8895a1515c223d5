package v1

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// convertKeys makes keys of a Secret of names that cannot be any.
// https://external-secrets.io/latest/guides/getallsecrets/#avoiding-name-conflicts
func convertKeys(strategy string, values map[string][]byte, at *field.Path) (map[string][]byte, error) {
	converted := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		key := convertKey(strategy, name)
		if _, taken := converted[key]; taken {
			return nil, wrong(field.Invalid(at.Child("conversionStrategy"), strategy, fmt.Sprintf("two fields become %q; rewrite their keys", key)))
		}
		converted[key] = values[name]
	}
	return converted, nil
}

// maxKeyLength is that of a key of a Secret.
const maxKeyLength = 253

// checkKeys refuses, as ESO does, also what a template might have taken.
func checkKeys(values map[string][]byte, at *field.Path) error {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if len(key) > maxKeyLength || strings.ContainsFunc(key, isNoKeyLetter) {
			return wrong(field.Invalid(at, key, "cannot be a key of a Secret; rewrite it to at most 253 letters, digits, '-', '.' and '_'"))
		}
	}
	return nil
}

func isNoKeyLetter(letter rune) bool {
	return !unicode.IsLetter(letter) && !unicode.IsNumber(letter) && !strings.ContainsRune("-._", letter)
}

func convertKey(strategy, name string) string {
	var key strings.Builder
	for _, letter := range name {
		switch {
		case !isNoKeyLetter(letter):
			key.WriteRune(letter)
		case strategy == "Unicode":
			fmt.Fprintf(&key, "_U%04x_", letter)
		case strategy == "", strategy == "Default":
			key.WriteByte('_')
		default:
			key.WriteRune(letter)
		}
	}
	return key.String()
}
