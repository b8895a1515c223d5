package resilience

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/harness"
)

const (
	vaultUnavailable = "VaultUnavailable"
	// faultRate and faultBurst are the budget of the fault tests.
	faultRate, faultBurst = 20.0, 5
	// probes that a fault is given before it ends.
	probes = 2
)

// faultCase is one way for Vault to be away.
type faultCase struct {
	begin, end func(t *testing.T)
	// reason and message of what waits, in the end.
	reason, message string
	// perProbe is how many requests may come of one attempt.
	perProbe int
	// apart is how long Vault asked not to be asked.
	apart time.Duration
}

func misbehaving(f fault, message string) faultCase {
	return faultCase{
		begin:  func(*testing.T) { shared.proxy.misbehave(f) },
		end:    func(*testing.T) { shared.proxy.misbehave(nil) },
		reason: vaultUnavailable, message: message, perProbe: 1,
	}
}

// away is what is told of a Vault that only probes go to.
const away = "Vault is away; waiting until it answers again"

func faultCases() map[string]faultCase {
	refused := misbehaving(nil, `Vault cannot be reached: connection refused`)
	refused.begin = func(*testing.T) { shared.proxy.refuse() }
	refused.end = func(t *testing.T) { t.Helper(); shared.proxy.listen(t) }
	throttled := misbehaving(answers(http.StatusTooManyRequests, "rate limit quota exceeded", http.Header{"Retry-After": {"2"}}),
		"Vault answered 429: rate limit quota exceeded")
	throttled.apart = 2 * time.Second
	return map[string]faultCase{
		"refuses connections": refused,
		"hangs":               misbehaving(hangs, "Vault did not answer in time"),
		"is slower than that": misbehaving(dribbles, "Vault did not answer in time"),
		"is sealed":           misbehaving(answers(http.StatusServiceUnavailable, "Vault is sealed", nil), "Vault answered 503: Vault is sealed"),
		"is a standby":        misbehaving(standsBy, "Vault answered 307: it redirects, which is not followed"),
		"throttles":           throttled,
		"fails":               misbehaving(fails, "Vault answered 500"),
		"answers garbage":     misbehaving(garbles, "not an answer of Vault: malformed JSON at byte 1"),
		"breaks off":          misbehaving(truncates, "not an answer of Vault"),
		"answers without end": misbehaving(floods, "the answer is larger than 4 MiB"),
	}
}

// Issue 5, point 5: whatever is wrong with Vault, objects wait and say for
// what, Secrets stay, Vault is probed and not stormed, statuses are not written
// again and again, and everything is synced by itself when it is over.
func TestFaults(t *testing.T) {
	process := run(t, settings{"timeout": "1s", "requestsPerSecond": faultRate, "burst": faultBurst})
	for name, tc := range faultCases() {
		t.Run(name, func(t *testing.T) { shows(t, process, tc) })
	}
	leaksNothing(t, process)
}

// scene is what stands in one fault's way.
type scene struct {
	*tenant

	process *harness.Process
	// waiting are the objects that Vault is wanted for.
	waiting []string
	secret  *corev1.Secret
	faultCase
}

func shows(t *testing.T, process *harness.Process, tc faultCase) {
	s := &scene{tenant: newTenant(t).withRole(nil), process: process, faultCase: tc}
	s.put("old", "1")
	s.apply("old")
	s.awaitSynced("old")
	s.secret = s.tenant.secret("old")

	from := shared.proxy.count()
	tc.begin(t)
	t.Cleanup(func() { shared.proxy.misbehave(nil) })
	s.ask()
	s.settle()
	s.staysAsItIs(from)

	from = shared.proxy.count()
	tc.end(t)
	for _, name := range s.waiting {
		s.awaitSynced(name)
		if got := s.value(name); got != "2" {
			t.Errorf("%s holds %q", name, got)
		}
	}
	if err := withinBudget(shared.proxy.since(from), faultRate, faultBurst, slack); err != nil {
		t.Error(err)
	}
}

// slack is how late a busy machine may be.
const slack = 250 * time.Millisecond

// ask applies objects of the session that lives and of one that has to log in
// first, and has the old one read again.
func (s *scene) ask() {
	s.put("old", "2")
	s.resync("old")
	s.waiting = []string{"old"}
	for i := range 10 {
		name, as := fmt.Sprintf("new-%d", i), role
		if i%2 == 0 {
			as = s.ns
		}
		s.put(name, "2")
		s.create(s.wants(name, as, s.path(name)))
		s.waiting = append(s.waiting, name)
	}
}

