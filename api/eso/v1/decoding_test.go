package v1

import "testing"

// Values come out as they were before somebody encoded them.
func TestDecoding(t *testing.T) {
	const standard, url = "Zm9vJV8/YmFy", "Zm9vJV8_YmFy"
	tests := map[string]struct{ strategy, value, want, problem string }{
		"left out":               {"", standard, standard, ""},
		"none":                   {"None", standard, standard, ""},
		"Base64":                 {"Base64", standard, "foo%_?bar", ""},
		"Base64 in lines":        {"Base64", `Zm9v\nJV8/YmFy\n`, "foo%_?bar", ""},
		"Base64 of URLs":         {"Base64URL", url, "foo%_?bar", ""},
		"empty":                  {"Base64", "", "", ""},
		"found out":              {"Auto", standard, "foo%_?bar", ""},
		"found out to be URL's":  {"Auto", url, "foo%_?bar", ""},
		"found out to be text":   {"Auto", "p@ss", "p@ss", ""},
		"not Base64":             {"Base64", canary + "!", "", "the value is not Base64: illegal base64 data at input byte 6"},
		"of URLs, and is not":    {"Base64URL", standard, "", "the value is not Base64: illegal base64 data at input byte 7"},
		"a strategy of tomorrow": {"Hex", canary, "", "write None, Base64, Base64URL or Auto"},
	}
	for name, tc := range tests {
		vault := vaultOf{"secret/data/k": kv(`{"x": "` + tc.value + `"}`)}
		quoted := `"decodingStrategy": "` + tc.strategy + `"`
		of := func(spec, key, err string) rendering {
			made := rendering{spec: spec, vault: vault}
			if tc.problem != "" {
				made.err = err + tc.problem
			} else {
				made.want = map[string]string{key: tc.want}
			}
			return made
		}
		testRenderings(t, map[string]rendering{
			name + " of data":     of(`"data": [{"secretKey": "a", "remoteRef": {"key": "k", "property": "x", `+quoted+`}}]`, "a", `spec.data[0].remoteRef.decodingStrategy: Invalid value: "`+tc.strategy+`": `),
			name + " of dataFrom": of(`"dataFrom": [{"extract": {"key": "k", `+quoted+`}}]`, "x", `spec.dataFrom[0].extract.decodingStrategy: Invalid value: "`+tc.strategy+`": field x: `),
		})
	}
}
