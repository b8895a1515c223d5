package harness

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func (p *pod) mount(ctx context.Context, volume corev1.Volume) error {
	folder := p.volumeFolder(volume.Name)
	switch {
	case volume.ConfigMap != nil:
		return p.mountConfigMap(ctx, folder, volume.ConfigMap)
	case volume.Secret != nil:
		return p.mountSecret(ctx, folder, volume.Secret)
	case volume.Projected != nil:
		return p.mountProjected(ctx, folder, volume.Projected)
	case volume.EmptyDir != nil:
		return writeAtomically(folder, nil)
	default:
		return errors.New("the harness mounts configMap, secret, projected tokens and emptyDir only")
	}
}

// mountConfigMap writes the content as it is now, with mount paths replaced,
// and again whenever it changes.
func (p *pod) mountConfigMap(ctx context.Context, folder string, source *corev1.ConfigMapVolumeSource) error {
	configMap := &corev1.ConfigMap{}
	if err := p.env.Client.Get(ctx, client.ObjectKey{Namespace: p.namespace, Name: source.Name}, configMap); err != nil {
		return err
	}
	files := func(configMap *corev1.ConfigMap) map[string][]byte {
		content := map[string][]byte{}
		for key, value := range configMap.Data {
			content[key] = []byte(p.local.Replace(value))
		}
		return selected(content, source.Items)
	}
	if err := writeAtomically(folder, files(configMap)); err != nil {
		return err
	}
	return follow(ctx, p, "configmaps", source.Name, &corev1.ConfigMap{}, func(configMap *corev1.ConfigMap) {
		// The folder goes away with the Env, perhaps at this moment.
		_ = writeAtomically(folder, files(configMap))
	})
}

// selected are the files that items name, or all.
func selected(files map[string][]byte, items []corev1.KeyToPath) map[string][]byte {
	if len(items) == 0 {
		return files
	}
	chosen := map[string][]byte{}
	for _, item := range items {
		if content, ok := files[item.Key]; ok {
			chosen[item.Path] = content
		}
	}
	return chosen
}

// mountSecret writes the content as it is now, and again whenever it changes.
func (p *pod) mountSecret(ctx context.Context, folder string, source *corev1.SecretVolumeSource) error {
	secret := &corev1.Secret{}
	err := p.env.Client.Get(ctx, client.ObjectKey{Namespace: p.namespace, Name: source.SecretName}, secret)
	optional := source.Optional != nil && *source.Optional
	if err != nil && (!optional || !apierrors.IsNotFound(err)) {
		return err
	}
	if err := writeAtomically(folder, selected(secret.Data, source.Items)); err != nil {
		return err
	}
	return follow(ctx, p, "secrets", source.SecretName, &corev1.Secret{}, func(secret *corev1.Secret) {
		// The folder goes away with the Env, perhaps at this moment.
		_ = writeAtomically(folder, selected(secret.Data, source.Items))
	})
}

// follow watches one object of the pod's namespace for as long as the pod is.
func follow[T runtime.Object](ctx context.Context, p *pod, resource, name string, kind T, changed func(T)) error {
	clientset, err := kubernetes.NewForConfig(p.env.Config)
	if err != nil {
		return err
	}
	handle := func(object any) {
		if typed, ok := object.(T); ok {
			changed(typed)
		}
	}
	only := fields.OneTermEqualSelector(metav1.ObjectNameField, name)
	_, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: cache.NewListWatchFromClient(clientset.CoreV1().RESTClient(), resource, p.namespace, only),
		ObjectType:    kind,
		Handler:       cache.ResourceEventHandlerFuncs{AddFunc: handle, UpdateFunc: func(_, object any) { handle(object) }},
	})
	go informer.RunWithContext(ctx)
	return nil
}

func (p *pod) mountProjected(ctx context.Context, folder string, source *corev1.ProjectedVolumeSource) error {
	var tokens []tokenFile
	for _, projection := range source.Sources {
		token := projection.ServiceAccountToken
		if token == nil {
			return errors.New("the harness projects serviceAccountToken only")
		}
		lifetime := tokenLifetime
		if token.ExpirationSeconds != nil {
			lifetime = time.Duration(*token.ExpirationSeconds) * time.Second
		}
		tokens = append(tokens, tokenFile{path: token.Path, audience: token.Audience, lifetime: lifetime})
	}
	return p.mountTokens(ctx, folder, tokens)
}

// tokenFile is a file with a token of the pod's ServiceAccount.
type tokenFile struct {
	path, audience string
	lifetime       time.Duration
}

// mountTokens writes tokens, and anew when four fifths of a life are over, as
// the kubelet does.
func (p *pod) mountTokens(ctx context.Context, folder string, tokens []tokenFile) error {
	if err := p.writeTokens(ctx, folder, tokens); err != nil {
		return err
	}
	refresh := tokenLifetime
	for _, token := range tokens {
		refresh = min(refresh, token.lifetime*4/5)
	}
	go func() {
		ticker := time.NewTicker(refresh)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				// The tokens there still live; the next tick tries again.
				_ = p.writeTokens(ctx, folder, tokens)
			}
		}
	}()
	return nil
}

func (p *pod) writeTokens(ctx context.Context, folder string, tokens []tokenFile) error {
	files := map[string][]byte{}
	for _, token := range tokens {
		content, err := p.env.Token(ctx, p.namespace, p.spec.ServiceAccountName, token.audience, token.lifetime)
		if err != nil {
			return fmt.Errorf("%s: %w", token.path, err)
		}
		files[token.path] = []byte(content)
	}
	return writeAtomically(folder, files)
}