// settle waits until each object says what it waits for.
func (s *scene) settle() {
	s.t.Helper()
	var told bool
	for _, name := range s.waiting {
		message := messageOf(s.await(name, reasonIs(s.reason)))
		told = told || strings.Contains(message, s.message)
		if !strings.Contains(message, s.message) && !strings.Contains(message, away) {
			s.t.Errorf("%s says %q", name, message)
		}
	}
	if !told {
		s.t.Errorf("no object says %q", s.message)
	}
}

// staysAsItIs for the time of some probes: no status and no Secret is written,
// and each object has told of it once.
func (s *scene) staysAsItIs(from int) {
	s.t.Helper()
	before, came := s.versions(), shared.proxy.count()
	s.awaitProbes(probes)
	if diff := cmp.Diff(before, s.versions()); diff != "" {
		s.t.Errorf("objects were written while they wait: %s", diff)
	}
	if diff := cmp.Diff(s.secret, s.tenant.secret("old")); diff != "" {
		s.t.Errorf("the Secret was touched: %s", diff)
	}
	for _, name := range s.waiting[1:] {
		s.hasNoSecret(name)
	}
	sent := len(shared.proxy.since(came))
	s.t.Logf("%d requests until it was noticed, %d in %d attempts later", came-from, sent, probes)
	// One more may be on its way.
	if most := (probes + 1) * s.perProbe; sent > most {
		s.t.Errorf("%d requests in %d attempts, at most %d expected: %v", sent, probes, most, shared.proxy.since(came))
	}
	if most := 2 * len(s.waiting); came-from > most {
		s.t.Errorf("%d requests until it was noticed: %v", came-from, shared.proxy.since(from)[:came-from])
	}
	if s.apart > 0 {
		keptApart(s.t, shared.proxy.since(came), s.apart)
	}
	s.toldOnce()
}

func keptApart(t *testing.T, arrivals []arrival, apart time.Duration) {
	t.Helper()
	for i := 1; i < len(arrivals); i++ {
		if got := arrivals[i].at.Sub(arrivals[i-1].at); got < apart {
			t.Errorf("asked again after %v; Vault had said %v", got, apart)
		}
	}
}

// awaitProbes waits until some more attempts have failed, by the product's own
// count.
func (s *scene) awaitProbes(number int) {
	s.t.Helper()
	const name = "countersign_vault_requests_total"
	failed := mustMetric(s.t, s.process, name) - mustMetric(s.t, s.process, name, `result="ok"`)
	harness.Await(s.t, within, func(ctx context.Context) error {
		all, err := metric(ctx, s.process, name)
		if err != nil {
			return err
		}
		good, err := metric(ctx, s.process, name, `result="ok"`)
		if err == nil && all-good < failed+float64(number) {
			err = fmt.Errorf("%v failed attempts, want %d more than %v", all-good, number, failed)
		}
		return err
	})
}

func (s *scene) versions() map[string]string {
	s.t.Helper()
	versions := map[string]string{}
	for _, name := range s.waiting {
		versions[name] = s.get(name).ResourceVersion
	}
	return versions
}

// toldOnce: an event per change, and not per retry.
func (s *scene) toldOnce() {
	s.t.Helper()
	events := &corev1.EventList{}
	if err := shared.env.Client.List(s.t.Context(), events, client.InNamespace(s.ns)); err != nil {
		s.t.Fatal(err)
	}
	told := map[string]int{}
	for _, event := range events.Items {
		if event.Reason != s.reason {
			continue
		}
		told[event.InvolvedObject.Name]++
		if event.Series != nil {
			told[event.InvolvedObject.Name] += int(event.Series.Count)
		}
	}
	for _, name := range s.waiting {
		if told[name] != 1 {
			s.t.Errorf("%s: %d events of %s, want 1", name, told[name], s.reason)
		}
	}
}

