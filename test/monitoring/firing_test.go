package monitoring

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// alertCase is what is scraped once a minute for two hours, in the notation of
// Prometheus' own tests: a series, and its first value, step and repetitions.
type alertCase struct{ fires, silent string }

const (
	ours = `namespace="countersign-system"`
	// 50 days after 1970-01-01T02:00, when the queries are asked.
	in50Days = "4327200"
	in29Days = "2512800"
)

func alertCases() map[string]alertCase {
	certificate := func(kind, until string) string {
		return `countersign_certificate_not_after_timestamp_seconds{` + ours + `, certificate="` + kind + `"} ` + until + `x120`
	}
	breaker := `countersign_vault_breaker_open{` + ours + `, vault="default", pod="a"} 0x120
  countersign_vault_breaker_open{` + ours + `, vault="default", pod="b"} `
	return map[string]alertCase{
		"CountersignCertificateExpires": {certificate("leaf", in29Days), certificate("leaf", in50Days)},
		"CountersignCAExpires":          {certificate("ca", in50Days), certificate("ca", "8640000")},
		"CountersignCertificateMissing": {certificate("ca", in50Days), certificate("leaf", in50Days)},
		"CountersignUnreachable": {
			`apiserver_admission_webhook_rejection_count{name="enforce.countersign.dev", error_type="calling_webhook_error"} _x110 1x10`,
			`apiserver_admission_webhook_rejection_count{name="enforce.countersign.dev", error_type="calling_webhook_error"} 7x120
  apiserver_admission_webhook_rejection_count{name="enforce.countersign.dev", error_type="no_error"} 0+1x120`,
		},
		"CountersignFailsOpen": {
			`apiserver_admission_webhook_fail_open_count{name="stamp.countersign.dev"} 3x110 4x10`,
			`apiserver_admission_webhook_fail_open_count{name="stamp.countersign.dev"} 3x120
  apiserver_admission_webhook_fail_open_count{name="other.example"} 0+1x120`,
		},
		"CountersignNotAsked": {
			`apiserver_request_total{group="kubernetes-client.io", resource="externalsecrets", subresource="", code="201"} 0+1x120
  apiserver_admission_webhook_request_total{name="enforce.countersign.dev"} 9x120`,
			`apiserver_request_total{group="kubernetes-client.io", resource="externalsecrets", subresource="", code="201"} 0+1x120
  apiserver_admission_webhook_request_total{name="enforce.countersign.dev"} _x110 1x10`,
		},
		"CountersignPolicyReloadFails": {
			`countersign_policy_reload_success{` + ours + `, pod="a"} 1x120
  countersign_policy_reload_success{` + ours + `, pod="b"} 0x120`,
			`countersign_policy_reload_success{` + ours + `, pod="a"} 1x120`,
		},
		"CountersignPolicyNotKept": {
			`countersign_policy_last_good_success{` + ours + `} 0x120`, `countersign_policy_last_good_success{` + ours + `} 1x120`,
		},
		"CountersignPoliciesDiffer": {
			`countersign_policy_info{` + ours + `, pod="a", revision="1"} 1x120
  countersign_policy_info{` + ours + `, pod="b", revision="2"} 1x120`,
			`countersign_policy_info{` + ours + `, pod="a", revision="2"} 1x120
  countersign_policy_info{` + ours + `, pod="b", revision="2"} 1x120`,
		},
		"CountersignVaultAway": {breaker + "1x120", breaker + "0x120"},
		"CountersignSyncErrors": {
			`countersign_syncs_total{` + ours + `, result="VaultForbidden"} 0+3x120
  countersign_syncs_total{` + ours + `, result="Synced"} 0+2x120`,
			// Most succeed; or hardly anything is tried.
			`countersign_syncs_total{` + ours + `, result="VaultForbidden"} 0+3x120
  countersign_syncs_total{` + ours + `, result="Synced"} 0+5x120
  countersign_syncs_total{namespace="another", result="VaultForbidden"} 0+9x120`,
		},
		"CountersignNotReady": {
			`countersign_externalsecret_ready{` + ours + `, exported_namespace="team-a", name="db"} 0x120`,
			`countersign_externalsecret_ready{` + ours + `, exported_namespace="team-a", name="db"} 1x120`,
		},
		"CountersignViolationsStand": {
			`countersign_standing_violations{` + ours + `, exported_namespace="team-a", kind="ExternalSecret"} 1x120`,
			`countersign_standing_violations{` + ours + `, exported_namespace="team-a", kind="ExternalSecret"} 0x120`,
		},
		"CountersignBacklogOld": {
			`countersign_queue_oldest_seconds{` + ours + `, lane="backlog"} 0+60x120`,
			`countersign_queue_oldest_seconds{` + ours + `, lane="backlog"} 0+7x120`,
		},
		"CountersignNobodySyncs": {
			`leader_election_master_status{` + ours + `, name="countersign", pod="a"} 0x120
  leader_election_master_status{` + ours + `, name="countersign-admission", pod="a"} 1x120`,
			`leader_election_master_status{` + ours + `, name="countersign", pod="a"} 0x120
  leader_election_master_status{` + ours + `, name="countersign", pod="b"} 1x120`,
		},
		"CountersignPanics": {
			`countersign_webhook_panics_total{` + ours + `, path="/enforce"} 0x100 1x20`,
			`countersign_webhook_panics_total{` + ours + `, path="/enforce"} 1x120`,
		},
	}
}

