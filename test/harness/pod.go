package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// tokenLifetime is what the kubelet asks for by default.
const tokenLifetime = time.Hour

// pod is what the kubelet would prepare for the container of a Deployment:
// arguments, environment and volumes, with each mount path replaced by the
// local folder that stands for it.
type pod struct {
	env       *Env
	namespace string
	spec      corev1.PodSpec
	folder    string
	args      []string
	environ   []string
	// local replaces mount paths.
	local   *strings.Replacer
	unmount context.CancelFunc
}

func (e *Env) newPod(ctx context.Context, release Release, name string) (*pod, error) {
	deployment, err := e.deployment(ctx, release, name)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(e.folder.path, "pod-")
	if err != nil {
		return nil, err
	}
	// What is mounted stays current for as long as the process lives.
	mounted, unmount := context.WithCancel(klog.NewContext(context.WithoutCancel(ctx), logr.Discard()))
	p := &pod{
		env: e, namespace: release.Namespace, spec: deployment.Spec.Template.Spec, folder: folder, unmount: unmount,
	}
	if err := p.prepare(mounted); err != nil {
		unmount()
		return nil, err
	}
	return p, nil
}

// deployment of the release: the one of that name, or the only one.
func (e *Env) deployment(ctx context.Context, release Release, name string) (*appsv1.Deployment, error) {
	found := &appsv1.DeploymentList{}
	err := e.Client.List(ctx, found, client.InNamespace(release.Namespace),
		client.MatchingLabels{"app.kubernetes.io/instance": release.Name})
	if err != nil {
		return nil, err
	}
	if name != "" {
		found.Items = slices.DeleteFunc(found.Items, func(one appsv1.Deployment) bool { return one.Name != name })
	}
	if len(found.Items) != 1 {
		return nil, fmt.Errorf("%d Deployments %s with app.kubernetes.io/instance=%s: want 1", len(found.Items), name, release.Name)
	}
	return &found.Items[0], nil
}

// serves tells whether the container has a port for webhooks.
func (p *pod) serves() bool {
	return slices.ContainsFunc(p.spec.Containers[0].Ports, func(port corev1.ContainerPort) bool { return port.Name == "webhook" })
}

func (p *pod) prepare(ctx context.Context) error {
	if len(p.spec.Containers) != 1 {
		return fmt.Errorf("%d containers: want 1", len(p.spec.Containers))
	}
	container := p.spec.Containers[0]
	p.local = p.replacer(container.VolumeMounts)
	for _, volume := range p.spec.Volumes {
		if err := p.mount(ctx, volume); err != nil {
			return fmt.Errorf("volume %s: %w", volume.Name, err)
		}
	}
	for _, arg := range container.Args {
		p.args = append(p.args, p.local.Replace(arg))
	}
	if err := p.setEnvironment(container.Env); err != nil {
		return err
	}
	return p.logIn(ctx)
}

func (p *pod) volumeFolder(volume string) string { return p.folder + "/" + volume }

// replacer puts longer mount paths first, since one may lie in another.
func (p *pod) replacer(mounts []corev1.VolumeMount) *strings.Replacer {
	mounts = slices.Clone(mounts)
	slices.SortFunc(mounts, func(a, b corev1.VolumeMount) int { return len(b.MountPath) - len(a.MountPath) })
	pairs := make([]string, 0, 2*len(mounts))
	for _, mount := range mounts {
		pairs = append(pairs, mount.MountPath, p.volumeFolder(mount.Name))
	}
	return strings.NewReplacer(pairs...)
}

func (p *pod) setEnvironment(variables []corev1.EnvVar) error {
	for _, variable := range variables {
		value := variable.Value
		if variable.ValueFrom != nil {
			if variable.ValueFrom.FieldRef == nil || variable.ValueFrom.FieldRef.FieldPath != "metadata.namespace" {
				return fmt.Errorf("env %s: the harness knows fieldRef metadata.namespace only", variable.Name)
			}
			value = p.namespace
		}
		p.environ = append(p.environ, variable.Name+"="+value)
	}
	return nil
}

// logIn stands for the token that a pod finds mounted: the process is the
// chart's ServiceAccount, and nothing more.
func (p *pod) logIn(ctx context.Context) error {
	if p.spec.AutomountServiceAccountToken != nil && !*p.spec.AutomountServiceAccountToken {
		return errors.New("automountServiceAccountToken is false: the process could not log in")
	}
	folder := p.volumeFolder("kube-api-access")
	if err := p.mountTokens(ctx, folder, []tokenFile{{path: "token", lifetime: tokenLifetime}}); err != nil {
		return err
	}
	config := &rest.Config{
		Host: p.env.Config.Host, BearerTokenFile: folder + "/token",
		TLSClientConfig: rest.TLSClientConfig{CAData: p.env.Config.CAData},
	}
	kubeconfig := p.folder + "/kubeconfig"
	p.environ = append(p.environ, "KUBECONFIG="+kubeconfig)
	return WriteKubeconfig(config, kubeconfig)
}
