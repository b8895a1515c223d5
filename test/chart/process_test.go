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

	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
)

// serveFlags are the flags of "countersign serve".
func serveFlags() *flag.FlagSet {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	for _, name := range []string{
		"config", "namespace", "webhook-host", "cert-mode", "cert-dir", "cert-secret", "service-name", "cert-extra-dns",
		"webhook-configuration", "last-good", "metrics-bind-address", "health-probe-bind-address", "log-level",
	} {
		flags.String(name, "", "")
	}
	flags.Int("webhook-port", 0, "")
	flags.Bool("leader-elect", false, "")
	return flags
}

// TestArguments: every flag exists, and names what is rendered beside it.
func TestArguments(t *testing.T) {
	forEachCase(t, func(t *testing.T, _ string, all objects) {
		pod := named[appsv1.Deployment](t, all, "Deployment", "countersign").Spec.Template.Spec
		args := pod.Containers[0].Args
		if len(args) == 0 || args[0] != "serve" {
			t.Fatalf("arguments are %q", args)
		}
		flags := serveFlags()
		if err := flags.Parse(args[1:]); err != nil || flags.NArg() > 0 {
			t.Fatalf("arguments do not parse: %v, left over %q", err, flags.Args())
		}
		value := func(name string) string { return flags.Lookup(name).Value.String() }
		named[corev1.Service](t, all, "Service", value("service-name"))
		for _, kind := range []string{"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"} {
			named[map[string]any](t, all, kind, value("webhook-configuration"))
		}
		named[corev1.ConfigMap](t, all, "ConfigMap", value("last-good"))
		if value("cert-mode") == "self" {
			named[corev1.Secret](t, all, "Secret", value("cert-secret"))
		}
		mounted(t, pod, path.Dir(value("config")))
		mounted(t, pod, value("cert-dir"))
	})
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
		pod := named[appsv1.Deployment](t, all, "Deployment", "countersign").Spec.Template.Spec
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
