package main

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/countersign/countersign/test/esocrds"
	"github.com/countersign/countersign/test/harness"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/bench/report"
	"github.com/countersign/countersign/test/bench/stage"
)

const (
	// Names of the peer's contenders.
	peerDefault = "External Secrets Operator, defaults"
	peerTuned   = "External Secrets Operator, tuned"

	peerModule = "github.com/external-secrets/external-secrets"
	storeName  = "vault"
)

// peersOf a binary of External Secrets Operator; none without one.
func peersOf(binary string, environment *report.Environment) ([]contender, error) {
	if binary == "" {
		environment.Notef("External Secrets Operator was not measured: ESO_BIN names no binary")
		return nil, nil
	}
	version, err := peerVersion(binary)
	if err != nil {
		return nil, err
	}
	environment.Version("External Secrets Operator", version)
	tuned, err := tunedArgs(binary)
	if err != nil {
		return nil, err
	}
	environment.Notef("External Secrets Operator, tuned: `%s`", strings.Join(tuned, " "))
	if err := stage.ReadAnew(binary); err != nil {
		return nil, err
	}
	return []contender{peer(binary, peerDefault), peer(binary, peerTuned, tuned...)}, nil
}

// peerVersion is what the go command wrote into the binary: the commit where it
// was built from a checkout, whose tags of a second major version say nothing to it.
func peerVersion(binary string) (string, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return "", err
	}
	for _, setting := range info.Settings {
		if info.Main.Path == peerModule && setting.Key == "vcs.revision" {
			return fmt.Sprintf("commit %.12s", setting.Value), nil
		}
	}
	for _, module := range append(info.Deps, &info.Main) {
		if module.Path == peerModule {
			return module.Version, nil
		}
	}
	return "", fmt.Errorf("ESO_BIN: not built from %s", peerModule)
}

// tunedArgs: the flag of the token cache has left the experiments since.
func tunedArgs(binary string) ([]string, error) {
	help, err := exec.Command(binary, "--help").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("ESO_BIN: %w: %s", err, help)
	}
	cache := "--enable-vault-token-cache"
	if !strings.Contains(string(help), cache+" ") {
		cache = "--experimental-enable-vault-token-cache"
	}
	return []string{"--concurrent=10", cache, "--client-qps=1000", "--client-burst=1000"}, nil
}

func peerKind(kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "external-secrets.io", Version: "v1", Kind: kind}
}

func peer(binary, name string, args ...string) contender {
	return contender{
		name: name, peer: true, kind: peerKind("ExternalSecret"), object: peerObject, prepare: preparePeer, args: args,
		start: func(_ context.Context, s *stage.Stage) (process, error) {
			return s.Env.StartProgram("external-secrets", binary, append([]string{"--metrics-addr=0", "--loglevel=error"}, args...)...)
		},
	}
}

// preparePeer gives it its CRDs, its ServiceAccount and one store for all.
func preparePeer(ctx context.Context, s *stage.Stage) error {
	if err := installPeerCRDs(ctx, s.Env); err != nil {
		return err
	}
	meta := metav1.ObjectMeta{Namespace: stage.PeerNamespace, Name: stage.PeerAccount}
	return errors.Join(
		s.Env.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: stage.PeerNamespace}}),
		s.Env.Client.Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta}),
		s.Env.Client.Create(ctx, store(s.Env.Vault.Addr)),
	)
}

func installPeerCRDs(ctx context.Context, env *harness.Env) error {
	folder, err := esocrds.Folder(ctx)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(folder, "*external-secrets.io_*.yaml"))
	if err != nil {
		return err
	}
	var named []string
	for _, file := range files {
		named = append(named, "-f", file)
	}
	if err := kubectl(ctx, env, append([]string{"apply", "--server-side"}, named...)...); err != nil {
		return err
	}
	return harness.Eventually(ctx, 100*time.Millisecond, time.Minute, func(ctx context.Context) error {
		return kubectl(ctx, env, append([]string{"wait", "--for=condition=Established", "--timeout=30s"}, named...)...)
	})
}

func kubectl(ctx context.Context, env *harness.Env, args ...string) error {
	output, err := env.Kubectl(ctx, "", args...)
	if err == nil && output.ExitCode != 0 {
		err = errors.New(output.Stderr)
	}
	return err
}

func store(vault string) client.Object {
	object := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"provider": map[string]any{"vault": map[string]any{
		"server": vault, "path": stage.Mount, "version": "v2",
		"auth": map[string]any{"kubernetes": map[string]any{
			"mountPath": stage.Mount, "role": stage.Role,
			"serviceAccountRef": map[string]any{"name": stage.PeerAccount, "namespace": stage.PeerNamespace, "audiences": []any{"vault"}},
		}},
	}}}}}
	object.SetGroupVersionKind(peerKind("ClusterSecretStore"))
	object.SetName(storeName)
	return object
}

// peerObject asks for the same five values. Its next refresh is far away.
func peerObject(key client.ObjectKey, path string) client.Object {
	var data []any
	for _, name := range stage.Keys() {
		data = append(data, map[string]any{"secretKey": name, "remoteRef": map[string]any{"key": path, "property": name}})
	}
	object := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"refreshInterval": "24h", "data": data,
		"secretStoreRef": map[string]any{"kind": "ClusterSecretStore", "name": storeName},
	}}}
	object.SetGroupVersionKind(peerKind("ExternalSecret"))
	object.SetNamespace(key.Namespace)
	object.SetName(key.Name)
	return object
}
