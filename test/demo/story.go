package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/countersign/countersign/test/harness"
)

// The values that the secret has one after the other, and its later commit.
const (
	firstValue  = "a cool value"
	secondValue = "a cooler value"
	thirdValue  = "the coolest value"
	commit      = "d4f0a2db0dde69771e65d66cad3d77227832bd76"
	laterCommit = "5f1c8a9e0b7d4a6390c2be11d7a8e4f6039d2c45"
)

// pollPeriod is that of kubernetes-external-secrets by default.
const pollPeriod = 10 * time.Second

// patience bounds what the story waits for and does not promise.
const patience = time.Minute

const readSecret = `kubectl get secret cool-secret -n cool -o go-template='{{.data.test | base64decode}}{{"\n"}}'`

// step is one chapter; its error is why it did not hold.
type step struct {
	title string
	act   func(context.Context, *stage) error
}

// story is the main job. A change has to arrive within the given time.
func story(within time.Duration) []step {
	return []step{
		{"The manifest of the seed text, word for word", applySeed},
		{"What policy forbids is refused, and never reaches Vault", refuse},
		{"The value changes in Vault: nothing polls, so nothing happens", rest},
		{"A new commit hash brings the new value", func(ctx context.Context, s *stage) error {
			return s.arrives(ctx, fmt.Sprintf("sed s/%s/%s/ cool-secret.yaml | kubectl apply -n cool -f -", commit, laterCommit), secondValue, within)
		}},
		{"So does the resync annotation", func(ctx context.Context, s *stage) error {
			if err := s.putValue(ctx, thirdValue); err != nil {
				return err
			}
			return s.arrives(ctx, "kubectl annotate externalsecret cool-secret -n cool countersign.dev/resync=rotated-1", thirdValue, within)
		}},
		{"Vault goes away: Secrets stay, new ones wait", vaultAway},
		{"Vault comes back: what waited syncs by itself", vaultBack},
	}
}

// tell acts out the steps and ends with the table.
func (s *stage) tell(ctx context.Context, steps []step) error {
	started := time.Now()
	for i, step := range steps {
		s.sayf("\n=== %d. %s", i+1, step.title)
		if err := step.act(ctx, s); err != nil {
			return fmt.Errorf("step %d (%s) did not hold: %w%s", i+1, step.title, err, s.lastWords())
		}
	}
	return s.summary(time.Since(started))
}

// lastWords is the end of Countersign's log, for whoever has to find out why.
func (s *stage) lastWords() string {
	const lines = 20
	if s.process == nil {
		return ""
	}
	logs, err := s.process.Logs()
	if err != nil {
		return ""
	}
	all := strings.Split(strings.TrimSpace(logs), "\n")
	return "\n\nThe end of Countersign's log:\n" + strings.Join(all[max(0, len(all)-lines):], "\n")
}

func applySeed(ctx context.Context, s *stage) error {
	mark, err := s.env.Vault.AuditMark()
	if err != nil {
		return err
	}
	commands := []string{
		"cat cool-secret.yaml",
		"kubectl apply -n cool -f cool-secret.yaml",
		"kubectl wait -n cool --for=condition=Ready externalsecret/cool-secret --timeout=60s",
		"kubectl get externalsecrets -n cool",
	}
	for _, command := range commands {
		if _, err := s.sh(ctx, command); err != nil {
			return err
		}
	}
	if err := s.shows(ctx, readSecret, firstValue); err != nil {
		return err
	}
	annotations := `kubectl get secret cool-secret -n cool -o go-template='{{range $k, $v := .metadata.annotations}}{{$k}}: {{$v}}{{"\n"}}{{end}}'`
	if err := s.shows(ctx, annotations, "commit-hash: "+commit, "ts: 2021-09-25T16:13:32.00Z"); err != nil {
		return err
	}
	return s.vaultSaw(mark, harness.Counts{Login: 1, Read: 1})
}

func refuse(ctx context.Context, s *stage) error {
	mark, err := s.env.Vault.AuditMark()
	if err != nil {
		return err
	}
	refusals := map[string]string{
		"forbidden-path": "allowed here: kubernetes/data/cool/*",
		"forbidden-role": `only with role "kubernetes-external-secrets"`,
		"sneaky-path":    "write the path that Vault is to read",
	}
	for _, name := range []string{"forbidden-path", "forbidden-role", "sneaky-path"} {
		if _, err := s.sh(ctx, "grep -E 'vaultRole|key' "+name+".yaml"); err != nil {
			return err
		}
		told, err := s.refused(ctx, "kubectl apply -n cool -f "+name+".yaml")
		if err != nil {
			return err
		}
		if !strings.Contains(told, refusals[name]) {
			return fmt.Errorf("the refusal does not say %q", refusals[name])
		}
	}
	return s.vaultSaw(mark, harness.Counts{})
}

