package integration

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign/countersign/test/harness"
)

const controllerUser = "system:serviceaccount:" + releaseNamespace + ":countersign"

// duringWrites does something each time that Countersign creates or changes a
// Secret of the tenant, while the apiserver has it in hand: in a webhook. With
// an error the write is refused.
func (n *tenant) duringWrites(do func(context.Context, admissionv1.Operation) error) {
	n.t.Helper()
	var called atomic.Bool
	server := httptest.NewTLSServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		called.Store(true)
		review := &admissionv1.AdmissionReview{}
		if err := json.NewDecoder(request.Body).Decode(review); err != nil {
			n.t.Error(err)
			return
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
		if !*review.Request.DryRun {
			answer(review.Response, do(request.Context(), review.Request.Operation))
		}
		if err := json.NewEncoder(response).Encode(review); err != nil {
			n.t.Error(err)
		}
	}))
	n.t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	configuration := n.interposed(server.URL, ca)
	if err := n.env.Client.Create(n.t.Context(), configuration); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		if err := n.env.Client.Delete(context.WithoutCancel(n.t.Context()), configuration); err != nil {
			n.t.Error(err)
		}
	})
	harness.Await(n.t, within, func(context.Context) error {
		n.kubectl("", "annotate", "secret", "app", "-n", n.ns, "probe=x", "--dry-run=server", "--as="+controllerUser)
		if !called.Load() {
			return errors.New("the webhook is not called yet")
		}
		return nil
	})
}

// answer refuses with an error; one of the apiserver's is passed on as it is.
func answer(response *admissionv1.AdmissionResponse, err error) {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		response.Result = new(status.Status())
	}
	response.Allowed = err == nil
}

func (n *tenant) interposed(url string, ca []byte) *admissionregistrationv1.ValidatingWebhookConfiguration {
	rules := []admissionregistrationv1.RuleWithOperations{{
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"secrets"}},
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update},
	}}
	return &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "interpose-" + n.ns},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name:                    "interpose.example.com",
			ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: ca},
			Rules:                   rules,
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": n.ns}},
			MatchConditions:         []admissionregistrationv1.MatchCondition{{Name: "countersign", Expression: "request.userInfo.username == '" + controllerUser + "'"}},
			SideEffects:             new(admissionregistrationv1.SideEffectClassNoneOnDryRun),
			AdmissionReviewVersions: []string{"v1"},
		}},
	}
}
