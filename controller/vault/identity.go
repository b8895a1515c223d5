package vault

import (
	"context"
	"fmt"
	"os"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// mintedSeconds is the life of a tenant's token: the least that the apiserver
// gives. It is used for one login.
// https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
const mintedSeconds = 600

// Minter makes tokens of ServiceAccounts.
type Minter func(ctx context.Context, serviceAccount types.NamespacedName, audience string) (string, error)

// NewMinter asks the apiserver. RBAC says for which names that may be done.
func NewMinter(c client.Client) Minter {
	return func(ctx context.Context, serviceAccount types.NamespacedName, audience string) (string, error) {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: serviceAccount.Namespace, Name: serviceAccount.Name}}
		request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
			Audiences: []string{audience}, ExpirationSeconds: new(int64(mintedSeconds)),
		}}
		if err := c.SubResource("token").Create(ctx, account, request); err != nil {
			return "", err
		}
		return request.Status.Token, nil
	}
}

// ownToken is read anew each time, since the kubelet rotates it.
func (s *session) ownToken() (string, error) {
	token, err := os.ReadFile(s.vault.settings.TokenFile)
	if err != nil {
		return "", &Error{Reason: ReasonUnavailable, Message: fmt.Sprintf("ServiceAccount token: %v", err)}
	}
	return strings.TrimSpace(string(token)), nil
}

func identityError(identity types.NamespacedName, err error) *Error {
	switch {
	case apierrors.IsNotFound(err):
		return &Error{Reason: ReasonIdentityRefused, Message: fmt.Sprintf("the rule logs in as ServiceAccount %s, which does not exist; create it", identity)}
	case apierrors.IsForbidden(err):
		return &Error{Reason: ReasonIdentityRefused, Message: fmt.Sprintf(
			"Countersign may make no token for ServiceAccount %s; add %q to the chart's tenantServiceAccounts", identity, identity.Name)}
	}
	return &Error{Reason: ReasonUnavailable, Message: fmt.Sprintf("no token for ServiceAccount %s: %s", identity, apierrors.ReasonForError(err))}
}
