package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/harness"
)

// The fleet of the seed text.
const (
	fleetNamespaces = 573
	fleetValues     = 5
)

// polling is what kubernetes-external-secrets sends for the fleet in a time:
// it looks its token up before it reads each value, at each poll.
func polling(elapsed time.Duration) harness.Counts {
	polls := int(elapsed / pollPeriod)
	values := fleetNamespaces * fleetValues * polls
	return harness.Counts{Token: values, Read: values}
}

// summary prints the requests that Vault saw beside those of polling.
func (s *stage) summary(elapsed time.Duration) error {
	entries, err := s.env.Vault.Audit()
	if err != nil {
		return err
	}
	s.sayf("\n=== Requests that Vault saw in these %s", elapsed.Round(time.Second))
	s.sayf("Beside it: the fleet of the seed text (%d namespaces x %d values), polled every %s.\n", fleetNamespaces, fleetValues, pollPeriod)
	if err := printTable(s.out, harness.CountRequests(entries), polling(elapsed)); err != nil {
		return err
	}
	s.sayf("\nCountersign would read that fleet with %d requests (1 login, %d reads), once, and then send none until something changes.",
		fleetNamespaces+1, fleetNamespaces)
	return nil
}

func printTable(out io.Writer, seen, polled harness.Counts) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	rows := []struct {
		kind         string
		seen, polled int
	}{
		{"logins", seen.Login, polled.Login},
		{"token lookups", seen.Token, polled.Token},
		{"reads", seen.Read, polled.Read},
		{"others", seen.Other, polled.Other},
		{"all", seen.Total(), polled.Total()},
	}
	_, _ = fmt.Fprint(table, "requests\tCountersign, this demo\tpolling, the fleet\t\n")
	for _, row := range rows {
		_, _ = fmt.Fprintf(table, "%s\t%d\t%d\t\n", row.kind, row.seen, row.polled)
	}
	return table.Flush()
}

// value is what the Secret of the seed text holds.
func (s *stage) value(ctx context.Context) (string, error) {
	secret := &corev1.Secret{}
	err := s.env.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "cool-secret"}, secret)
	return string(secret.Data["test"]), err
}
