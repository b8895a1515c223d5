package synceso

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"testing"

	"github.com/countersign/countersign/api"
	esov1 "github.com/countersign/countersign/api/eso/v1"
	"github.com/countersign/countersign/test/harness"
)

// What Countersign itself writes to an object passes the floor and is not
// judged at admission: each change of a user's is, once.
func TestOwnWritesAreNotJudged(t *testing.T) {
	n := newTenant(t)
	n.put(n.ns+"/app", map[string]any{"a": "1"})
	n.apply(n.store("vault"))
	changes := []struct {
		what string
		do   func()
	}{
		{"create", func() { n.apply(external("app", "vault", "NS/app", "")) }},
		{"resync", func() { n.annotate("app", api.Resync+"=1") }},
		{"spec", func() { n.apply(external("app", "vault", "NS/app", "refreshPolicy: OnChange")) }},
	}
	remembered := ""
	for _, change := range changes {
		before := n.judged()
		change.do()
		remembered = n.awaitRemembered("app", remembered)
		if got := n.judged() - before; got != 1 {
			t.Errorf("%s: judged %d times", change.what, got)
		}
	}
}

// awaitRemembered waits until another sync of the object is over: its
// annotation is what is written last.
func (n *tenant) awaitRemembered(name, before string) string {
	n.t.Helper()
	now := ""
	harness.Await(n.t, within, func(ctx context.Context) error {
		object := &esov1.ExternalSecret{}
		if err := n.get(ctx, name, object); err != nil {
			return err
		}
		if now = object.Annotations["countersign.dev/state"]; now == before {
			return errors.New("nothing new is remembered")
		}
		return nil
	})
	return now
}

// judged is how often the apiserver has asked for a verdict.
func (n *tenant) judged() int {
	n.t.Helper()
	text, err := n.process.Metrics(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	total := 0
	for _, match := range regexp.MustCompile(`(?m)^controller_runtime_webhook_requests_total\{code="\d+",webhook="/enforce"\} (\d+)$`).FindAllStringSubmatch(text, -1) {
		count, err := strconv.Atoi(match[1])
		if err != nil {
			n.t.Fatal(err)
		}
		total += count
	}
	return total
}
