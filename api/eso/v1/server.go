package v1

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
)

// endpoint is what tells one server from another.
type endpoint struct{ scheme, host, port string }

// endpointOf refuses what an address has besides: a path would come before each
// path that is asked for.
func endpointOf(address string) (endpoint, bool) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.User != nil || parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "" || strings.Trim(parsed.Path, "/") != "" {
		return endpoint{}, false
	}
	scheme, port := strings.ToLower(parsed.Scheme), parsed.Port()
	switch {
	case port != "":
	case scheme == "https":
		port = "443"
	case scheme == "http":
		port = "80"
	}
	return endpoint{scheme, strings.ToLower(parsed.Hostname()), port}, parsed.Hostname() != "" && port != ""
}

// vaultAt is the operator's Vault at a server. The first by name is it where
// the same server is configured more than once for several Vault namespaces;
// one of the namespace that is asked for goes before.
func vaultAt(server, namespace string, vaults map[string]api.Vault) (string, bool) {
	wanted, ok := endpointOf(server)
	if !ok {
		return "", false
	}
	found := ""
	for _, name := range slices.Sorted(maps.Keys(vaults)) {
		if have, _ := endpointOf(vaults[name].Address); have != wanted {
			continue
		}
		if vaults[name].Namespace == namespace {
			return name, true
		}
		if found == "" {
			found = name
		}
	}
	return found, found != ""
}

func unknownServer(server string, vaults map[string]api.Vault, at *field.Path) *field.Error {
	var known []string
	for _, name := range slices.Sorted(maps.Keys(vaults)) {
		known = append(known, fmt.Sprintf("%s (Vault %q)", vaults[name].Address, name))
	}
	return field.Invalid(at, server, "no Vault that the operators have configured; write "+strings.Join(known, " or "))
}
