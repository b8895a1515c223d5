package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
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
		"a rate":             {[]string{"--kube-api-qps=50"}, ""},
		"no rate at all":     {[]string{"--kube-api-qps=0"}, "--kube-api-qps 0: want a rate, or -1 for none"},
		"log level":          {[]string{"--log-level=loud"}, `--log-level "loud": want error, info, debug or trace`},
		"certificate mode":   {[]string{"--cert-mode=none"}, `--cert-mode "none": want self or files`},
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

// With namespaces to watch, the caches hold those only, and our certificate.
func TestCacheOptions(t *testing.T) {
	all := cacheOptions("countersign-system", nil)
	if all.DefaultNamespaces != nil {
		t.Errorf("limited to %v without being told so", all.DefaultNamespaces)
	}
	some := cacheOptions("countersign-system", []string{"team-a", "team-b"})
	if diff := cmp.Diff("team-a team-b", names(some.DefaultNamespaces)); diff != "" {
		t.Error(diff)
	}
	for object, one := range some.ByObject {
		if object.GetObjectKind().GroupVersionKind().Kind == "Secret" {
			if diff := cmp.Diff("countersign-system team-a team-b", names(one.Namespaces)); diff != "" {
				t.Error(diff)
			}
			return
		}
	}
	t.Error("Secrets are not limited")
}

func names[T any](of map[string]T) string {
	return strings.Join(slices.Sorted(maps.Keys(of)), " ")
}
