package harness

import (
	"context"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// Token asks the apiserver for a token of a ServiceAccount. An empty audience
// is the apiserver itself.
func (e *Env) Token(ctx context.Context, namespace, name, audience string, lifetime time.Duration) (string, error) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	request := &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(lifetime.Seconds()))},
	}
	if audience != "" {
		request.Spec.Audiences = []string{audience}
	}
	if err := e.Client.SubResource("token").Create(ctx, account, request); err != nil {
		return "", fmt.Errorf("token of %s/%s: %w", namespace, name, err)
	}
	return request.Status.Token, nil
}

// AccountKubeconfig writes one for a ServiceAccount, with a token for an hour.
func (e *Env) AccountKubeconfig(ctx context.Context, namespace, name, path string) error {
	token, err := e.Token(ctx, namespace, name, "", time.Hour)
	if err != nil {
		return err
	}
	config := rest.AnonymousClientConfig(e.Config)
	config.BearerToken = token
	return WriteKubeconfig(config, path)
}
