package controller

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
)

// NewDataReader reads what templates name past the cache: that holds no data.
func NewDataReader(live client.Reader) func(context.Context, api.DataRef) (map[string][]byte, error) {
	return func(ctx context.Context, ref api.DataRef) (map[string][]byte, error) {
		key := client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}
		if ref.ConfigMap {
			return readConfigMap(ctx, live, key)
		}
		return readSecret(ctx, live, key)
	}
}

func readSecret(ctx context.Context, live client.Reader, key client.ObjectKey) (map[string][]byte, error) {
	secret := &corev1.Secret{}
	if err := live.Get(ctx, key, secret); err != nil {
		return nil, dataError("Secret", key, err)
	}
	return secret.Data, nil
}

func readConfigMap(ctx context.Context, live client.Reader, key client.ObjectKey) (map[string][]byte, error) {
	configMap := &corev1.ConfigMap{}
	if err := live.Get(ctx, key, configMap); err != nil {
		return nil, dataError("ConfigMap", key, err)
	}
	data := map[string][]byte{}
	for name, text := range configMap.Data {
		data[name] = []byte(text)
	}
	maps.Copy(data, configMap.BinaryData)
	return data, nil
}

func dataError(kind string, key client.ObjectKey, err error) error {
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("%s %s: %w", kind, key.Name, api.ErrNothing)
	}
	return fmt.Errorf("%s %s: %w", kind, key.Name, err)
}
