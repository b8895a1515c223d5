package vault

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"

	vaultapi "github.com/hashicorp/vault/api"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
)

// SecretReader reads one value of a Secret, live.
type SecretReader func(context.Context, api.SecretKey) ([]byte, error)

// NewSecretReader asks the apiserver.
func NewSecretReader(live client.Reader) SecretReader {
	return func(ctx context.Context, key api.SecretKey) ([]byte, error) {
		secret := &corev1.Secret{}
		err := live.Get(ctx, client.ObjectKey{Namespace: key.Namespace, Name: key.Name}, secret)
		if err != nil {
			return nil, secretError(key, err)
		}
		value, ok := secret.Data[key.Key]
		if !ok {
			return nil, &Error{Reason: ReasonIdentityRefused, Message: "there is no key of the name in " + describe(key) + "; add it"}
		}
		return value, nil
	}
}

func secretError(key api.SecretKey, err error) *Error {
	if apierrors.IsNotFound(err) {
		return &Error{Reason: ReasonIdentityRefused, Message: fmt.Sprintf("Secret %s/%s, which holds what to log in with, does not exist; create it", key.Namespace, key.Name)}
	}
	return &Error{Reason: ReasonUnavailable, Message: fmt.Sprintf("Secret %s/%s cannot be read: %s", key.Namespace, key.Name, apierrors.ReasonForError(err))}
}

func describe(key api.SecretKey) string {
	return fmt.Sprintf("key %q of Secret %s/%s", key.Key, key.Namespace, key.Name)
}

// credentials are what a login presents: in its body, and by a client of its own
// where that is a certificate.
func (s *session) credentials(ctx context.Context) (map[string]string, *vaultapi.Client, error) {
	switch s.key.Method {
	case api.MethodAppRole:
		body, err := s.appRole(ctx)
		return body, nil, err
	case api.MethodCert:
		client, err := s.certified(ctx)
		body := map[string]string{}
		if s.key.Role != "" {
			body["name"] = s.key.Role
		}
		return body, client, err
	default:
		// The Kubernetes method and that of JWTs ask for the same.
		jwt, err := s.jwt(ctx)
		return map[string]string{"role": s.key.Role, "jwt": jwt}, nil, err
	}
}

// appRole has both IDs.
// https://developer.hashicorp.com/vault/api-docs/auth/approle#login-with-approle
func (s *session) appRole(ctx context.Context) (map[string]string, error) {
	roleID := s.key.ID
	if roleID == "" {
		var err error
		if roleID, err = s.secret(ctx, s.key.IDRef); err != nil {
			return nil, err
		}
	}
	secretID, err := s.secret(ctx, s.key.SecretRef)
	return map[string]string{"role_id": roleID, "secret_id": secretID}, err
}

// certified is a client that shows a certificate, to the Vault that is
// configured and no other. A token of such a login is bound to it.
// https://developer.hashicorp.com/vault/api-docs/auth/cert#login-with-tls-certificate-method
func (s *session) certified(ctx context.Context) (*vaultapi.Client, error) {
	certificate, err := s.secret(ctx, s.key.CertRef)
	if err != nil {
		return nil, err
	}
	key, err := s.secret(ctx, s.key.SecretRef)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		return nil, &Error{Reason: ReasonIdentityRefused, Message: fmt.Sprintf("%s and %s are no certificate and its key, in PEM", describe(s.key.CertRef), describe(s.key.SecretRef))}
	}
	transport, err := newTransport(s.vault.settings, &pair)
	if err != nil {
		return nil, err
	}
	return newClient(s.vault.settings, transport)
}

// jwt is who logs in: what stands in a Secret, a ServiceAccount, or Countersign
// itself.
func (s *session) jwt(ctx context.Context) (string, error) {
	switch {
	case s.key.SecretRef != (api.SecretKey{}):
		return s.secret(ctx, s.key.SecretRef)
	case s.key.Identity == (types.NamespacedName{}):
		return s.ownToken()
	}
	token, err := s.vault.mint(ctx, s.key.Identity, s.vault.settings.Audience)
	if err != nil {
		return "", identityError(s.key.Identity, err)
	}
	return token, nil
}

// secret is a value without the line end that an editor leaves.
func (s *session) secret(ctx context.Context, key api.SecretKey) (string, error) {
	value, err := s.vault.secrets(ctx, key)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(value)), nil
}
