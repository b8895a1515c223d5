package template

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ESO's own functions, and of sprig's what its pages say of each.
// http://masterminds.github.io/sprig/
func TestFunctions(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		// ESO's
		"toYaml":             {`{{ dict "b" 1 "a" (list "x" "y") | toYaml }}`, "a:\n- x\n- \"y\"\nb: 1"},
		"toYaml of a text":   {`{{ "yes" | toYaml }}`, `"yes"`},
		"fromYaml":           {`{{ ("a: {b: 5}\n" | fromYaml).a.b }}`, "5"},
		"fromYaml fails":     {`{{ hasKey (fromYaml "[1") "Error" }}`, "true"},
		"fromYaml, no map":   {`{{ hasKey (fromYaml "- 1") "Error" }}`, "true"},
		"fromYaml, aliases":  {"{{ (\"a: &x [1, 2]\\nb: *x\" | fromYaml).b }}", "[1 2]"},
		"hexdec":             {`{{ "68656c6c6f" | hexdec }}`, "hello"},
		"hexdec fails":       {`{{ "6" | hexdec }}`, "encoding/hex: odd length hex string"},
		"htpasswd, sha":      {`{{ htpasswd "me" "password" "sha" }}`, "me:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="},
		"htpasswd, bad name": {`{{ htpasswd "a:b" "password" "sha" }}`, "invalid username: a:b"},

		// text
		"b64enc":      {`{{ "hello" | b64enc }}`, "aGVsbG8="},
		"b64dec":      {`{{ "aGVsbG8=" | b64dec }}`, "hello"},
		"b64dec fail": {`{{ "?" | b64dec }}`, "illegal base64 data at input byte 0"},
		"b32":         {`{{ "hello" | b32enc | b32dec }}`, "hello"},
		"trim":        {`{{ trim " a " }}{{ trimAll "$" "$5$" }}{{ trimSuffix "-" "b-" }}{{ trimPrefix "-" "-c" }}`, "a5bc"},
		"case":        {`{{ upper "a" }}{{ lower "B" }}{{ title "hello you" }}{{ untitle "Hello" }}`, "AbHello Youhello"},
		"repeat":      {`{{ repeat 3 "ab" }}`, "ababab"},
		"substr":      {`{{ substr 0 5 "hello world" }}`, "hello"},
		"nospace":     {`{{ nospace "h e l l o" }}`, "hello"},
		"trunc":       {`{{ trunc 5 "hello world" }}{{ trunc -5 "hello world" }}`, "helloworld"},
		"abbrev":      {`{{ abbrev 5 "hello world" }}`, "he..."},
		"initials":    {`{{ initials "First Try" }}`, "FT"},
		"wrap":        {`{{ wrap 5 "hello there you" }}`, "hello\nthere\nyou"},
		"wrapWith":    {`{{ wrapWith 5 "|" "Hello World" }}`, "Hello|World"},
		"contains":    {`{{ contains "cat" "catch" }}`, "true"},
		"quote":       {`{{ quote "a" "b" }} {{ squote "c" }}`, `"a" "b" 'c'`},
		"cat":         {`{{ cat "hello" "beautiful" "world" }}`, "hello beautiful world"},
		"indent":      {`{{ indent 2 "a\nb" }}{{ nindent 2 "c" }}`, "  a\n  b\n  c"},
		"replace":     {`{{ "I Am" | replace " " "-" }}`, "I-Am"},
		"plural":      {`{{ len "a" | plural "one" "many" }}`, "one"},
		"snakecase":   {`{{ snakecase "FirstName" }} {{ camelcase "http_server" }} {{ kebabcase "FirstName" }}`, "first_name HttpServer first-name"},
		"regex": {
			`{{ regexMatch "^a+$" "aaa" }} {{ regexFindAll "[2,4,6,8]" "123456789" -1 }} {{ regexFind "[a-z]+" "12ab" }} {{ regexSplit "z+" "pizza" -1 }} {{ regexQuoteMeta "1.2" }}`,
			`true [2 4 6 8] ab [pi a] 1\.2`,
		},
		"regexReplaceAll":        {`{{ regexReplaceAll "a(x*)b" "-ab-axxb-" "${1}W" }}`, "-W-xxW-"},
		"regexReplaceAllLiteral": {`{{ regexReplaceAllLiteral "a(x*)b" "-ab-axxb-" "${1}" }}`, "-${1}-${1}-"},
		"bad regex is no match":  {`{{ regexMatch "(" "a" }}`, "false"},
		"printf":                 {`{{ printf "%s has %03d, %5.1f|%-4s|%q %v%%" "a" 7 1.25 "b" "c" true }}`, `a has 007,   1.2|b   |"c" true%`},
		"printf, argument":       {`{{ printf "%[2]s%[1]s" "a" "b" }}{{ printf "%*d" 3 5 }}`, "ba  5"},
		"print":                  {`{{ print "a" 1 2 }}{{ println "b" }}`, "a1 2b\n"},
		"html, js, urlquery":     {`{{ html "<a>" }}{{ js "'" }}{{ urlquery "a b" }}`, `&lt;a&gt;\'a+b`},
		"toString":               {`{{ 5 | toString }}`, "5"},
		"toStrings":              {`{{ list 1 2 | toStrings }}`, "[1 2]"},
		"split":                  {`{{ $s := split "$" "foo$bar" }}{{ $s._1 }}{{ (splitn "$" 2 "a$b$c")._1 }}{{ splitList "$" "a$b" }}`, "barb$c[a b]"},
		"join, sort":             {`{{ list "b" "a" | sortAlpha | join "_" }}`, "a_b"},
		"sums":                   {`{{ sha1sum "a" | trunc 8 }} {{ sha256sum "a" | trunc 8 }} {{ sha512sum "a" | trunc 8 }} {{ adler32sum "a" }}`, "86f7e437 ca978112 1f40fc92 6422626"},

		// numbers
		"math":      {`{{ add 1 2 3 }} {{ sub 5 2 }} {{ mul 2 3 }} {{ div 7 2 }} {{ mod 7 2 }} {{ add1 1 }} {{ max 1 5 }} {{ min 1 5 }}`, "6 3 6 3 1 2 5 1"},
		"decimals":  {`{{ addf 1.5 2 }} {{ subf 7.5 2 }} {{ mulf 1.5 2 }} {{ divf 10 4 }} {{ round 123.555555 3 }} {{ ceil 1.1 }} {{ floor 1.9 }}`, "3.5 5.5 3 2.5 123.556 2 1"},
		"casts":     {`{{ atoi "12" }} {{ int "7" }} {{ int64 "8" }} {{ float64 "1.5" }} {{ toDecimal "777" }}`, "12 7 8 1.5 511"},
		"until":     {`{{ until 3 }} {{ untilStep 3 6 2 }} {{ until -2 }}`, "[0 1 2] [3 5] [0 -1]"},
		"seq":       {`{{ seq 5 }}|{{ seq -3 }}|{{ seq 0 2 }}|{{ seq 0 2 10 }}|{{ seq 0 -2 -5 }}|{{ seq }}`, "1 2 3 4 5|1 0 -1 -2 -3|0 1 2|0 2 4 6 8 10|0 -2 -4|"},
		"randInt":   {`{{ randInt 3 4 }}`, "3"},
		"too small": {`{{ randAlphaNum 5 | len }} {{ randAlpha 0 }}{{ randNumeric 4 | len }} {{ randAscii 3 | len }}`, "5 4 3"},

		// lists and dicts
		"lists":     {`{{ $l := list 1 2 3 }}{{ first $l }}{{ last $l }}{{ rest $l }}{{ initial $l }}{{ reverse $l }}{{ has 2 $l }}{{ without $l 2 }}`, "13[2 3][1 2][3 2 1]true[1 3]"},
		"more":      {`{{ append (list 1) 2 }}{{ prepend (list 1) 0 }}{{ concat (list 1) (list 2) }}{{ uniq (list 1 1 2) }}{{ compact (list 0 1 "") }}{{ slice (list 1 2 3) 1 2 }}{{ chunk 2 (list 1 2 3) }}`, "[1 2][0 1][1 2][1 2][1][2][[1 2] [3]]"},
		"dicts":     {`{{ $d := dict "a" 1 }}{{ $_ := set $d "b" 2 }}{{ $d }}{{ get $d "a" }}{{ hasKey $d "c" }}{{ unset $d "a" }}{{ keys $d }}{{ values $d }}{{ omit (dict "a" 1 "b" 2) "a" }}`, "map[a:1 b:2]1falsemap[b:2][b][2]map[b:2]"},
		"dig":       {`{{ dig "a" "b" "none" (dict "a" (dict "b" 1)) }} {{ dig "a" "c" "none" (dict "a" dict) }} {{ pluck "a" (dict "a" 1) }}`, "1 none [1]"},
		"merge":     {`{{ merge (dict "a" 1) (dict "a" 2 "b" 3) }} {{ mergeOverwrite (dict "a" 1) (dict "a" 2) }} {{ mustMerge (dict) (dict "a" 1) }} {{ mustMergeOverwrite (dict "a" 1) (dict "a" 3) }}`, "map[a:1 b:3] map[a:2] map[a:1] map[a:3]"},
		"deepCopy":  {`{{ $a := dict "x" (dict "y" 1) }}{{ $b := deepCopy $a }}{{ $_ := set $b.x "y" 2 }}{{ $a }}{{ deepEqual $a $b }}`, "map[x:map[y:1]]false"},
		"JSON":      {`{{ dict "a" "<" | toJson }}{{ dict "a" "<" | toRawJson }}{{ dict "a" 1 | toPrettyJson }}{{ (mustFromJson "[1]") }}`, `{"a":"\u003c"}{"a":"<"}` + "{\n  \"a\": 1\n}[1]"},
		"default":   {`{{ default "d" "" }}{{ coalesce 0 "" 3 }}{{ empty "" }}{{ ternary "y" "n" true }}{{ all 1 0 }}{{ any 1 0 }}`, "d3trueyfalsetrue"},
		"kinds":     {`{{ typeOf 1 }} {{ kindOf (list) }} {{ typeIs "string" "a" }} {{ kindIs "map" dict }}`, "int slice true true"},
		"paths":     {`{{ base "a/b" }} {{ dir "a/b" }} {{ ext "a.b" }} {{ clean "a/../b" }} {{ isAbs "/a" }} {{ osBase "a/b" }}`, "b a .b b true b"},
		"URLs":      {`{{ (urlParse "http://u@host:80/p?q=1#f").host }} {{ urlJoin (dict "scheme" "http" "host" "h" "path" "/p") }}`, "host:80 http://h/p"},
		"semver":    {`{{ (semver "1.2.3").Minor }} {{ semverCompare "^1.2.0" "1.2.3" }}`, "2 true"},
		"dates":     {`{{ dateInZone "2006-01-02 15:04 MST" (toDate "2006-01-02 15:04 -0700" "2026-11-25 12:00 +0000") "Europe/Berlin" }} {{ duration "95" }} {{ durationRound "2h10m5s" }}`, "2026-11-25 13:00 CET 1m35s 2h"},
		"date zone": {`{{ htmlDateInZone (toDate "2006-01-02 -0700" "2026-11-25 +0000") "Nowhere/At All" }}`, "2026-11-25"},

		// secrets
		"AES":            {`{{ "secret" | encryptAES "key" | decryptAES "key" }}`, "secret"},
		"derivePassword": {`{{ derivePassword 1 "long" "password" "user" "example.com" }}`, "ZedaFaxcZaso9*"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, execute(t, tc.text, nil)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What functions make that differs each time.
func TestRandomFunctions(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"htpasswd, bcrypt": {`{{ htpasswd "me" "password" "bcrypt" }}`, `^me:\$2a\$10\$.{53}$`},
		"bcrypt":           {`{{ bcrypt "password" }}`, `^\$2a\$10\$.{53}$`},
		"uuidv4":           {`{{ uuidv4 }}`, `^[0-9a-f]{8}-[0-9a-f]{4}-4`},
		"randBytes":        {`{{ randBytes 3 }}`, `^[A-Za-z0-9+/]{4}$`},
		"shuffle":          {`{{ shuffle "ab" }}`, `^(ab|ba)$`},
		"genPrivateKey":    {`{{ genPrivateKey "ecdsa" }}{{ genPrivateKey "ed25519" }}`, `(?s)^-----BEGIN EC PRIVATE KEY-----.*-----BEGIN PRIVATE KEY-----`},
		"genCA":            {`{{ $ca := genCA "ca" 1 }}{{ $c := genSignedCert "me" (list "10.0.0.1") (list "me.example") 1 $ca }}{{ certSANs $c.Cert }}`, `^\[me.example 10.0.0.1\]$`},
		"with a key":       {`{{ $key := genPrivateKey "ed25519" }}{{ $c := genSelfSignedCertWithKey "me" nil (list "a.example") 1 $key }}{{ certSANs $c.Cert }}`, `^\[a.example\]$`},
		"buildCustomCert":  {`{{ $c := genSelfSignedCert "me" nil (list "b.example") 1 }}{{ $d := buildCustomCert (b64enc $c.Cert) (b64enc $c.Key) }}{{ eq $c.Key $d.Key }}`, `^true$`},
		"ago":              {`{{ ago now }}`, `^\d+s$`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := execute(t, tc.text, nil); !regexp.MustCompile(tc.want).MatchString(got) {
				t.Errorf("%q does not match %q", got, tc.want)
			}
		})
	}
}

// What reaches beyond the template is refused when it is parsed, and told.
func TestRemovedFunctions(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"env":           {`{{ env "HOME" }}`, `template "key", line 1: env is not offered: it reads the environment of the controller`},
		"expandenv":     {`{{ expandenv "$HOME" }}`, `template "key", line 1: expandenv is not offered: it reads the environment of the controller`},
		"getHostByName": {"a\n" + `{{ getHostByName "localhost" }}`, `template "key", line 2: getHostByName is not offered: it asks the network`},
		"getSecretKey":  {`{{ getSecretKey "a" "b" "c" }}`, `template "key", line 1: getSecretKey is not offered: it reads other Secrets`},
		"of the budget": {`{{ countersignLeave }}`, `template "key", line 1: there is no function "countersignLeave"`},
		"no function":   {`{{ frobnicate }}`, `template "key", line 1: there is no function "frobnicate"`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, refused(t, tc.text, nil)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Each guard is one of a function that there is.
func TestGuardsGuardFunctions(t *testing.T) {
	all := functions()
	var idle []string
	for name := range guards() {
		if all[name] == nil {
			idle = append(idle, name)
		}
	}
	if len(idle) > 0 {
		t.Errorf("guards of no function: %s", strings.Join(idle, ", "))
	}
}
