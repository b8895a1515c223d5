package template

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// What one execution may take on the slowest machine of CI, and what all that
// it allocates may add up to, mostly garbage: without its bound each case takes
// minutes, or more memory than there is.
const (
	patience  = 30 * time.Second
	maxMemory = 2 << 30
)

const (
	spent = "does more than a template may"
	large = "is given or makes more than a template may hold"
)

func TestBounds(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	values := map[string]string{
		"big":      big,
		"spaces":   strings.Repeat(" ", 1<<20),
		"pattern":  strings.Repeat("(x+x+)+", 500) + "y",
		"laughter": "a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e]\n",
		"copies":   "a: &a " + big + "\nb: [" + strings.Repeat("*a,", 900) + "*a]\n",
		"self":     "a: &a [*a]\n",
		"deep":     strings.Repeat("[", 5_000) + strings.Repeat("]", 5_000),
		"lists":    "[" + strings.Repeat("[],", 1<<18) + "[]]",
	}
	const doubling = `{{ $x := "xx" }}{{ range until 60 }}`
	tests := map[string]struct{ text, want string }{
		// steps
		"nested ranges":             {`{{ range until 9999 }}{{ range until 9999 }}{{ range until 9999 }}{{ end }}{{ end }}{{ end }}`, spent},
		"range over a large number": {`{{ range 9000000000000000000 }}{{ end }}`, spent},
		"range of text":             {`{{ range 9000000000000000000 }}x{{ end }}`, spent},
		"range within with":         {`{{ with 1 }}{{ range 9000000000000000000 }}{{ end }}{{ end }}`, spent},
		"range in an else":          {`{{ if false }}{{ else }}{{ range 9000000000000000000 }}{{ end }}{{ end }}`, spent},
		"range in a definition":     {`{{ define "a" }}{{ range 9000000000000000000 }}{{ end }}{{ end }}{{ template "a" }}`, spent},
		"template calls itself":     {`{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}`, "call each other too deep"},
		"template calls itself twice": {
			`{{ define "a" }}{{ if . }}{{ template "a" rest . }}{{ template "a" rest . }}{{ end }}{{ end }}{{ template "a" until 60 }}`, spent,
		},
		"root calls itself": {`{{ template "template" . }}`, "call each other too deep"},

		// sizes
		"output":                      {`{{ range until 3 }}{{ $.big }}{{ end }}`, "the output is larger than a Secret"},
		"output of text":              {`{{ range until 90000 }}` + strings.Repeat("x", 1000) + `{{ end }}`, "the output is larger than a Secret"},
		"doubling with print":         {doubling + `{{ $x = print $x $x }}{{ end }}`, large},
		"doubling with printf":        {doubling + `{{ $x = printf "%s%s" $x $x }}{{ end }}`, large},
		"doubling with cat":           {doubling + `{{ $x = cat $x $x }}{{ end }}`, large},
		"doubling with join":          {doubling + `{{ $x = join $x (list $x $x $x) }}{{ end }}`, large},
		"doubling with replace":       {doubling + `{{ $x = replace "x" $x $x }}{{ end }}`, large},
		"doubling in a pipe":          {`{{ "\"" ` + strings.Repeat("| quote ", 60) + `}}`, large},
		"doubling with a method":      {`{{ $d := toDate "2006-01-02" "2026-11-25" }}{{ $x := "1" }}{{ range until 60 }}{{ $x = $d.Format $x }}{{ end }}`, "more than a template may hold"},
		"doubling, methods in a pipe": {`{{ $d := toDate "2006-01-02" "2026-11-25" }}{{ "1" ` + strings.Repeat("| $d.Format ", 60) + `}}`, "more than a template may hold"},
		"doubling lists":              {`{{ $x := list 1 }}{{ range until 60 }}{{ $x = list $x $x }}{{ end }}`, large},
		"doubling dicts":              {`{{ $x := dict }}{{ range until 60 }}{{ $x = dict "a" $x "b" $x }}{{ end }}{{ $x }}`, large},
		"dict in itself":              {`{{ $d := dict }}{{ $_ := set $d "a" $d }}{{ $d }}`, "nested too deep"},
		"dict in itself, by another":  {`{{ $a := dict }}{{ $b := dict "a" $a }}{{ $_ := set $a "b" $b }}{{ toJson $a }}`, "nested too deep"},
		"dict merged into itself":     {`{{ $d := dict "a" (dict "a" (dict "a" dict)) }}{{ range until 200 }}{{ $_ := merge $d (dict "a" (dict "a" $d)) }}{{ end }}`, "nested too deep"},
		"deep list":                   {`{{ $x := list }}{{ range until 5000 }}{{ $x = list $x }}{{ end }}{{ toPrettyJson $x }}`, "nested too deep"},
		"deep JSON":                   {`{{ fromJson .deep }}`, "nested too deep"},
		"long JSON":                   {`{{ fromJson .lists }}`, "more than a template may hold"},
		"many variables":              {strings.Repeat("{{ $x := print .big }}", 9_000), spent},
		"many arguments":              {`{{ print` + strings.Repeat(" .big", 100_000) + ` }}`, large},

		// numbers
		"repeat":                    {`{{ repeat 9000000000000000000 "x" }}`, large},
		"repeat what is long":       {`{{ repeat 3 .big }}`, large},
		"until":                     {`{{ until 9000000000000000000 }}`, large},
		"untilStep":                 {`{{ untilStep 0 2000000 1 }}`, large},
		"untilStep over the end":    {`{{ untilStep 0 9223372036854775807 9223372036854775806 }}`, large},
		"seq":                       {`{{ seq 1 1 1000000000 }}`, large},
		"seq down":                  {`{{ seq 1000000000 -1 1 }}`, large},
		"indent":                    {`{{ indent 1000000000 "x" }}`, large},
		"nindent":                   {`{{ nindent 1000 (repeat 10000 "x\n") }}`, large},
		"wrapWith":                  {`{{ wrapWith 1 .big .big }}`, large},
		"replace":                   {`{{ replace "x" .big .big }}`, large},
		"replace nothing":           {`{{ replace "" .big .big }}`, large},
		"join":                      {`{{ join .big (until 1000) }}`, large},
		"split":                     {`{{ split "x" .big }}`, large},
		"splitList":                 {`{{ splitList "" .big }}`, large},
		"splitn":                    {`{{ splitn "x" -1 .big }}`, large},
		"randAlphaNum":              {`{{ randAlphaNum 1000000000 }}`, large},
		"randBytes":                 {`{{ randBytes 9000000000 }}`, large},
		"printf, width":             {`{{ printf "%999999d%999999d%999999d" 1 2 3 }}`, large},
		"printf, width of each":     {`{{ printf "%9999d" (until 10000) }}`, large},
		"printf, star":              {`{{ printf "%*d" 999999 (until 10000) }}`, large},
		"printf, precision":         {`{{ printf "%.999999f%.999999f%.999999f" 1.0 1.0 1.0 }}`, large},
		"printf, argument repeated": {`{{ printf (repeat 10000 "%[1]s") .big }}`, large},
		"decimals":                  {`{{ mulf` + strings.Repeat(" 1.1234567890123", 100_000) + ` }}`, large},
		"decimals, often":           {`{{ range 9000000000000000000 }}{{ $x := mulf` + strings.Repeat(" 1.1234567890123e300", 98) + ` }}{{ end }}`, spent},

		// time
		"regex":                   {`{{ regexMatch .pattern .big }}`, spent},
		"regex, repeated letters": {`{{ regexMatch "((x{10}){10}){10}y" .big }}`, spent},
		"regex, long":             {`{{ regexMatch .big "x" }}`, large},
		"regexReplaceAll":         {`{{ regexReplaceAll "x" .big .big }}`, large},
		"regexReplaceAll, groups": {`{{ regexReplaceAll "(x+)" .big (repeat 1000 "$1") }}`, large},
		"regexReplaceAllLiteral":  {`{{ mustRegexReplaceAllLiteral "x" .big .big }}`, large},
		"trimAll":                 {`{{ trimAll .big .big }}`, large},
		"uniq":                    {`{{ uniq (until 90000) }}`, spent},
		"without":                 {`{{ without (until 90000) 1 2 3 4 5 6 7 8 9 }}`, spent},
		"genPrivateKey, dsa":      {`{{ genPrivateKey "dsa" }}`, "makes no DSA keys"},
		"large key":               {`{{ genCAWithKey "a" 1 .big }}`, "a key that is too large"},
		"large archive":           {`{{ pkcs12key .big }}`, "an archive that is too large"},
		"large JWK":               {`{{ jwkPrivateKeyPem .big }}`, "a key that is too large"},
		"large key to decrypt":    {`{{ rsaDecrypt "RSA-OAEP" "SHA1" "x" .big }}`, "a key that is too large"},

		// YAML
		"YAML, a billion laughs": {`{{ fromYaml .laughter }}`, large},
		"YAML, copies of a text": {`{{ fromYaml .copies }}`, large},
		"YAML, in itself":        {`{{ fromYaml .self }}`, "nested too deep"},
		"YAML, often":            {`{{ range until 1000 }}{{ $x := fromYaml $.big }}{{ end }}`, spent},
		"toYaml, often":          {`{{ $l := until 10000 }}{{ range until 1000 }}{{ $x := toYaml $l }}{{ end }}`, spent},

		// the text
		"many actions":     {strings.Repeat("{{ 1 }}", 10_001), "larger than a template's may be"},
		"long text":        {strings.Repeat("x", 2<<20+1), "larger than a template's may be"},
		"deep parentheses": {"{{ " + strings.Repeat("(", 20_000) + "1" + strings.Repeat(")", 20_000) + " }}", "nested too deep"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			begin, before := time.Now(), allocated()
			got := inTime(t, func() string { return refused(t, tc.text, values) })
			if !strings.Contains(got, tc.want) {
				t.Errorf("%s, want %q", got, tc.want)
			}
			if used := allocated() - before; used > maxMemory {
				t.Errorf("%d MiB allocated", used>>20)
			}
			t.Logf("%v, %d MiB", time.Since(begin).Round(time.Millisecond), (allocated()-before)>>20)
		})
	}
}

