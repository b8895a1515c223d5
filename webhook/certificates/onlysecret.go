package certificates

import (
	"net/http"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
)

// OnlySecret is a manager for cert-controller, which watches all Secrets of the
// namespace by itself. Here it asks for the one of that name, so that a right to
// that one is enough, and no other Secret gets into the process.
func OnlySecret(mgr ctrl.Manager, name string) ctrl.Manager {
	config := rest.CopyConfig(mgr.GetConfig())
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return oneSecret{next, name} })
	return narrowed{mgr, config}
}

// narrowed differs from its manager in what new clients and caches ask with.
type narrowed struct {
	ctrl.Manager

	config *rest.Config
}

func (n narrowed) GetConfig() *rest.Config { return n.config }

// oneSecret narrows what lists and watches Secrets.
type oneSecret struct {
	next http.RoundTripper
	name string
}

func (o oneSecret) RoundTrip(request *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(request.URL.Path, "/secrets") || request.Method != http.MethodGet {
		return o.next.RoundTrip(request)
	}
	narrow := request.Clone(request.Context())
	query := narrow.URL.Query()
	query.Set("fieldSelector", fields.OneTermEqualSelector(metav1.ObjectNameField, o.name).String())
	narrow.URL.RawQuery = query.Encode()
	return o.next.RoundTrip(narrow)
}
