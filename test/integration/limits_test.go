package integration

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
)

// tlsConfig is what the apiserver has for the process's webhook port.
func (n *tenant) tlsConfig() *tls.Config {
	n.t.Helper()
	configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	if err := n.env.Client.Get(n.t.Context(), client.ObjectKey{Name: n.release.Name}, configuration); err != nil {
		n.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(configuration.Webhooks[0].ClientConfig.CABundle) {
		n.t.Fatal("no CA in the webhook configuration")
	}
	return &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS12}
}

// call posts a body to the process's webhook port, past the apiserver.
func (n *tenant) call(path string, body []byte) (*admissionv1.AdmissionResponse, error) {
	n.t.Helper()
	url := fmt.Sprintf("https://127.0.0.1:%d%s?timeout=10s", n.process.WebhookPort, path)
	caller := http.Client{Transport: &http.Transport{TLSClientConfig: n.tlsConfig()}}
	defer caller.CloseIdleConnections()
	response, err := caller.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answered, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	review := &admissionv1.AdmissionReview{}
	if err := json.Unmarshal(answered, review); err != nil || review.Response == nil {
		return nil, fmt.Errorf("%s: %.200s", response.Status, answered)
	}
	return review.Response, nil
}

// review asks about the creation of an object as the apiserver would.
func (n *tenant) review(spec string) *admissionv1.AdmissionResponse {
	n.t.Helper()
	object, err := yaml.YAMLToJSON([]byte(n.manifest("app", spec)))
	if err != nil {
		n.t.Fatal(err)
	}
	gvk := kesv1.GroupVersion().WithKind(kesv1.Kind)
	review := admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: "1", Operation: admissionv1.Create, Namespace: n.ns, Name: "app",
			Kind:     metav1.GroupVersionKind(gvk),
			Resource: metav1.GroupVersionResource{Group: gvk.Group, Version: gvk.Version, Resource: "externalsecrets"},
			UserInfo: authenticationv1.UserInfo{Username: "alice"},
			Object:   runtime.RawExtension{Raw: object},
		},
	}
	response, err := n.call("/enforce", []byte(toText(n.t, review)))
	if err != nil {
		n.t.Fatal(err)
	}
	return response
}

// What cannot be an AdmissionReview is answered with an error, and the process
// lives on.
func TestUnusableRequests(t *testing.T) {
	tests := map[string]struct {
		body []byte
		want metav1.Status
	}{
		"too large": {bytes.Repeat([]byte(" "), 7<<20+1), metav1.Status{Code: http.StatusRequestEntityTooLarge, Message: "request entity is too large; limit is 7340032 bytes"}},
		"empty":     {nil, metav1.Status{Code: http.StatusBadRequest, Message: "request body is empty"}},
		"not JSON":  {[]byte("hello"), metav1.Status{Code: http.StatusBadRequest, Message: "couldn't get version/kind; json parse error"}},
	}
	n := newTenant(t)
	for _, path := range []string{"/stamp", "/enforce", "/policy"} {
		for name, tc := range tests {
			t.Run(strings.TrimPrefix(path, "/")+" "+name, func(t *testing.T) {
				response, err := n.call(path, tc.body)
				if err != nil {
					t.Fatal(err)
				}
				if response.Allowed || response.Result.Code != tc.want.Code || !strings.Contains(response.Result.Message, tc.want.Message) {
					t.Errorf("answered %v", response.Result)
				}
			})
		}
	}
	if response := n.review(vaultHead + "dataFrom: [kubernetes/data/NS/app]"); !response.Allowed {
		t.Errorf("afterwards: %v", response.Result)
	}
}

// maxDenial bounds what a user, the audit log and the process log are told of
// one denial.
const maxDenial = 32 << 10

// A client that does not send its request is cut off.
func TestSlowClientIsCutOff(t *testing.T) {
	n := newTenant(t)
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: within}, Config: n.tlsConfig()}
	connection, err := dialer.DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(n.process.WebhookPort)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	request := "POST /enforce?timeout=100ms HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
	if _, err := io.WriteString(connection, request); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, err := io.ReadAll(connection); errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("the connection stands after %v", within)
	}
}

// Whatever an object holds, its denial can be read.
func TestDenialIsBounded(t *testing.T) {
	const megabyte = 1 << 20
	long := strings.Repeat("x", megabyte)
	item := func(more string) string {
		return vaultHead + "data: [{name: a, key: kubernetes/data/NS/app, " + more + "}]"
	}
	elsewhere := func(count int) string {
		paths := make([]string, count)
		for i := range paths {
			paths[i] = "kubernetes/data/elsewhere/" + strconv.Itoa(i) + strings.Repeat("x", 480)
		}
		return vaultHead + "dataFrom: [" + strings.Join(paths, ", ") + "]"
	}
	tests := map[string]struct{ spec, want string }{
		"path of 1 MB":          {vaultHead + "dataFrom: [kubernetes/data/" + long + "]", "it is longer than 512 bytes"},
		"path of 500,000 parts": {vaultHead + "dataFrom: [kubernetes/data/" + strings.Repeat("a/", megabyte/2) + "a]", "it is longer than 512 bytes"},
		"reserved path of 1 MB": {vaultHead + "dataFrom: [sys/" + long + "]", "it is longer than 512 bytes"},
		"escapes of 1 MB":       {vaultHead + "dataFrom: ['kubernetes/data/" + strings.Repeat("%2e", megabyte/3) + "']", "it is longer than 512 bytes"},
		"100 references":        {elsewhere(100), "and 90 more violations"},
		"1000 references":       {elsewhere(1000), "spec: Too many: 1000: must have at most 100 items"},
		"role of 1 MB":          {"backendType: vault\nvaultRole: " + long + "\ndataFrom: [kubernetes/data/NS/app]", "spec.vaultRole: Too long"},
		"auth mount of 1 MB":    {vaultHead + "vaultMountPoint: " + long + "\ndataFrom: [kubernetes/data/NS/app]", "spec.vaultMountPoint: Invalid value"},
		"name of 1 MB":          {vaultHead + "data: [{name: " + long + ", key: kubernetes/data/NS/app}]", "spec.data[0].name: Invalid value"},
		"property of 1 MB":      {item("property: 'a[" + long + "'"), "spec.data[0].property: Too long"},
		"template of 1 MB":      {item("property: a") + "\ntemplate: {metadata: {annotations: {? " + long + " : 1}}}", "spec.template"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t)
			response := n.review(tc.spec)
			told := toText(t, response)
			if response.Allowed || !strings.Contains(response.Result.Message, tc.want) {
				t.Errorf("answered %.300s, want %s", told, tc.want)
			}
			if len(told) > maxDenial {
				t.Errorf("the answer has %d bytes, want at most %d: %.300s", len(told), maxDenial, told)
			}
			log := n.admissionLog()
			if len(log) != 1 || len(toText(t, log)) > maxDenial {
				t.Errorf("%d lines in the log of %d bytes, want one of at most %d", len(log), len(toText(t, log)), maxDenial)
			}
		})
	}
}
