package chart_test

import (
	"flag"
	"io"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"

	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
)

// serveFlags are the flags of "countersign serve".
func serveFlags() *flag.FlagSet {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	for _, name := range []string{
		"config", "namespace", "webhook-host", "cert-mode", "cert-dir", "cert-secret", "service-name", "cert-extra-dns",
		"webhook-configuration", "last-good", "metrics-bind-address", "health-probe-bind-address", "log-level", "watch-namespaces", "controller-id",
	} {
		flags.String(name, "", "")
	}
	flags.Int("webhook-port", 0, "")
	flags.Duration("resync-interval", 0, "")
	flags.Float64("kube-api-qps", 0, "")
	for _, name := range []string{"leader-elect", "admission", "sync"} {
		flags.Bool(name, true, "")
	}
	return flags
}

// arguments of a Deployment's container, by flag.
func arguments(t *testing.T, deployment *appsv1.Deployment) func(flag string) string {
	t.Helper()
	args := deployment.Spec.Template.Spec.Containers[0].Args
	if len(args) == 0 || args[0] != "serve" {
		t.Fatalf("arguments are %q", args)
	}
	flags := serveFlags()
	if err := flags.Parse(args[1:]); err != nil || flags.NArg() > 0 {
		t.Fatalf("arguments do not parse: %v, left over %q", err, flags.Args())
	}
	return func(name string) string { return flags.Lookup(name).Value.String() }
}

// deployments that do a part of the work: "admission" or "sync".
func deployments(t *testing.T, all objects, part string) []*appsv1.Deployment {
	t.Helper()
	var found []*appsv1.Deployment
	for _, one := range all.of("Deployment") {
		deployment := decoded[appsv1.Deployment](t, one)
		if arguments(t, deployment)(part) == "true" {
			found = append(found, deployment)
		}
	}
	return found
}

// deploymentThat does a part of the work is one.
func deploymentThat(t *testing.T, all objects, part string) *appsv1.Deployment {
	t.Helper()
	found := deployments(t, all, part)
	if len(found) != 1 {
		t.Fatalf("%d Deployments do the %s, want 1", len(found), part)
	}
	return found[0]
}

// TestArguments: every flag exists, and names what is rendered beside it.
func TestArguments(t *testing.T) {
	forEachCase(t, func(t *testing.T, _ string, all objects) {
		for _, one := range all.of("Deployment") {
			deployment := decoded[appsv1.Deployment](t, one)
			value := arguments(t, deployment)
			named[corev1.ConfigMap](t, all, "ConfigMap", value("last-good"))
			mounted(t, deployment.Spec.Template.Spec, path.Dir(value("config")))
		}
		admission := deploymentThat(t, all, "admission")
		value := arguments(t, admission)
		named[corev1.Service](t, all, "Service", value("service-name"))
		for _, kind := range []string{"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"} {
			named[map[string]any](t, all, kind, value("webhook-configuration"))
		}
		if value("cert-mode") == "self" {
			named[corev1.Secret](t, all, "Secret", value("cert-secret"))
		}
		mounted(t, admission.Spec.Template.Spec, value("cert-dir"))
	})
}

// TestService: the apiserver reaches the pods that serve webhooks, and no others.
func TestService(t *testing.T) {
	forEachCase(t, func(t *testing.T, _ string, all objects) {
		for _, one := range all.of("Deployment") {
			deployment := decoded[appsv1.Deployment](t, one)
			labels := deployment.Spec.Template.Labels
			for _, other := range all.of("Service") {
				service := decoded[corev1.Service](t, other)
				selected := selects(service.Spec.Selector, labels)
				if want := service.Name == deployment.Name; selected != want {
					t.Errorf("Service %s selects pods of %s: %v", service.Name, deployment.Name, selected)
				}
			}
			for _, other := range all.of("PodDisruptionBudget") {
				budget := decoded[policyv1.PodDisruptionBudget](t, other)
				if selects(budget.Spec.Selector.MatchLabels, labels) != (budget.Name == deployment.Name) {
					t.Errorf("PodDisruptionBudget %s and Deployment %s", budget.Name, deployment.Name)
				}
			}
		}
		service := named[corev1.Service](t, all, "Service", deploymentThat(t, all, "admission").Name)
		if !slices.ContainsFunc(service.Spec.Ports, func(port corev1.ServicePort) bool { return port.Port == 443 }) {
			t.Error("the Service of admission does not listen at 443")
		}
	})
}

