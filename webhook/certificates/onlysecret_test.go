package certificates

import (
	"net/http"
	"testing"
)

type recorder struct{ query string }

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	r.query = request.URL.RawQuery
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: request}, nil
}

// Lists and watches of Secrets are narrowed, and nothing else is touched.
func TestOneSecret(t *testing.T) {
	const secrets = "/api/v1/namespaces/countersign-system/secrets"
	for name, tc := range map[string]struct{ method, url, want string }{
		"list":         {http.MethodGet, secrets, "fieldSelector=metadata.name%3Dcert"},
		"watch":        {http.MethodGet, secrets + "?watch=true", "fieldSelector=metadata.name%3Dcert&watch=true"},
		"get":          {http.MethodGet, secrets + "/cert", ""},
		"update":       {http.MethodPut, secrets + "/cert", ""},
		"create":       {http.MethodPost, secrets, ""},
		"another kind": {http.MethodGet, "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations?watch=true", "watch=true"},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), tc.method, "https://apiserver"+tc.url, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			next := &recorder{}
			response, err := oneSecret{next, "cert"}.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if next.query != tc.want {
				t.Errorf("asked with %q, want %q", next.query, tc.want)
			}
		})
	}
}
