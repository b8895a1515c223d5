package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

func TestServeOptions(t *testing.T) {
	good := []string{"--config=s.yaml", "--namespace=countersign-system"}
	tests := map[string]struct {
		args []string
		want string
	}{
		"good":               {nil, ""},
		"an interval":        {[]string{"--resync-interval=1h"}, ""},
		"too short interval": {[]string{"--resync-interval=10s"}, "--resync-interval 10s: want 0 or at least 1m0s"},
		"negative interval":  {[]string{"--resync-interval=-1h"}, "--resync-interval -1h0m0s: want 0 or at least 1m0s"},
		"no worker":          {[]string{"--workers=0"}, "--workers 0: want at least 1"},
		"a rate":             {[]string{"--kube-api-qps=50"}, ""},
		"no rate at all":     {[]string{"--kube-api-qps=0"}, "--kube-api-qps 0: want a rate, or -1 for none"},
		"log level":          {[]string{"--log-level=loud"}, `--log-level "loud": want error, info, debug or trace`},
		"certificate mode":   {[]string{"--cert-mode=none"}, `--cert-mode "none": want self or files`},
		"admission only":     {[]string{"--sync=false"}, ""},
		"sync only":          {[]string{"--admission=false"}, ""},
		"neither":            {[]string{"--sync=false", "--admission=false"}, "--sync=false leaves nothing to do here: --admission=false and --once both mean no webhooks"},
		"once, without sync": {[]string{"--sync=false", "--once"}, "--sync=false leaves nothing to do here: --admission=false and --once both mean no webhooks"},
		"nothing":            {[]string{"--config=", "--namespace="}, "--config: name the settings file\n--namespace: name the release namespace, or set POD_NAMESPACE"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			options := &serveOptions{}
			flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
			options.addFlags(flags)
			if err := flags.Parse(append(good, tc.args...)); err != nil {
				t.Fatal(err)
			}
			var got string
			if err := options.validate(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Profiles are off, and on loopback where they are not.
func TestPprofAddress(t *testing.T) {
	for port, want := range map[int]string{0: "", 6060: "127.0.0.1:6060"} {
		if got := (&serveOptions{pprofPort: port}).pprofAddress(); got != want {
			t.Errorf("port %d: %q, want %q", port, got, want)
		}
	}
}

// TestLease: the sync has the same one however the process is split, and where
// every replica does the same there is none to lose.
func TestLease(t *testing.T) {
	for name, tc := range map[string]struct {
		options serveOptions
		leads   bool
		lease   string
	}{
		"both":                             {serveOptions{admission: true, sync: true, certMode: certModeSelf}, true, "countersign"},
		"sync only":                        {serveOptions{sync: true, certMode: certModeSelf}, true, "countersign"},
		"admission that issues":            {serveOptions{admission: true, certMode: certModeSelf}, true, "countersign-admission"},
		"admission with another's":         {serveOptions{admission: true, certMode: certModeFiles}, false, "countersign-admission"},
		"both, with another's certificate": {serveOptions{admission: true, sync: true, certMode: certModeFiles}, true, "countersign"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.options.leaderElect = true
			if tc.options.leads() != tc.leads || tc.options.lease() != tc.lease {
				t.Errorf("leads %v, lease %q", tc.options.leads(), tc.options.lease())
			}
		})
	}
}

// TestCacheOptions: the caches hold what the process has to know, and it needs
// rights to no more.
func TestCacheOptions(t *testing.T) {
	const all, ours = "", "countersign-system=metadata.name=cert"
	for name, tc := range map[string]struct {
		options          serveOptions
		objects, secrets string
	}{
		"both":                   {serveOptions{admission: true, sync: true, certMode: certModeSelf}, all, all},
		"sync only":              {serveOptions{sync: true, certMode: certModeSelf}, all, all},
		"admission only":         {serveOptions{admission: true, certMode: certModeSelf}, all, ours},
		"both, in namespaces":    {serveOptions{admission: true, sync: true, certMode: certModeSelf, watchNamespaces: []string{"a", "b"}}, "a= b=", "a= b= " + ours},
		"sync, in namespaces":    {serveOptions{sync: true, certMode: certModeFiles, watchNamespaces: []string{"a"}}, "a=", "a="},
		"in our own namespace":   {serveOptions{admission: true, sync: true, certMode: certModeSelf, watchNamespaces: []string{"countersign-system"}}, "countersign-system=", "countersign-system="},
		"another's certificates": {serveOptions{admission: true, certMode: certModeFiles, watchNamespaces: []string{"a"}}, "a=", all},
	} {
		t.Run(name, func(t *testing.T) {
			tc.options.namespace, tc.options.certSecret = "countersign-system", "cert"
			got := cacheOptions(&tc.options, dialects().newObjects())
			if diff := cmp.Diff([]string{tc.objects, tc.secrets}, []string{limitsOf(got.DefaultNamespaces), secretsIn(got)}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func secretsIn(options cache.Options) string {
	for object, one := range options.ByObject {
		if object.GetObjectKind().GroupVersionKind().Kind == "Secret" {
			return limitsOf(one.Namespaces)
		}
	}
	return ""
}

// limitsOf are "name=selector".
func limitsOf(all map[string]cache.Config) string {
	var found []string
	for name, one := range all {
		selector := ""
		if one.FieldSelector != nil {
			selector = one.FieldSelector.String()
		}
		found = append(found, name+"="+selector)
	}
	slices.Sort(found)
	return strings.Join(found, " ")
}
