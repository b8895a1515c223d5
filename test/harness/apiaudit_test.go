package harness

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
)

func TestParseAPIAudit(t *testing.T) {
	const line = `{"kind":"Event","verb":"create","user":{"username":"somebody"},"objectRef":{"resource":"externalsecrets","namespace":"x","name":"app"},` +
		`"responseStatus":{"code":201},"annotations":{"enforce.countersign.dev/verdict":"allowed"}}` + "\n"
	one := APIRequest{
		User: "somebody", Verb: "create", Resource: "externalsecrets", Namespace: "x", Name: "app", Code: 201,
		Annotations: map[string]string{"enforce.countersign.dev/verdict": "allowed"},
	}
	tests := map[string]struct {
		log     string
		want    []APIRequest
		wantErr bool
	}{
		"empty":          {},
		"two lines":      {log: line + line, want: []APIRequest{one, one}},
		"an unfinished":  {log: line + line[:20], want: []APIRequest{one}},
		"only that":      {log: line[:20]},
		"not an event":   {log: "{\n", wantErr: true},
		"no object":      {log: "{\"verb\":\"get\"}\n", want: []APIRequest{{Verb: "get"}}},
		"of other types": {log: "{\"verb\":1}\n", wantErr: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseAPIAudit([]byte(tc.log))
			if (err != nil) != tc.wantErr {
				t.Error(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The real apiserver writes what the reader reads, also of what it refuses.
func TestAPIAuditOfTheApiserver(t *testing.T) {
	t.Parallel()
	clientset := must(kubernetes.NewForConfig(shared.Config))(t)
	err := clientset.Discovery().RESTClient().Delete().
		AbsPath("/apis/kubernetes-client.io/v1/namespaces/default/externalsecrets/not-there").Do(t.Context()).Error()
	if !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	Await(t, 10*time.Second, func(context.Context) error {
		requests, err := shared.APIAudit()
		if err != nil {
			return err
		}
		for _, request := range requests {
			if request.Verb == "delete" && request.Name == "not-there" && request.Code == 404 {
				return nil
			}
		}
		return errors.New("not in the audit log yet")
	})
}
