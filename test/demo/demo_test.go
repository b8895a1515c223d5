package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/test/harness"
)

// Point 9: the story holds, and shows what it says. Speed is a matter of "make
// demo", which has the machine to itself.
func TestPoint9DemoStory(t *testing.T) {
	var out bytes.Buffer
	s := newStage(t, &out)
	if err := s.tell(t.Context(), story(time.Minute)); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		"$ kubectl apply -n cool -f cool-secret.yaml\nexternalsecret.kubernetes-client.io/cool-secret created",
		firstValue, secondValue, thirdValue,
		"Vault's audit log has 0 request(s) of this:",
		"VaultUnavailable",
		"polling, the fleet",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the story does not show %q", want)
		}
	}
	if strings.Contains(out.String(), "nobody of cool may see this") {
		t.Error("the story shows a forbidden value")
	}
}

// A step that does not hold ends the story with the reason.
func TestDemoStoryThatDoesNotHold(t *testing.T) {
	s := newStage(t, io.Discard)
	err := s.tell(t.Context(), []step{
		{"fine", func(context.Context, *stage) error { return nil }},
		{"broken", func(ctx context.Context, s *stage) error { return s.shows(ctx, "echo one", "two") }},
		{"never", func(context.Context, *stage) error { panic("told on after a failure") }},
	})
	if err == nil || !strings.HasPrefix(err.Error(), `step 2 (broken) did not hold: "two" is not in the output`) {
		t.Errorf("error %v", err)
	}
	if _, err := s.refused(t.Context(), "true"); err == nil {
		t.Error("a command that succeeds counts as refused")
	}
	if _, err := s.sh(t.Context(), "exit 3"); err == nil {
		t.Error("a command that fails counts as done")
	}
}

// "make play": what it writes can be sourced, and goes away with it.
func TestPoint9Play(t *testing.T) {
	reader, writer := io.Pipe()
	s := newStage(t, io.Discard)
	s.out = writer
	file := filepath.Join(t.TempDir(), "play.env")
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.play(ctx, file) }()
	lines := bufio.NewScanner(reader)
	for lines.Scan() && !strings.Contains(lines.Text(), "Ctrl-C") {
	}
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	command := exec.CommandContext(t.Context(), "sh", "-c", `. "$0" && "$KUBECTL" apply -n cool -f manifests/cool-secret.yaml &&
"$KUBECTL" -n "$COUNTERSIGN_NAMESPACE" get configmaps && test -s "$VAULT_AUDIT_LOG" && echo "$VAULT_ADDR $VAULT_TOKEN"`, file)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	for _, want := range []string{"cool-secret created", "countersign-policy", s.env.Vault.Addr + " " + s.env.Vault.RootToken} {
		if !strings.Contains(string(output), want) {
			t.Errorf("%q is not in %s", want, output)
		}
	}
	interrupt()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("play.env is left behind: %v", err)
	}
}

func newStage(t *testing.T, out io.Writer) *stage {
	t.Helper()
	s, err := setStage(t.Context(), out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.clear)
	return s
}

func TestPolling(t *testing.T) {
	tests := map[string]struct {
		elapsed time.Duration
		want    harness.Counts
	}{
		"before the first poll": {9 * time.Second, harness.Counts{}},
		"one poll":              {10 * time.Second, harness.Counts{Token: 2865, Read: 2865}},
		"a minute":              {65 * time.Second, harness.Counts{Token: 6 * 2865, Read: 6 * 2865}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, polling(tc.elapsed)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPrintTable(t *testing.T) {
	var out bytes.Buffer
	if err := printTable(&out, harness.Counts{Login: 1, Read: 4}, harness.Counts{Token: 2865, Read: 2865}); err != nil {
		t.Fatal(err)
	}
	want := `        requests   Countersign, this demo   polling, the fleet
          logins                        1                    0
   token lookups                        0                 2865
           reads                        4                 2865
          others                        0                    0
             all                        5                 5730
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
