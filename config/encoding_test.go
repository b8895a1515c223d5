package config

import (
	"bytes"
	"compress/gzip"
	"errors"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/countersign/countersign/policy"
)

// What is kept comes back to the byte, and so does its revision.
func TestEntriesComeBack(t *testing.T) {
	tests := map[string]texts{
		"one":                   {"a": empty},
		"several":               {"a": mount, "b": usesMount, "c.example": "allow: [] # <&> \u2028"},
		"the longest name":      {strings.Repeat("a", 253): empty},
		"as large as they come": {"a": empty + "\n#" + strings.Repeat("<", corev1.MaxSecretSize-200)},
	}
	for name, before := range tests {
		t.Run(name, func(t *testing.T) {
			good := goodOf(t, before)
			encoded, err := encodeEntries(good.entries)
			if err != nil {
				t.Fatal(err)
			}
			decoded, err := decodeEntries(encoded)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, textsOf(decoded)); diff != "" {
				t.Error(diff)
			}
			back, err := compile(decoded, policy.Settings{})
			if err != nil || back.policy.Revision() != good.policy.Revision() {
				t.Errorf("revision %s, was %s: %v", back.policy.Revision(), good.policy.Revision(), err)
			}
			again, err := encodeEntries(decoded)
			if err != nil || !maps.EqualFunc(encoded, again, bytes.Equal) {
				t.Errorf("not the same bytes again: %v", err)
			}
		})
	}
}

// noise is a policy that compresses badly, and fills most of a ConfigMap.
func noise(seed uint64) string {
	source := rand.New(rand.NewPCG(seed, seed))
	text := make([]byte, 800_000)
	for i := range text {
		text[i] = byte('!' + source.IntN(90))
	}
	return empty + "\n#" + string(text)
}

func TestEntriesTooLarge(t *testing.T) {
	if _, err := encodeEntries(goodOf(t, texts{"a": noise(1)}).entries); err != nil {
		t.Errorf("one: %v", err)
	}
	if encoded, err := encodeEntries(goodOf(t, texts{"a": noise(1), "b": noise(2)}).entries); !errors.Is(err, errTooLarge) || encoded != nil {
		t.Errorf("two: %v", err)
	}
}

// Whoever wrote into the store: it is used whole, or not at all.
func TestEntriesThatDoNotDecode(t *testing.T) {
	encoded := func(data map[string]string) []byte {
		compressed, err := compress(data)
		if err != nil {
			t.Fatal(err)
		}
		return compressed
	}
	good := encoded(map[string]string{"policy.yaml": policyHead + empty})
	bomb := encoded(map[string]string{"policy.yaml": strings.Repeat("#", maxDecodedBytes)})
	tests := map[string]struct {
		raw  []byte
		want string
	}{
		"empty":              {nil, "binaryData[b]: EOF"},
		"not compressed":     {[]byte("{}"), "binaryData[b]: unexpected EOF"},
		"cut off":            {good[:len(good)-4], "binaryData[b]: unexpected EOF"},
		"not JSON":           {encodedText(t, "a: b"), "binaryData[b]: invalid character"},
		"not data":           {encodedText(t, `{"a": 1}`), "binaryData[b]: json: cannot unmarshal number"},
		"no policy":          {encodedText(t, "null"), "binaryData[b]: b: no key ends in .yaml"},
		"a bad policy":       {encoded(map[string]string{"policy.yaml": badYAML}), "binaryData[b]: b[policy.yaml]:1:1: "},
		"a compressed bomb":  {bomb, "binaryData[b]: more than a ConfigMap can have held"},
		"of a newer process": {encoded(map[string]string{"policy.yaml": policyHead + "allow: []\nnew: []"}), `binaryData[b]: b[policy.yaml]:4:1: unknown field "new"`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			decoded, err := decodeEntries(map[string][]byte{"a": good, "b": tc.raw})
			if err == nil || !strings.Contains(err.Error(), tc.want) || decoded != nil {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

// encodedText is text that no map of data was.
func encodedText(t *testing.T, text string) []byte {
	t.Helper()
	var buffer bytes.Buffer
	compressor := gzip.NewWriter(&buffer)
	if _, err := compressor.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := compressor.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

// FuzzDecompress: nothing in the store makes it panic, or fill the memory.
func FuzzDecompress(f *testing.F) {
	for _, data := range []map[string]string{nil, {"policy.yaml": policyHead + empty}} {
		compressed, err := compress(data)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(compressed)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		data, err := decompress(raw)
		if err != nil {
			return
		}
		compressed, err := compress(data)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decompress(compressed)
		if diff := cmp.Diff(data, again); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}

// FuzzCompress: data of a ConfigMap, which is UTF-8, comes back to the byte.
func FuzzCompress(f *testing.F) {
	f.Add("policy.yaml", policyHead+empty)
	f.Add("a", "\x00\u2028<&>\"\\\r\n")
	f.Fuzz(func(t *testing.T, key, value string) {
		data := map[string]string{strings.ToValidUTF8(key, ""): strings.ToValidUTF8(value, "")}
		compressed, err := compress(data)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decompress(compressed)
		if diff := cmp.Diff(data, again); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}
