package v1

import (
	"strings"
	"testing"
)

// Where ESO pays no heed to a stamp, its user is told.
func TestStampWarning(t *testing.T) {
	tests := map[string]struct{ policy, interval, want string }{
		"default":                  {"", "", ""},
		"on change":                {"OnChange", "", ""},
		"on change, interval of 0": {"OnChange", "0s", ""},
		"periodic":                 {"Periodic", "1h", ""},
		"periodic, interval of 0":  {"Periodic", "0s", "refreshInterval 0"},
		"interval of 0":            {"", "0", "refreshInterval 0"},
		"interval of 0 hours":      {"", "0h0m0s", "refreshInterval 0"},
		"no interval":              {"", "often", ""},
		"created once":             {"CreatedOnce", "1h", "CreatedOnce"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			object := &ExternalSecret{Spec: ExternalSecretSpec{RefreshPolicy: tc.policy, RefreshInterval: tc.interval}}
			got := object.StampWarning()
			if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
				t.Errorf("%q, want one of %q", got, tc.want)
			}
		})
	}
}
