package v1

import (
	"context"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
)

// read is what a reference means: a property of what stands in Vault, or all of
// it as JSON.
func (r *RemoteRef) read(ctx context.Context, from source, at *field.Path) ([]byte, error) {
	object, err := r.object(ctx, from, at)
	if err != nil {
		return nil, err
	}
	document, err := json.Marshal(object)
	if err != nil || r.Property == "" {
		return document, err
	}
	// A field of this very name goes before an expression.
	if value, ok := object[r.Property]; ok {
		return textOf(value)
	}
	text, found, err := evaluate(document, r.Property)
	if err == nil && !found {
		err = fmt.Errorf("no such field in %q", r.Key)
	}
	if err != nil {
		return nil, wrong(field.Invalid(at.Child("property"), r.Property, err.Error()))
	}
	return text, nil
}

// object is the secret at a reference's key, or its metadata.
func (r *RemoteRef) object(ctx context.Context, from source, at *field.Path) (map[string]any, error) {
	if r.MetadataPolicy == "Fetch" {
		path, err := from.engine.metadata(r.Key)
		if err != nil {
			return nil, wrong(field.Invalid(at.Child("key"), r.Key, err.Error()))
		}
		return from.metadata(ctx, path, at.Child("key"))
	}
	address := api.Address{Path: from.engine.value(r.Key), Version: kvVersion(r.Version)}
	return from.secret(ctx, address, at.Child("key"))
}

// secret is what stands at an address.
// https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version
func (s *source) secret(ctx context.Context, address api.Address, at *field.Path) (map[string]any, error) {
	answer, err := s.door(ctx, address, at)
	if err != nil || s.engine.kv1 {
		return answer, err
	}
	inner, ok := answer["data"]
	if ok && inner == nil {
		return nil, fmt.Errorf("%s: %q: %w", at, address.Path, api.ErrNothing)
	}
	object, ok := inner.(map[string]any)
	if !ok {
		return nil, wrong(field.Invalid(at, address.Path, "not answered by a KV v2 engine; write version: v1 in the store"))
	}
	return object, nil
}

// metadata are those that the engine keeps itself, and the user's own.
// https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-metadata
func (s *source) metadata(ctx context.Context, path string, at *field.Path) (map[string]any, error) {
	answer, err := s.door(ctx, api.Address{Path: path}, at)
	if err != nil {
		return nil, err
	}
	found := map[string]any{}
	for _, name := range []string{"created_time", "current_version", "delete_version_after"} {
		if value := answer[name]; value != nil {
			found[name] = fmt.Sprint(value)
		}
	}
	custom, _ := answer["custom_metadata"].(map[string]any)
	for name, value := range custom {
		found[name] = fmt.Sprint(value)
	}
	return found, nil
}
