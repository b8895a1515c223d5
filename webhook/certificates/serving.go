package certificates

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// The files of the folder, and the keys of the Secret.
const (
	leafFile = "tls.crt"
	keyFile  = "tls.key"
	caFile   = "ca.crt"
	caKey    = "ca.key"
)

// dialTimeout bounds a probe's connection to the process itself.
const dialTimeout = 2 * time.Second

// Serving is a readiness check: the webhook port answers, with the certificate
// that is in the folder, and that one is valid now.
func Serving(address, folder string) func(*http.Request) error {
	return func(*http.Request) error {
		want, err := readLeaf(folder)
		if err != nil {
			return err
		}
		if now := time.Now(); now.After(want.NotAfter) || now.Before(want.NotBefore) {
			return fmt.Errorf("the serving certificate is valid from %s to %s only", want.NotBefore, want.NotAfter)
		}
		served, err := servedLeaf(address)
		if err != nil {
			return err
		}
		if !bytes.Equal(served.Raw, want.Raw) {
			return errors.New("another certificate is served than the one in " + folder)
		}
		return nil
	}
}

func readLeaf(folder string) (*x509.Certificate, error) {
	content, err := os.ReadFile(filepath.Join(folder, leafFile))
	if err != nil {
		return nil, err
	}
	found, err := parse(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", leafFile, err)
	}
	return found[0], nil
}

// servedLeaf asks the process's own port. Its certificate is compared byte for
// byte, which says more than a verification.
func servedLeaf(address string) (*x509.Certificate, error) {
	dialer := &net.Dialer{Timeout: dialTimeout}
	connection, err := tls.DialWithDialer(dialer, "tcp", address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // See above.
	if err != nil {
		return nil, fmt.Errorf("the webhook port does not answer: %w", err)
	}
	defer func() { _ = connection.Close() }()
	return connection.ConnectionState().PeerCertificates[0], nil
}
