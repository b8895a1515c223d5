package vault

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	vaultapi "github.com/hashicorp/vault/api"

	"github.com/countersign/countersign/config"
)

// ObjectHeader names the object that a request is for. Vault audits it once
// sys/config/auditing/request-headers says so.
const ObjectHeader = "X-Countersign-Object"

// maxAnswerBytes bounds an answer: more than a Secret can hold, JSON and
// base64 included.
const maxAnswerBytes = 4 << 20

var (
	errTooLarge  = errors.New("the answer is larger than 4 MiB")
	errBadAnswer = errors.New("not an answer of Vault")
	errElsewhere = errors.New("refused to send elsewhere than to the path that was judged, at the Vault that is configured")
)

// transport is the last code before bytes leave.
type transport struct {
	base http.RoundTripper
	// vault is the only server that is ever dialled.
	vault *url.URL
}

// newTransport shows the certificate of a session, or the operator's.
func newTransport(settings config.Vault, own *tls.Certificate) (*transport, error) {
	vault, err := url.Parse(settings.Address)
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	base, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, errors.New("http.DefaultTransport was replaced")
	}
	base = base.Clone()
	// Or each of many reads at once dials, and all but two hang up after it.
	base.MaxIdleConnsPerHost = base.MaxIdleConns
	base.TLSClientConfig = &tls.Config{ServerName: settings.TLSServerName, MinVersion: tls.VersionTLS12}
	if settings.CAFile != "" {
		pool, err := loadCAs(settings.CAFile)
		if err != nil {
			return nil, err
		}
		base.TLSClientConfig.RootCAs = pool
	}
	switch {
	case own != nil:
		base.TLSClientConfig.Certificates = []tls.Certificate{*own}
	case settings.ClientCertFile != "":
		base.TLSClientConfig.GetClientCertificate = clientCertificate(settings)
	}
	return &transport{base: base, vault: vault}, nil
}

// clientCertificate reads the files anew: whoever wrote them renews them.
func clientCertificate(settings config.Vault) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(settings.ClientCertFile, settings.ClientKeyFile)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		return &pair, nil
	}
}

func loadCAs(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("CA bundle: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA bundle %s holds no certificate", file)
	}
	return pool, nil
}

// RoundTrip sends exactly the path of the errand to the Vault that is configured,
// and only if its guard lets it. A redirect ends here: Vault's client follows one
// with the token, also when it is told not to and then cloned.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	errand, ok := request.Context().Value(errandKey{}).(*errand)
	if !ok || request.URL.EscapedPath() != "/v1/"+errand.path || request.URL.Scheme != t.vault.Scheme || request.URL.Host != t.vault.Host {
		return nil, errElsewhere
	}
	if err := errand.guard(request.Context()); err != nil {
		return nil, &guardError{err}
	}
	request = request.Clone(request.Context())
	request.Header.Set(ObjectHeader, errand.object())
	response, err := t.base.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if isRedirect(response.StatusCode) {
		return nil, errors.Join(&vaultapi.ResponseError{StatusCode: response.StatusCode}, response.Body.Close())
	}
	errand.heed(response)
	response.Body = &boundedBody{ReadCloser: response.Body, left: maxAnswerBytes}
	return response, nil
}

func isRedirect(code int) bool {
	return code >= http.StatusMultipleChoices && code < http.StatusBadRequest
}

// boundedBody fails instead of being read for ever.
type boundedBody struct {
	io.ReadCloser

	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