// What is slow on purpose costs many steps: here are few, for the tests' sake.
func TestSlowFunctionsAreDear(t *testing.T) {
	tests := map[string]string{
		"randAscii, often": `{{ range until 1000 }}{{ $x := randAscii 1000000 }}{{ end }}`,
		"bcrypt":           `{{ range until 1000 }}{{ $x := bcrypt "x" }}{{ end }}`,
		"htpasswd":         `{{ range until 1000 }}{{ $x := htpasswd "a" "b" "bcrypt" }}{{ end }}`,
		"derivePassword":   `{{ range until 1000 }}{{ $x := derivePassword 1 "long" "a" "b" "c" }}{{ end }}`,
		"genPrivateKey":    strings.Repeat(`{{ $x := genPrivateKey "rsa" }}`, 3),
		"genCA":            `{{ range until 100 }}{{ $x := genCA "a" 1 }}{{ end }}`,
		"keys, often":      `{{ $k := (genCA "a" 1).Key }}{{ range until 1000 }}{{ $c := genCAWithKey "a" 1 $k }}{{ end }}`,
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			template, err := Parse("key", text)
			if err != nil {
				t.Fatal(err)
			}
			got := inTime(t, func() string {
				_, err := template.Execute(&Budget{left: 10_000}, nil)
				return fmt.Sprint(err)
			})
			if !strings.HasSuffix(got, spent) {
				t.Errorf("%s, want %q", got, spent)
			}
		})
	}
}

