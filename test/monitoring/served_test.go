package monitoring

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/countersign/countersign/test/harness"
)

const (
	tenant = "team-a"
	role   = "kubernetes-external-secrets"
)

// TestQueriesFindWhatIsServed: after an hour in which everything has happened
// once, each query of the dashboard finds something, and so does each part of
// each alert. A label or a name that nobody serves finds nothing.
func TestQueriesFindWhatIsServed(t *testing.T) {
	c := newCluster(t)
	process := c.start()
	c.scrape(0, process)
	c.apply("app", "kubernetes/data/"+tenant+"/app", true)
	c.awaitReason("app", "Synced")
	c.apply("missing", "kubernetes/data/"+tenant+"/missing", true)
	c.awaitReason("missing", "VaultNotFound")
	c.apply("foreign", "kubernetes/data/team-b/app", false)
	c.violate(t, process)
	c.scrape(time.Hour, process)
	if err := process.Stop(); err != nil {
		t.Fatal(err)
	}
	c.apply("unjudged", "kubernetes/data/"+tenant+"/app", false)
	c.scrape(time.Hour+2*time.Minute, nil)

	at := time.Unix(0, 0).Add(time.Hour + 4*time.Minute)
	for title, queries := range panels(t) {
		for _, query := range queries {
			query = strings.NewReplacer("$namespace", releaseNamespace, "$__rate_interval", "70m").Replace(query)
			if len(ask(t, c.storage, query, at)) == 0 {
				t.Errorf("panel %q: nothing is found by %s", title, query)
			}
		}
	}
	for name, query := range alerts(t) {
		for _, selector := range selectors(t, query) {
			if len(ask(t, c.storage, selector, at)) == 0 {
				t.Errorf("alert %s: nothing is found by %s", name, selector)
			}
		}
	}
}

// selectors are the series that a query is about.
func selectors(t *testing.T, query string) []string {
	t.Helper()
	var found []string
	parser.Inspect(parse(t, query), func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			plain := &parser.VectorSelector{Name: selector.Name, LabelMatchers: selector.LabelMatchers}
			found = append(found, plain.String())
		}
		return nil
	})
	return found
}

// cluster has the release installed, and a Prometheus for it.
type cluster struct {
	t       *testing.T
	env     *harness.Env
	release harness.Release
	storage *teststorage.TestStorage
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	env := harness.ForTest(t, harness.Options{})
	c := &cluster{t: t, env: env, storage: teststorage.New(t), release: harness.Release{Name: "countersign", Namespace: releaseNamespace, Values: map[string]any{
		"vault":    map[string]any{"address": env.Vault.Addr},
		"dialects": []any{"kes", "eso"},
		"policy": map[string]any{
			"mounts": map[string]any{"kubernetes": map[string]any{"kv": 2}},
			"allow": []any{map[string]any{
				"name": "own-tree", "namespaces": map[string]any{"names": []any{tenant}},
				"paths": []any{"kubernetes/data/{namespace}/*"}, "roles": []any{role},
			}},
		},
	}}}
	ctx := t.Context()
	err := errors.Join(
		env.Vault.EnableKubernetesAuth(ctx, "kubernetes"),
		env.Vault.MountKV(ctx, "kubernetes", 2),
		env.Vault.WritePolicy(ctx, "reader", `path "kubernetes/data/*" { capabilities = ["read"] }`),
		env.Vault.WriteRole(ctx, "kubernetes", harness.Role{
			Name: role, ServiceAccounts: []string{"countersign"}, Namespaces: []string{releaseNamespace},
			Policies: []string{"reader"}, Audience: "vault", TTL: time.Hour,
		}),
		env.Vault.PutKV(ctx, "kubernetes", tenant+"/app", map[string]any{"a": "1"}),
		env.InstallChart(ctx, c.release),
	)
	if err != nil {
		t.Fatal(err)
	}
	c.kubectl("", "create", "namespace", tenant)
	return c
}

func (c *cluster) start() *harness.Process {
	c.t.Helper()
	process, err := c.env.StartCountersign(c.t.Context(), c.release, harness.ProcessOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := process.WaitReady(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	return process
}

func (c *cluster) kubectl(stdin string, args ...string) harness.Output {
	c.t.Helper()
	output, err := c.env.Kubectl(c.t.Context(), stdin, args...)
	if err != nil {
		c.t.Fatal(err)
	}
	return output
}

func (c *cluster) apply(name, path string, admitted bool) {
	c.t.Helper()
	manifest := fmt.Sprintf("apiVersion: kubernetes-client.io/v1\nkind: ExternalSecret\nmetadata: {name: %s, namespace: %s}\n"+
		"spec: {backendType: vault, vaultRole: %s, dataFrom: [%s]}\n", name, tenant, role, path)
	if output := c.kubectl(manifest, "apply", "-f", "-"); (output.ExitCode == 0) != admitted {
		c.t.Fatalf("%s: %s%s", name, output.Stdout, output.Stderr)
	}
}

func (c *cluster) awaitReason(name, reason string) {
	c.t.Helper()
	harness.Await(c.t, time.Minute, func(context.Context) error {
		output := c.kubectl("", "get", "externalsecret", name, "-n", tenant, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].reason}`)
		if output.Stdout != reason {
			return fmt.Errorf("%s is %q, want %q", name, output.Stdout, reason)
		}
		return nil
	})
}

// scrape stores what the apiserver and, where it runs, the process serve, as the
// Prometheus operator would have it: with the labels of the target.
func (c *cluster) scrape(after time.Duration, process *harness.Process) {
	c.t.Helper()
	c.storeTwice(after, labels.FromStrings("job", "apiserver"), c.kubectl("", "get", "--raw", "/metrics").Stdout)
	if process == nil {
		return
	}
	metrics, err := process.Metrics(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	c.storeTwice(after, labels.FromStrings("job", "countersign", "namespace", releaseNamespace, "pod", "countersign-0"), metrics)
}

// storeTwice gives a rate something to be made of, a minute later.
func (c *cluster) storeTwice(after time.Duration, target labels.Labels, metrics string) {
	c.t.Helper()
	c.store(after, target, metrics)
	c.store(after+time.Minute, target, metrics)
}

func (c *cluster) store(after time.Duration, target labels.Labels, metrics string) {
	c.t.Helper()
	appender := c.storage.Appender(c.t.Context())
	reader := textparse.NewPromParser([]byte(metrics), labels.NewSymbolTable(), false)
	for {
		entry, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			c.t.Fatal(err)
		}
		if entry != textparse.EntrySeries {
			continue
		}
		var series labels.Labels
		reader.Labels(&series)
		_, _, value := reader.Series()
		if _, err := appender.Append(0, labelled(series, target), after.Milliseconds(), value); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := appender.Commit(); err != nil {
		c.t.Fatal(err)
	}
}

// labelled adds those of the target, which win: the others are renamed.
func labelled(series, target labels.Labels) labels.Labels {
	builder := labels.NewBuilder(series)
	target.Range(func(label labels.Label) {
		if own := series.Get(label.Name); own != "" {
			builder.Set("exported_"+label.Name, own)
		}
		builder.Set(label.Name, label.Value)
	})
	return builder.Labels()
}