// TestAlertsFire: each alert fires for what it is about, and for nothing else.
func TestAlertsFire(t *testing.T) {
	all, at := alerts(t), time.Unix(0, 0).Add(2*time.Hour)
	cases := alertCases()
	if diff := cmp.Diff(slices.Sorted(maps.Keys(all)), slices.Sorted(maps.Keys(cases))); diff != "" {
		t.Fatalf("alerts of the chart (-) and cases (+) differ:\n%s", diff)
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			if found := ask(t, promqltest.LoadedStorage(t, "load 1m\n  "+test.fires), all[name], at); len(found) == 0 {
				t.Error("silent")
			}
			if found := ask(t, promqltest.LoadedStorage(t, "load 1m\n  "+test.silent), all[name], at); len(found) > 0 {
				t.Errorf("fires: %v", found)
			}
		})
	}
}

// TestDialectsAreSummed: an object of each dialect may have the same name, and a
// query about both has one answer.
func TestDialectsAreSummed(t *testing.T) {
	at := time.Unix(0, 0).Add(2 * time.Hour)
	series := func(metric, more, ofKES, ofESO string) string {
		labels := "{" + ours + ", " + more + `, controller="externalsecret.`
		return "load 1m\n  " + metric + labels + `kubernetes-client.io"} ` + ofKES + "\n  " + metric + labels + `external-secrets.io"} ` + ofESO
	}
	ready := series("countersign_externalsecret_ready", `exported_namespace="team-a", name="db"`, "0x120", "0x120")
	length := series("countersign_queue_length", `lane="fresh"`, "5x120", "7x120")
	oldest := series("countersign_queue_oldest_seconds", `lane="fresh"`, "5x120", "7x120")
	for name, test := range map[string]struct {
		series, query string
		want          float64
	}{
		"alert":   {ready, alerts(t)["CountersignNotReady"], 2},
		"waiting": {length, panels(t)["Waiting for their turn"][0], 12},
		"oldest":  {oldest, panels(t)["Age of the oldest"][0], 7},
	} {
		t.Run(name, func(t *testing.T) {
			found := ask(t, promqltest.LoadedStorage(t, test.series), strings.ReplaceAll(test.query, "$namespace", releaseNamespace), at)
			if len(found) != 1 || found[0].F != test.want {
				t.Errorf("%v, want one of %v", found, test.want)
			}
		})
	}
}
