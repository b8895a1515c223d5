package stage

import (
	"time"

	"github.com/countersign/countersign/test/harness"
)

// FullestSecond is the most requests in any second, wherever it begins.
func FullestSecond(requests []harness.AuditEntry) int {
	most, first := 0, 0
	for last := range requests {
		for requests[last].Time.Sub(requests[first].Time) >= time.Second {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}
