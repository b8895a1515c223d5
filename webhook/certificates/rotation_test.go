package certificates

import (
	"crypto/tls"
	"crypto/x509"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/cert-controller/pkg/rotator"
)

var testNow = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

func testIssuer() *rotator.CertRotator {
	return &rotator.CertRotator{
		CAName: "countersign-ca", CAOrganization: "countersign", DNSName: "countersign.countersign-system.svc",
		ExtKeyUsages: &[]x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

// fresh is a Secret as cert-controller leaves it, with a CA that ends then.
func fresh(t *testing.T, caEnds time.Time) bundle {
	t.Helper()
	ca, err := testIssuer().CreateCACert(testNow.Add(-backdate), caEnds)
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := testIssuer().CreateCertPEM(ca, testNow.Add(-backdate), caEnds)
	if err != nil {
		t.Fatal(err)
	}
	return bundle{caFile: ca.CertPEM, caKey: ca.KeyPEM, leafFile: cert, keyFile: key}
}

// verify is what an apiserver does that trusts a CA bundle.
func verify(trusted, leaf []byte, at time.Time) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(trusted)
	found, err := parse(leaf)
	if err != nil {
		return err
	}
	_, err = found[0].Verify(x509.VerifyOptions{DNSName: "countersign.countersign-system.svc", Roots: roots, CurrentTime: at})
	return err
}

// Over a whole rotation, whatever a replica still serves is trusted by
// whatever an apiserver already knows, one step behind or not.
func TestRotationNeverBreaksTrust(t *testing.T) {
	now := testNow
	state := fresh(t, testNow.Add(renewCA-time.Hour))
	first := state
	var steps []stage
	for range 3 {
		step, wait := state.due(now)
		if step == stageNone {
			now = now.Add(wait)
			step, _ = state.due(now)
		}
		changed, err := state.take(step, testIssuer(), now)
		if err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
		// The apiserver may be ahead of the replicas, or behind them.
		for _, trusted := range []bundle{state, changed} {
			for _, served := range []bundle{state, changed} {
				if step == stageRetire {
					served = changed
				}
				if err := verify(trusted[caFile], served[leafFile], now); err != nil {
					t.Errorf("%s: %v", step, err)
				}
			}
		}
		if _, err := tls.X509KeyPair(changed[leafFile], changed[keyFile]); err != nil {
			t.Errorf("%s: %v", step, err)
		}
		// What cert-controller would say of it: the first CA belongs to the key.
		if _, err := tls.X509KeyPair(changed[caFile], changed[caKey]); err != nil {
			t.Errorf("%s: %v", step, err)
		}
		state = changed
	}
	if diff := cmp.Diff([]stage{stageAnnounce, stageSwitch, stageRetire}, steps); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{caFile, caKey, leafFile, keyFile}, slices.Sorted(maps.Keys(state))); diff != "" {
		t.Error(diff)
	}
	if err := verify(state[caFile], first[leafFile], now); err == nil {
		t.Error("the old CA is still trusted at the end")
	}
	if step, wait := state.due(now); step != stageNone || wait < 9*365*24*time.Hour {
		t.Errorf("after a rotation: %q in %s", step, wait)
	}
}

func TestDue(t *testing.T) {
	steady := fresh(t, testNow.Add(CALife))
	announced, err := fresh(t, testNow.Add(renewCA)).take(stageAnnounce, testIssuer(), testNow)
	if err != nil {
		t.Fatal(err)
	}
	switched, err := announced.take(stageSwitch, testIssuer(), testNow.Add(settle))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		state bundle
		at    time.Time
		step  stage
		wait  time.Duration
	}{
		"empty":              {bundle{}, testNow, stageNone, 0},
		"no certificate":     {bundle{caFile: []byte("x")}, testNow, stageNone, 0},
		"steady":             {steady, testNow, stageNone, CALife - renewCA},
		"old":                {steady, testNow.Add(CALife - renewCA), stageAnnounce, 0},
		"announced just now": {announced, testNow, stageNone, settle},
		"announced":          {announced, testNow.Add(settle), stageSwitch, 0},
		"switched just now":  {switched, testNow, stageNone, overlap},
		"switched":           {switched, testNow.Add(overlap), stageRetire, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			step, wait := tc.state.due(tc.at)
			if step != tc.step || wait != tc.wait {
				t.Errorf("%q in %s, want %q in %s", step, wait, tc.step, tc.wait)
			}
		})
	}
}

// What is broken is left alone, with an error that holds no key.
func TestTakeBroken(t *testing.T) {
	tests := map[string]struct {
		state bundle
		step  stage
		want  string
	}{
		"no CA":         {bundle{}, stageAnnounce, "ca.crt: no PEM certificate"},
		"no next CA":    {fresh(t, testNow), stageSwitch, "next-ca.crt: no PEM certificate"},
		"broken bundle": {bundle{caFile: []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")}, stageRetire, "ca.crt: certificate 1: x509: malformed certificate"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := tc.state.take(tc.step, testIssuer(), testNow); err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}
