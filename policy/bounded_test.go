package policy

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Whatever a user writes, and into however many fields, neither the messages
// nor the work to make them grow with it.
func TestMessagesAreBounded(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	many := make([]string, 300)
	for i := range many {
		many[i] = fmt.Sprintf("secret/data/team-a/%d", i)
	}
	tests := map[string]*Claim{
		"path":       claim("team-a", "team-a-read", "secret/data/"+long),
		"escapes":    claim("team-a", "team-a-read", "secret/"+strings.Repeat("\x00", 1<<20)),
		"role":       claim("team-a", long, many...),
		"auth mount": with(claim("team-a", "team-a-read", many...), func(c *Claim) { c.AuthMount = long }),
		"field": with(claim("team-a", "team-a-read"), func(c *Claim) {
			c.Problems = field.ErrorList{field.Forbidden(field.NewPath("spec").Key(long), long)}
		}),
		"warned": claim("team-warn", long, many...),
	}
	settings := testSettings()
	settings.MaxPaths = 0
	compiled := mustCompile(t, settings, testPolicy)
	for name, asked := range tests {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			verdict := compiled.Evaluate(asked, nil)
			messages := verdict.Messages()
			runtime.ReadMemStats(&after)
			if allocated := (after.TotalAlloc - before.TotalAlloc) >> 20; allocated > 16 {
				t.Errorf("%d MB allocated", allocated)
			}
			for _, message := range messages {
				if len(message) > 8<<10 {
					t.Errorf("%d bytes: %.200s", len(message), message)
				}
			}
		})
	}
}
