package certificates

import (
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
)

// How long certificates live, and when a CA is replaced: well before
// cert-controller's own lookahead.
const (
	CALife    = 10 * 365 * 24 * time.Hour
	LeafLife  = 365 * 24 * time.Hour
	Lookahead = 90 * 24 * time.Hour
	renewCA   = 2 * Lookahead
	// backdate is how long ago certificates begin when they are made, for
	// clocks that are behind.
	backdate = time.Hour
	// settle is how long every apiserver has to learn of the next CA after it
	// was written into the webhook configurations.
	settle = 30 * time.Second
	// overlap is how long every replica has to serve a certificate of the new
	// CA: the kubelet takes a minute or two.
	overlap = time.Hour
)

// Keys of the Secret for the CA that comes next. They are not mounted.
const (
	nextCAFile = "next-ca.crt"
	nextCAKey  = "next-ca.key"
)

// issuer makes certificates.
type issuer interface {
	CreateCACert(begin, end time.Time) (*rotator.KeyPairArtifacts, error)
	CreateCertPEM(ca *rotator.KeyPairArtifacts, begin, end time.Time) (cert, key []byte, err error)
}

// stage is the step that a Secret is due for.
type stage string

const (
	stageNone stage = ""
	// stageAnnounce makes the next CA and has it trusted beside the current.
	stageAnnounce stage = "the next CA is announced"
	// stageSwitch has replicas serve a certificate of the next CA.
	stageSwitch stage = "certificates are of the next CA"
	// stageRetire ends the trust in the old CA.
	stageRetire stage = "the old CA is retired"
)

// bundle is the state of a rotation: the Secret's data.
type bundle map[string][]byte

// due says which step comes next, and how long it is until then. A Secret that
// is empty or broken is cert-controller's to mend.
func (b bundle) due(now time.Time) (stage, time.Duration) {
	trusted, err := parse(b[caFile])
	if err != nil {
		return stageNone, 0
	}
	if next, err := parse(b[nextCAFile]); err == nil {
		return after(stageSwitch, next[0].NotBefore.Add(backdate+settle).Sub(now))
	}
	if len(trusted) > 1 {
		return after(stageRetire, trusted[0].NotBefore.Add(backdate+overlap).Sub(now))
	}
	return after(stageAnnounce, trusted[0].NotAfter.Add(-renewCA).Sub(now))
}

func after(s stage, wait time.Duration) (stage, time.Duration) {
	if wait > 0 {
		return stageNone, wait
	}
	return s, 0
}

// take makes the step. The result is a copy.
func (b bundle) take(s stage, issuer issuer, now time.Time) (bundle, error) {
	trusted, err := parse(b[caFile])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", caFile, err)
	}
	changed := maps.Clone(b)
	switch s {
	case stageAnnounce:
		return changed, changed.announce(trusted[0], issuer, now)
	case stageSwitch:
		return changed, changed.switchOver(trusted[0], issuer, now)
	case stageRetire:
		changed[caFile] = encode(trusted[0])
	case stageNone:
	}
	return changed, nil
}

// announce keeps the current CA first: cert-controller takes the first for the
// one that ca.key belongs to, and injects all of them.
func (b bundle) announce(current *x509.Certificate, issuer issuer, now time.Time) error {
	next, err := issuer.CreateCACert(now.Add(-backdate), now.Add(CALife))
	if err != nil {
		return fmt.Errorf("make the next CA: %w", err)
	}
	b[nextCAFile], b[nextCAKey] = next.CertPEM, next.KeyPEM
	b[caFile] = slices.Concat(encode(current), next.CertPEM)
	return nil
}

func (b bundle) switchOver(current *x509.Certificate, issuer issuer, now time.Time) error {
	next, err := keyPair(b[nextCAFile], b[nextCAKey])
	if err != nil {
		return fmt.Errorf("%s: %w", nextCAFile, err)
	}
	cert, key, err := issuer.CreateCertPEM(next, now.Add(-backdate), now.Add(LeafLife))
	if err != nil {
		return fmt.Errorf("issue a certificate: %w", err)
	}
	b[leafFile], b[keyFile] = cert, key
	b[caFile], b[caKey] = slices.Concat(b[nextCAFile], encode(current)), b[nextCAKey]
	delete(b, nextCAFile)
	delete(b, nextCAKey)
	return nil
}
