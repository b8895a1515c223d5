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

func convertKey(strategy, name string) string {
	var key strings.Builder
	for _, letter := range name {
		switch {
		case unicode.IsLetter(letter), unicode.IsNumber(letter), strings.ContainsRune("-._", letter):
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
