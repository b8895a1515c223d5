package violations

import (
	"context"
	"errors"
	"strings"
	"sync"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// kinds reads each kind from a cache of its own, which can end while the others
// go on. Of a kind that has none it knows no object.
type kinds struct {
	scheme   *runtime.Scheme
	newCache func() (cache.Cache, error)

	mu      sync.RWMutex
	running map[schema.GroupVersionKind]*followed
}

type followed struct {
	cache cache.Cache
	stop  context.CancelFunc
}

func newKinds(scheme *runtime.Scheme, newCache func() (cache.Cache, error)) *kinds {
	return &kinds{scheme: scheme, newCache: newCache, running: map[schema.GroupVersionKind]*followed{}}
}

func (k *kinds) has(kind schema.GroupVersionKind) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.running[kind] != nil
}

// start follows a kind; its objects come to the handler, all there are first.
func (k *kinds) start(ctx context.Context, kind schema.GroupVersionKind, handler toolscache.ResourceEventHandler) error {
	made, err := k.scheme.New(kind)
	if err != nil {
		return err
	}
	object, ok := made.(client.Object)
	if !ok {
		return errors.New("no object: " + kind.String())
	}
	objects, err := k.newCache()
	if err != nil {
		return err
	}
	informer, err := objects.GetInformer(ctx, object, cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	if _, err := informer.AddEventHandler(handler); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	go func() { _ = objects.Start(ctx) }()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.running[kind] = &followed{objects, stop}
	return nil
}

func (k *kinds) stop(kind schema.GroupVersionKind) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.running[kind].stop()
	delete(k.running, kind)
}

// of is the cache for a kind, or the error that a cluster without it gives.
func (k *kinds) of(object runtime.Object) (cache.Cache, error) {
	kind, err := apiutil.GVKForObject(object, k.scheme)
	if err != nil {
		return nil, err
	}
	kind.Kind = strings.TrimSuffix(kind.Kind, "List")
	k.mu.RLock()
	defer k.mu.RUnlock()
	one := k.running[kind]
	if one == nil {
		return nil, &apimeta.NoKindMatchError{GroupKind: kind.GroupKind(), SearchedVersions: []string{kind.Version}}
	}
	return one.cache, nil
}

// Get implements client.Reader.
func (k *kinds) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	one, err := k.of(object)
	if err != nil {
		return err
	}
	return one.Get(ctx, key, object, options...)
}

// List implements client.Reader.
func (k *kinds) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	one, err := k.of(list)
	if err != nil {
		return err
	}
	return one.List(ctx, list, options...)
}
