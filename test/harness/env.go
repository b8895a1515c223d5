package harness

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// Options of an Env.
type Options struct {
	// Scheme adds to the types that Env.Client knows: those of Kubernetes
	// itself and CustomResourceDefinitions.
	Scheme []func(*runtime.Scheme) error
}

func (o Options) scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	adders := append([]func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme}, o.Scheme...)
	for _, add := range adders {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("scheme: %w", err)
		}
	}
	return scheme, nil
}

// Env is a running control plane and its Vault.
type Env struct {
	// Config is that of a member of system:masters, without client-side
	// throttling; Kubeconfig is a file that says the same.
	Config     *rest.Config
	Kubeconfig string
	// Client reads and writes with Config, past any cache.
	Client client.WithWatch
	Vault  *Vault

	apiserver *child
	binaries  binaries
	folder    *folder
	ports     *ports
	stop      func() error

	mutex    sync.Mutex
	children []*child
	services map[string]*service
}

// Start returns an Env in which the apiserver, the controllers and Vault are
// ready. It lives until Stop or until ctx ends.
func Start(ctx context.Context, options Options) (*Env, error) {
	env, err := newEnv()
	if err != nil {
		return nil, err
	}
	if err := env.start(ctx, options); err != nil {
		return nil, errors.Join(err, env.Stop())
	}
	context.AfterFunc(ctx, func() { _ = env.Stop() })
	return env, nil
}

// newEnv has a folder, and nothing runs yet.
func newEnv() (*Env, error) {
	// The libraries' logs would be noise between those of a test or a demo.
	log.SetLogger(logr.Discard())
	found, err := findBinaries()
	if err != nil {
		return nil, err
	}
	folder, err := newFolder()
	if err != nil {
		return nil, err
	}
	env := &Env{binaries: found, folder: folder, ports: &ports{}, services: map[string]*service{}}
	env.stop = sync.OnceValue(env.end)
	return env, nil
}

// Stop ends all processes, deletes the folder and frees the ports. It may be
// called more than once.
func (e *Env) Stop() error { return e.stop() }

func (e *Env) start(ctx context.Context, options Options) error {
	scheme, err := options.scheme()
	if err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return e.startControlPlane(groupCtx, scheme) })
	group.Go(func() error { return e.startVault(groupCtx) })
	return group.Wait()
}

// end kills, since nothing that was written is read again.
func (e *Env) end() error {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	for _, child := range e.children {
		child.kill()
	}
	e.children = nil
	for _, service := range e.services {
		_ = service.listener.Close()
	}
	return errors.Join(e.folder.remove(), e.ports.release())
}

// run starts a child that ends with the Env.
func (e *Env) run(spec childSpec) (*child, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if spec.log == "" {
		spec.log = e.folder.join(spec.name + ".log")
	}
	spec.env = append([]string{"HOME=" + e.folder.path, "TMPDIR=" + e.folder.path}, spec.env...)
	child, err := startChild(spec)
	if err != nil {
		return nil, err
	}
	e.children = append(e.children, child)
	return child, nil
}
