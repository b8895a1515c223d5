package harness

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// helmOwner is the field manager that helm applies with.
const helmOwner = "helm"

// Release is an install of the chart.
type Release struct {
	Name, Namespace string
	Values          map[string]any
	// Chart is its folder, relative to the module; empty: charts/countersign.
	Chart string
}

func (r Release) key() string { return r.Namespace + "/" + r.Name }

// InstallChart renders the chart and applies all that it renders, as helm
// would; calling it again upgrades, but deletes nothing. The webhooks' Service
// becomes the URL of the process that StartCountersign will start.
func (e *Env) InstallChart(ctx context.Context, release Release) error {
	rendered, err := e.RenderChart(ctx, release)
	if err != nil {
		return err
	}
	service, err := e.service(release)
	if err != nil {
		return err
	}
	if err := e.createNamespace(ctx, release.Namespace); err != nil {
		return err
	}
	for _, object := range rendered {
		if err := toURL(object, service.port); err != nil {
			return err
		}
		if err := e.apply(ctx, object); err != nil {
			return fmt.Errorf("apply %s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
	return nil
}

// RenderChart returns the objects in helm's order of installing them.
func (e *Env) RenderChart(ctx context.Context, release Release) ([]*unstructured.Unstructured, error) {
	values, err := yaml.Marshal(release.Values)
	if err != nil {
		return nil, err
	}
	chart := release.Chart
	if chart == "" {
		chart = filepath.Join("charts", "countersign")
	}
	command := exec.CommandContext(ctx, e.binaries.helm, "template", release.Name, filepath.Join(e.binaries.root, chart),
		"--namespace="+release.Namespace, "--include-crds", "--values=-")
	command.Env = []string{"HOME=" + e.folder.path}
	command.Stdin = bytes.NewReader(values)
	output, err := capture(command)
	if err != nil {
		return nil, err
	}
	if output.ExitCode != 0 {
		return nil, fmt.Errorf("helm template: %s", output.Stderr)
	}
	return decodeObjects(output.Stdout)
}

func decodeObjects(manifests string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader([]byte(manifests))))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(document, &object.Object); err != nil {
			return nil, fmt.Errorf("rendered manifest: %w", err)
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

func (e *Env) createNamespace(ctx context.Context, name string) error {
	err := e.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// apply returns when the apiserver also knows the kind that a CRD defines.
func (e *Env) apply(ctx context.Context, object *unstructured.Unstructured) error {
	isCRD := object.GetKind() == "CustomResourceDefinition"
	err := e.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(helmOwner), client.ForceOwnership)
	if err != nil || !isCRD {
		return err
	}
	return Eventually(ctx, readyInterval, time.Minute, func(ctx context.Context) error {
		return e.established(ctx, object.GetName())
	})
}

func (e *Env) established(ctx context.Context, name string) error {
	definition := &apiextensionsv1.CustomResourceDefinition{}
	if err := e.Client.Get(ctx, client.ObjectKey{Name: name}, definition); err != nil {
		return err
	}
	for _, condition := range definition.Status.Conditions {
		if condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue {
			return nil
		}
	}
	return fmt.Errorf("%s is not Established", name)
}