func selects(selector, labels map[string]string) bool {
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// TestAdmissionOnly: what the apiserver calls has nothing of Vault.
func TestAdmissionOnly(t *testing.T) {
	for _, name := range []string{"split", "split-namespaced"} {
		all := parse(t, mustRender(t, "--values", cases(t)[name]))
		spec := deploymentThat(t, all, "admission").Spec.Template.Spec
		var volumes []string
		for _, volume := range spec.Volumes {
			volumes = append(volumes, volume.Name)
		}
		if diff := cmp.Diff([]string{"settings", "certs"}, volumes); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if sync := deploymentThat(t, all, "sync").Spec.Template.Spec; sync.ServiceAccountName == spec.ServiceAccountName || sync.HostNetwork {
			t.Errorf("%s: the sync is %s, on the node's network: %v", name, sync.ServiceAccountName, sync.HostNetwork)
		}
	}
}

func mounted(t *testing.T, pod corev1.PodSpec, dir string) corev1.Volume {
	t.Helper()
	for _, mount := range pod.Containers[0].VolumeMounts {
		at := slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name })
		if mount.MountPath == dir && at >= 0 {
			return pod.Volumes[at]
		}
	}
	t.Errorf("nothing is mounted at %s", dir)
	return corev1.Volume{}
}

// TestCertVolume: the CA's key stays out of the pods, and an empty Secret does
// not keep them from starting.
func TestCertVolume(t *testing.T) {
	all := parse(t, mustRender(t, "--values", cases(t)["default"]))
	pod := named[appsv1.Deployment](t, all, "Deployment", "countersign").Spec.Template.Spec
	secret := mounted(t, pod, "/var/run/countersign/certs").Secret
	var keys []string
	for _, item := range secret.Items {
		keys = append(keys, item.Key)
	}
	if diff := cmp.Diff([]string{"tls.crt", "tls.key", "ca.crt"}, keys); diff != "" {
		t.Error(diff)
	}
	if secret.Optional == nil || !*secret.Optional {
		t.Error("the volume is not optional")
	}
}

// TestSettingsAreRead by the process, and name files that are mounted.
func TestSettingsAreRead(t *testing.T) {
	forEachCase(t, func(t *testing.T, _ string, all objects) {
		configMap := named[corev1.ConfigMap](t, all, "ConfigMap", "countersign")
		settings, err := config.ParseSettings([]byte(configMap.Data["settings.yaml"]))
		if err != nil {
			t.Fatal(err)
		}
		pod := deploymentThat(t, all, "sync").Spec.Template.Spec
		for name, vault := range settings.Vaults {
			var tokens []string
			for _, source := range mounted(t, pod, path.Dir(vault.TokenFile)).Projected.Sources {
				tokens = append(tokens, source.ServiceAccountToken.Path)
			}
			if !slices.Contains(tokens, path.Base(vault.TokenFile)) {
				t.Errorf("Vault %s: no token is mounted at %s, only %q", name, vault.TokenFile, tokens)
			}
			if vault.CAFile != "" {
				from := mounted(t, pod, path.Dir(vault.CAFile)).ConfigMap.Name
				bundle := named[corev1.ConfigMap](t, all, "ConfigMap", from).Data[path.Base(vault.CAFile)]
				if !strings.HasPrefix(bundle, "-----BEGIN CERTIFICATE-----") {
					t.Errorf("Vault %s: the CA is %q", name, bundle)
				}
			}
		}
	})
}

// TestPolicyCompiles: without rules as well, so that an install is ready.
func TestPolicyCompiles(t *testing.T) {
	forEachCase(t, func(t *testing.T, _ string, all objects) {
		configMap := named[corev1.ConfigMap](t, all, "ConfigMap", "countersign-policy")
		if configMap.Labels[policy.Label] != "true" {
			t.Errorf("labels are %v", configMap.Labels)
		}
		document, err := policy.Parse(configMap.Name, "policy.yaml", []byte(configMap.Data["policy.yaml"]))
		if err != nil {
			t.Fatal(err)
		}
		settings, err := config.ParseSettings([]byte(named[corev1.ConfigMap](t, all, "ConfigMap", "countersign").Data["settings.yaml"]))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := policy.Compile([]*policy.Document{document}, settings.PolicySettings()); err != nil {
			t.Fatal(err)
		}
	})
}
