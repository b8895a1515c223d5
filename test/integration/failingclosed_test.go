package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
)

// glassLasts leaves time for one object, even on a busy machine.
const glassLasts = 15 * time.Second

// breakGlass runs what docs/failing-closed.md says, for this tenant and a
// shorter time.
func (n *tenant) breakGlass() {
	n.t.Helper()
	page, err := os.ReadFile("../../docs/failing-closed.md")
	if err != nil {
		n.t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "## Break the glass")
	blocks := regexp.MustCompile("(?ms)^```(?:yaml|sh)\n(.*?)^```").FindAllStringSubmatch(section, 2)
	own := strings.NewReplacer(": 3600", fmt.Sprintf(": %d", glassLasts/time.Second), "[team-a]", "["+n.ns+"]", "team-b/db", "glass/"+n.ns)
	folder := n.t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "break-glass.yaml"), []byte(own.Replace(blocks[0][1])), 0o600); err != nil {
		n.t.Fatal(err)
	}
	command := exec.CommandContext(n.t.Context(), "bash", "-euc", own.Replace(blocks[1][1]))
	command.Dir = folder
	command.Env = append(n.env.KubectlEnv(), "PATH="+filepath.Dir(n.env.KubectlPath())+":"+os.Getenv("PATH"))
	if output, err := command.CombinedOutput(); err != nil {
		n.t.Fatalf("%v: %s", err, output)
	}
}

// The rule that breaks the glass works at once, is told in the object and in
// Vault's audit log, and ends by itself.
func TestBreakGlassEndsByItself(t *testing.T) {
	n := newTenant(t)
	if err := n.env.Vault.PutKV(t.Context(), "kubernetes", "glass/"+n.ns, map[string]any{"a": "1"}); err != nil {
		t.Fatal(err)
	}
	spec := reads("kubernetes/data/glass/NS")
	n.refused("app", spec)
	mark := n.mark()
	n.breakGlass()
	harness.Await(t, within, func(context.Context) error {
		if output := n.kubectl(n.manifest("app", spec), "apply", "-f", "-"); output.ExitCode != 0 {
			return errors.New(output.Stderr)
		}
		return nil
	})
	if object := n.awaitSynced("app"); object.Annotations[api.StampedBy] == "" {
		t.Error("nobody is named as who asked")
	}
	if requests := n.requests(mark); len(requests) == 0 || requests[len(requests)-1].Object != n.ns+"/app" {
		t.Errorf("Vault's audit log does not name the object: %v", requests)
	}

	harness.Await(t, glassLasts+time.Minute, func(context.Context) error { return isAllowed(n.get("app"), false) })
	mark = n.mark()
	n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "countersign.dev/resync=1")
	n.awaitReason("app", "PolicyDenied")
	n.refused("second", spec)
	n.wantRequests(mark, harness.Counts{})
	if got := n.data("app")["a"]; got != "1" {
		t.Errorf("the Secret holds %q", got)
	}
}

// While a namespace is being deleted nothing new is admitted, and Countersign
// does not hold it up.
func TestNamespaceGone(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	spec := reads("kubernetes/data/NS/app")
	n.apply("app", spec)
	n.awaitSynced("app")
	n.do("", "patch", "externalsecret", "app", "-n", n.ns, "--type=merge", "-p", `{"metadata":{"finalizers":["example.com/hold"]}}`)
	n.do("", "delete", "namespace", n.ns, "--wait=false")
	n.await("app", func(object *kesv1.ExternalSecret) error {
		if object.DeletionTimestamp.IsZero() {
			return errors.New("not being deleted yet")
		}
		return nil
	})
	if told := n.refused("second", spec); !strings.Contains(told, "because it is being terminated") {
		t.Errorf("kubectl said %s", told)
	}
	n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "countersign.dev/resync=1")
	n.do("", "patch", "externalsecret", "app", "-n", n.ns, "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
	harness.Await(t, gcWithin, func(ctx context.Context) error {
		err := n.env.Client.Get(ctx, client.ObjectKey{Name: n.ns}, &corev1.Namespace{})
		if !apierrors.IsNotFound(err) {
			return errors.Join(errors.New("the namespace is still there"), err)
		}
		return nil
	})
}

// While the apiserver hangs nothing is asked of Vault, and afterwards the same
// process goes on.
func TestAPIServerHangs(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("app", reads("kubernetes/data/NS/app"))
	n.awaitSynced("app")
	mark := n.mark()
	if err := n.env.PauseAPIServer(); err != nil {
		t.Fatal(err)
	}
	hung := n.kubectl("", "get", "externalsecrets", "-n", n.ns, "--request-timeout=3s")
	if err := n.env.ResumeAPIServer(); err != nil {
		t.Fatal(err)
	}
	if hung.ExitCode == 0 {
		t.Error("the apiserver did not hang")
	}
	n.wantRequests(mark, harness.Counts{})
	n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "countersign.dev/resync=1")
	n.awaitSynced("app")
	n.wantRequests(mark, harness.Counts{Read: 1})
	select {
	case <-n.process.Done():
		t.Error("the process has ended")
	default:
	}
}
