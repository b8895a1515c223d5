package main

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/client-go/discovery"
)

// apiRequests are counts of the apiserver's own, by what is asked of what.
type apiRequests map[string]float64

// countAPIRequests of the kinds that a sync writes. Nobody else asks for these
// in bulk while it is measured.
// https://kubernetes.io/docs/reference/instrumentation/metrics/
func (f *fleet) countAPIRequests(ctx context.Context) (apiRequests, error) {
	client, err := discovery.NewDiscoveryClientForConfig(f.Env.Config)
	if err != nil {
		return nil, err
	}
	text, err := client.RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return nil, err
	}
	return parseAPIRequests(string(text))
}

func parseAPIRequests(text string) (apiRequests, error) {
	counts := apiRequests{}
	label := func(line, name string) string {
		found := regexp.MustCompile(`[{,]` + name + `="([^"]*)"`).FindStringSubmatch(line)
		if found == nil {
			return ""
		}
		return found[1]
	}
	for line := range strings.Lines(text) {
		resource := label(line, "resource")
		if !strings.HasPrefix(line, "apiserver_request_total{") || !slices.Contains([]string{"externalsecrets", "secrets", "events"}, resource) {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' '):]), 64)
		if err != nil {
			return nil, err
		}
		what := label(line, "verb") + " " + resource
		if subresource := label(line, "subresource"); subresource != "" {
			what += "/" + subresource
		}
		counts[what] += value
	}
	return counts, nil
}

func (a apiRequests) since(before apiRequests) apiRequests {
	added := apiRequests{}
	for what, count := range a {
		if count > before[what] {
			added[what] = count - before[what]
		}
	}
	return added
}

func (a apiRequests) total() float64 {
	var sum float64
	for _, count := range a {
		sum += count
	}
	return sum
}

// perObject lists what is asked for each object; what is asked a few times in all
// is left out.
func (a apiRequests) perObject(objects int) string {
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(a)) {
		if each := a[what] / float64(objects); each >= 0.05 {
			parts = append(parts, fmt.Sprintf("%.1f %s", each, what))
		}
	}
	return strings.Join(parts, ", ")
}