func rest(ctx context.Context, s *stage) error {
	mark, err := s.env.Vault.AuditMark()
	if err != nil {
		return err
	}
	if err := s.putValue(ctx, secondValue); err != nil {
		return err
	}
	quiet := pollPeriod + 2*time.Second
	s.sayf("(%s pass: a poller would have come by)", quiet)
	select {
	case <-time.After(quiet):
	case <-ctx.Done():
		return ctx.Err()
	}
	return errors.Join(s.shows(ctx, readSecret, firstValue), s.vaultSaw(mark, harness.Counts{}))
}

func vaultAway(ctx context.Context, s *stage) error {
	s.sayf("\n(Vault is stopped)")
	if err := s.env.Vault.Stop(); err != nil {
		return err
	}
	if err := s.shows(ctx, readSecret, thirdValue); err != nil {
		return err
	}
	for _, command := range []string{
		"kubectl apply -n cool -f late-secret.yaml",
		`kubectl wait -n cool --for=jsonpath='{.status.conditions[?(@.type=="Ready")].reason}'=VaultUnavailable externalsecret/late-secret --timeout=60s`,
	} {
		if _, err := s.sh(ctx, command); err != nil {
			return err
		}
	}
	return s.shows(ctx, "kubectl get externalsecrets -n cool", "VaultUnavailable")
}

func vaultBack(ctx context.Context, s *stage) error {
	s.sayf("\n(Vault is started)")
	if err := s.env.Vault.Restart(ctx); err != nil {
		return err
	}
	_, err := s.sh(ctx, "kubectl wait -n cool --for=condition=Ready externalsecret/late-secret --timeout=60s")
	if err != nil {
		return err
	}
	return s.shows(ctx, "kubectl get externalsecrets -n cool", "late-secret")
}

// arrives runs a command and waits for the Secret to hold the value.
func (s *stage) arrives(ctx context.Context, command, want string, within time.Duration) error {
	mark, err := s.env.Vault.AuditMark()
	if err != nil {
		return err
	}
	if _, err := s.sh(ctx, command); err != nil {
		return err
	}
	took, err := s.awaitValue(ctx, want)
	if err != nil {
		return err
	}
	s.sayf("(the Secret had the new value %s after kubectl returned)", max(took, time.Millisecond).Round(time.Millisecond))
	if took > within {
		return fmt.Errorf("that is later than the %s that are promised", within)
	}
	return errors.Join(s.shows(ctx, readSecret, want), s.vaultSaw(mark, harness.Counts{Read: 1}))
}

func (s *stage) awaitValue(ctx context.Context, want string) (time.Duration, error) {
	started := time.Now()
	err := harness.Eventually(ctx, 20*time.Millisecond, patience, func(ctx context.Context) error {
		have, err := s.value(ctx)
		if err == nil && have != want {
			err = fmt.Errorf("the Secret holds %q, want %q", have, want)
		}
		return err
	})
	return time.Since(started), err
}

// putValue changes the secret as its owner would, in Vault.
func (s *stage) putValue(ctx context.Context, value string) error {
	s.sayf("\n(in Vault, kubernetes/cool/secrets becomes test=%q)", value)
	return s.env.Vault.PutKV(ctx, mount, "cool/secrets", map[string]any{"test": value})
}

// shows runs a command whose output has to hold the texts.
func (s *stage) shows(ctx context.Context, command string, want ...string) error {
	printed, err := s.sh(ctx, command)
	if err != nil {
		return err
	}
	for _, text := range want {
		if !strings.Contains(printed, text) {
			return fmt.Errorf("%q is not in the output", text)
		}
	}
	return nil
}

// vaultSaw prints the requests in Vault's audit log since a mark.
func (s *stage) vaultSaw(mark harness.Mark, want harness.Counts) error {
	entries, err := s.env.Vault.Since(mark)
	if err != nil {
		return err
	}
	requests := harness.Requests(entries)
	s.sayf("\nVault's audit log has %d request(s) of this:", len(requests))
	for _, request := range requests {
		s.sayf("  %-6s %-32s role %s, for %s", request.Operation, request.Path, request.Role, request.Object)
	}
	if got := harness.CountRequests(entries); got != want {
		return fmt.Errorf("vault saw %+v, want %+v", got, want)
	}
	return nil
}
