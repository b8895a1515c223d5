package main

import (
	"slices"

	jwtauth "github.com/hashicorp/vault-plugin-auth-jwt"
	kubeauth "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/credential/cert"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
)

func secretEngines() map[string]logical.Factory {
	return map[string]logical.Factory{"kv": kv.Factory}
}

func authMethods() map[string]logical.Factory {
	return map[string]logical.Factory{
		"approle": approle.Factory, "cert": cert.Factory, "jwt": jwtauth.Factory, "kubernetes": kubeauth.Factory,
	}
}

// registry tells the core which plugins are built in. Without one, the first
// mount panics.
type registry struct{}

func factories(kind consts.PluginType) map[string]logical.Factory {
	switch kind {
	case consts.PluginTypeSecrets:
		return secretEngines()
	case consts.PluginTypeCredential:
		return authMethods()
	default:
		return nil
	}
}

func (registry) Contains(name string, kind consts.PluginType) bool {
	return factories(kind)[name] != nil
}

func (registry) Get(name string, kind consts.PluginType) (func() (any, error), bool) {
	factory, ok := factories(kind)[name]
	return func() (any, error) { return factory, nil }, ok
}

func (registry) Keys(kind consts.PluginType) []string {
	var names []string
	for name := range factories(kind) {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (r registry) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, r.Contains(name, kind)
}

func (registry) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
