package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// item is what a part of a document is decoded into.
type item struct {
	Kind string `json:"kind"`
	Size int    `json:"size,omitempty"`
}

// A part of a document is told by the lines of the file, not by its own.
func TestNodeDecodesParts(t *testing.T) {
	const text = "kind: List\nitems:\n- kind: a\n  size: 1\n- kind: b\n  siz: 2\n- kind: c\n  size: x\n- {}\n"
	list, err := ReadNode(Origin{File: "l.yaml", Line: 5}, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"", `l.yaml:11:3: unknown field "siz"`, "l.yaml:13:3: size: a string stands where a whole number belongs", ""}
	var got []string
	for _, node := range list.Child("items").Items() {
		var message string
		if err := node.Decode(&item{}); err != nil {
			message = err.Error()
		}
		got = append(got, message)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	second := list.Child("items").Items()[1]
	if got, want := second.Problem("kind", "wrong").String(), "l.yaml:10:3: wrong"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := second.Problem("missing", "wrong").String(), "l.yaml:10:3: wrong"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNodeWithoutParts(t *testing.T) {
	node, err := ReadNode(Origin{}, []byte("a: null\nb: text\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "c"} {
		if node.Child(name) != nil {
			t.Errorf("%s is there", name)
		}
	}
	if items := node.Child("b").Items(); items != nil {
		t.Errorf("a text has items: %v", items)
	}
	if items := node.Child("c").Items(); items != nil {
		t.Errorf("nothing has items: %v", items)
	}
}

func TestReadNodeErrors(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"good":                  {"a: 1\n", ""},
		"empty":                 {"", ""},
		"not YAML":              {"a: [", "n.yaml:1:1: did not find expected node content"},
		"duplicate key":         {"a: 1\nb: {c: 1, c: 2}\n", `n.yaml:2:11: key "b.c" is there already`},
		"second document":       {"a: 1\n--- {b: 1}\n", `n.yaml: more than one YAML document; part them by lines with "---" alone`},
		"rubbish after the end": {"a: 1\n...\n]\n", `n.yaml: more than one YAML document; part them by lines with "---" alone`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ReadNode(Origin{File: "n.yaml"}, []byte(tc.text))
			var message string
			if err != nil {
				message = err.Error()
			}
			if diff := cmp.Diff(tc.want, message); diff != "" {
				t.Error(diff)
			}
		})
	}
}
