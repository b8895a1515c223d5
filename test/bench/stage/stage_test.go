package stage

import (
	"os"
	"testing"
	"time"

	"github.com/countersign/countersign/test/harness"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestFullestSecond(t *testing.T) {
	tests := map[string]struct {
		milliseconds []int
		want         int
	}{
		"none":                       {nil, 0},
		"one":                        {[]int{5}, 1},
		"over the turn of a second":  {[]int{100, 900, 1000, 1050}, 4},
		"a second apart":             {[]int{0, 1000, 2000}, 1},
		"the fullest is in between":  {[]int{0, 1500, 1600, 1700, 3000}, 3},
		"the fullest is at the end":  {[]int{0, 2000, 2001}, 2},
		"the fullest is the first":   {[]int{0, 1, 2, 5000}, 3},
		"all at the very same time":  {[]int{7, 7, 7}, 3},
		"just less than a second on": {[]int{0, 999}, 2},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var requests []harness.AuditEntry
			for _, at := range tc.milliseconds {
				requests = append(requests, harness.AuditEntry{Time: time.Time{}.Add(time.Duration(at) * time.Millisecond)})
			}
			if got := FullestSecond(requests); got != tc.want {
				t.Errorf("%d, want %d", got, tc.want)
			}
		})
	}
}

func TestSumSeries(t *testing.T) {
	const text = "# HELP a of b 7\na 1\na_total{x=\"1\"} 2\na_total{x=\"2\",y=\"with space\"} 3.5\n"
	tests := map[string]struct {
		name   string
		labels []string
		want   float64
	}{
		"no labels":   {"a", nil, 1},
		"all labels":  {"a_total", nil, 5.5},
		"one label":   {"a_total", []string{`x="2"`}, 3.5},
		"no such one": {"b", nil, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := sumSeries(text, tc.name, tc.labels); err != nil || got != tc.want {
				t.Errorf("%v, %v, want %v", got, err, tc.want)
			}
		})
	}
	if _, err := sumSeries("a x\n", "a", nil); err == nil {
		t.Error("what is no number is summed")
	}
}

func TestTenants(t *testing.T) {
	tenants := Tenants{Objects: 25, PerNamespace: 10, Sharing: 3}
	for i, want := range map[int]string{2: SharedPath, 3: "team-0/app-3", 24: "team-2/app-4"} {
		if got := tenants.Path(i); got != want {
			t.Errorf("%d reads %s, want %s", i, got, want)
		}
	}
	if got, want := (Tenants{Objects: 5}).Key(4), (client.ObjectKey{Namespace: "team-4", Name: "app-0"}); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// What the kernel tells of this very process.
func TestCostOf(t *testing.T) {
	cost, err := CostOf(os.Getpid())
	if err != nil || cost.PeakRSS < cost.RSS || cost.RSS < 1<<20 {
		t.Errorf("%+v, %v", cost, err)
	}
}
