package v1

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// headerProblems refuses headers by which a request would become another one:
// those that Vault obeys, those that it takes a token or the client's address
// from, and those that belong to the connection.
func headerProblems(headers map[string]string, at *field.Path) field.ErrorList {
	var problems field.ErrorList
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if isForbiddenHeader(name) {
			problems = append(problems, field.Forbidden(at.Key(name), "a store may not send this header; leave it out"))
		}
	}
	return problems
}

func isForbiddenHeader(name string) bool {
	token := regexp.MustCompile("^[0-9A-Za-z!#$%&'*+.^_`|~-]+$")
	lower := strings.ToLower(name)
	if !token.MatchString(name) {
		return true
	}
	for _, prefix := range []string{"x-vault-", "x-forwarded-", "x-http-method", "x-original-", "x-rewrite-", "proxy-", "sec-"} {
		if strings.HasPrefix(lower, prefix) {
			return true
		}
	}
	return slices.Contains([]string{
		"authorization", "cookie", "host", "forwarded", "x-real-ip", "x-client-ip", "true-client-ip", "client-ip", "via",
		"connection", "content-length", "content-encoding", "content-type", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings",
	}, lower)
}