// Many templates of one object share what one may do.
func TestBudgetIsShared(t *testing.T) {
	template, err := Parse("key", `{{ range until 40000 }}{{ end }}`)
	if err != nil {
		t.Fatal(err)
	}
	budget := NewBudget()
	for range 2 {
		if _, err := template.Execute(budget, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := template.Execute(budget, nil); err == nil || !strings.Contains(err.Error(), spent) {
		t.Errorf("error %v, want %q", err, spent)
	}
}

// What users do stays far from the bounds.
func TestBoundsLeaveRoom(t *testing.T) {
	values := map[string]string{"big": strings.Repeat("x", 900<<10), "lines": strings.Repeat("line of a file\n", 10_000)}
	tests := map[string]string{
		"a large value":           `{{ .big }}`,
		"a large value, encoded":  `{{ .big | b64enc | b64dec | trim | trunc 900000 }}`,
		"many lines":              `{{ .lines | nindent 4 }}`,
		"each line":               `{{ range splitList "\n" .lines }}{{ . }}{{ end }}`,
		"appending 500 entries":   `{{ $l := list }}{{ range until 500 }}{{ $l = append $l (printf "user-%d:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=" .) }}{{ end }}{{ $l | join "\n" }}`,
		"20 passwords":            `{{ range until 20 }}{{ htpasswd "me" "password" "bcrypt" }}{{ end }}`,
		"replacing each space":    `{{ .lines | replace " " "-" | upper }}`,
		"a pattern for each line": `{{ regexReplaceAll "(?m)^line of (.*)$" .lines "$1" }}`,
		"lines as YAML":           `{{ range until 100 }}{{ dict "n" . | toYaml }}{{ end }}`,
		"templates, 100 deep":     `{{ define "a" }}{{ if . }}{{ template "a" rest . }}{{ end }}{{ end }}{{ template "a" until 100 }}`,
		"lines as JSON":           `{{ .lines | splitList "\n" | toJson | fromJson | len }}`,
		"a port in a format":      `{{ printf "https://%s:20261125/%-40s" "host" "path" }}`,
		"a chart of 1000 actions": strings.Repeat(`{{ "x" | upper }}`, 1000),
		"merging what is shared":  `{{ $c := dict "x" (dict "y" 1) }}{{ merge (dict "c" $c) (dict "c" $c "d" $c) | toJson }}`,
		"a document with aliases": `{{ fromYaml "a: &a {x: 1}\nb: {<<: *a, y: 2}\n" | toJson }}`,
		"a text with a star":      `{{ fromYaml "a: 'x & y * z'" | toJson }}`,
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			inTime(t, func() string { return execute(t, text, values) })
		})
	}
}

func inTime(t *testing.T, work func() string) string {
	t.Helper()
	done := make(chan string, 1)
	go func() {
		defer close(done)
		done <- work()
	}()
	select {
	case result := <-done:
		return result
	case <-time.After(patience):
		t.Fatal("out of time")
		return ""
	}
}

func allocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}