// A Vault that has forgotten the tokens is asked for new ones, though not by
// each object anew.
func TestFaultInvalidToken(t *testing.T) {
	process := run(t, settings{"requestsPerSecond": faultRate, "burst": faultBurst})
	tc := misbehaving(forgets, "invalid token")
	// A read, and once in a while a login and another read.
	tc.reason, tc.perProbe = "VaultForbidden", 3
	t.Run("forgets", func(t *testing.T) {
		s := &scene{tenant: newTenant(t).withRole(nil), process: process, faultCase: tc}
		s.put("old", "1")
		s.apply("old")
		s.awaitSynced("old")
		s.secret = s.tenant.secret("old")
		since := mark(t)
		tc.begin(t)
		t.Cleanup(func() { shared.proxy.misbehave(nil) })
		s.ask()
		s.settle()
		s.toldOnce()
		if diff := cmp.Diff(s.secret, s.tenant.secret("old")); diff != "" {
			t.Errorf("the Secret was touched: %s", diff)
		}
		seen := harness.CountRequests(requests(t, since))
		t.Logf("%+v", seen)
		// One login for each of the two sessions, and one more if the objects
		// came slowly.
		if objects := len(s.waiting); seen.Login > 4 || seen.Read > 2*objects {
			t.Errorf("%d objects of two sessions made %+v requests: %s", objects, seen, listed(requests(t, since)))
		}
		tc.end(t)
		for _, name := range s.waiting {
			s.awaitSynced(name)
		}
	})
	leaksNothing(t, process)
}

// leaksNothing: values and tokens stand in Secrets only, also at the highest
// verbosity.
func leaksNothing(t *testing.T, process *harness.Process) {
	t.Helper()
	logs, err := process.Logs()
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := process.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	places := map[string]string{"logs": logs, "metrics": metrics}
	for place, args := range map[string][]string{
		"events":     {"get", "events", "-A", "-o", "yaml"},
		"objects":    {"get", "externalsecrets", "-A", "-o", "yaml", "--show-managed-fields"},
		"ConfigMaps": {"get", "configmaps", "-A", "-o", "yaml"},
	} {
		output, err := shared.env.Kubectl(t.Context(), "", args...)
		if err != nil || output.ExitCode != 0 {
			t.Fatalf("kubectl %v: %v %s", args, err, output.Stderr)
		}
		places[place] = output.Stdout
	}
	token := regexp.MustCompile(`hv[sb]\.[A-Za-z0-9_-]{20,}|hvs\.bogus|eyJ[A-Za-z0-9_-]{20,}`)
	for place, text := range places {
		if text == "" {
			t.Errorf("nothing was searched of the %s", place)
		}
		if strings.Contains(text, canary) {
			t.Errorf("a value stands in the %s", place)
		}
		if found := token.FindString(text); found != "" {
			t.Errorf("a token stands in the %s: %.10s...", place, found)
		}
	}
	if !strings.Contains(logs, "team-") || !strings.Contains(logs, `"level":"DEBUG-`) {
		t.Error("the logs are not those of the objects at the highest verbosity")
	}
}

// While one probe is on its way no other request is, however many wait.
func TestOneProbeAtATime(t *testing.T) {
	process := run(t, nil)
	n := newTenant(t)
	names := []string{"a", "b", "c", "d", "e"}
	shared.proxy.misbehave(answers(http.StatusServiceUnavailable, "Vault is sealed", nil))
	t.Cleanup(func() { shared.proxy.misbehave(nil) })
	for _, name := range names {
		n.put(name, "1")
		n.apply(name)
	}
	for _, name := range names {
		n.await(name, reasonIs(vaultUnavailable))
	}
	shared.proxy.misbehave(nil)
	from := shared.proxy.count()
	gate := shared.proxy.hold(t, &gate{holds: isLogin})
	gate.reached(t, 1)
	// The others look whether Vault is back, and users ask for more.
	looked := mustMetric(t, process, "controller_runtime_reconcile_total")
	for _, name := range names {
		n.resync(name)
	}
	awaitMetric(t, process, looked+float64(2*len(names)), "controller_runtime_reconcile_total")
	if sent := shared.proxy.since(from); len(sent) != 1 {
		t.Errorf("sent beside the probe: %v", sent)
	}
	gate.open()
	for _, name := range names {
		n.awaitSynced(name)
	}
}

// Slow is not away: what comes within the time is taken.
func TestSlowVaultIsNotAway(t *testing.T) {
	run(t, nil)
	n := newTenant(t)
	n.put("app", "1")
	shared.proxy.misbehave(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		select {
		case <-time.After(1500 * time.Millisecond):
		case <-r.Context().Done():
		}
		next.ServeHTTP(w, r)
	})
	t.Cleanup(func() { shared.proxy.misbehave(nil) })
	n.apply("app")
	object := n.awaitSynced("app")
	events := &corev1.EventList{}
	if err := shared.env.Client.List(t.Context(), events, client.InNamespace(n.ns)); err != nil {
		t.Fatal(err)
	}
	for _, event := range events.Items {
		if event.Reason == vaultUnavailable {
			t.Errorf("%s: %s", event.Reason, event.Message)
		}
	}
	if err := synced(object); err != nil {
		t.Error(err)
	}
}
