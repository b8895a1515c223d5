package v1

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/policy"
)

// The spellings that ESO's documentation and source have, and what its client
// then asks for.
func TestPathsOfAKey(t *testing.T) {
	mount := func(name string) *string { return &name }
	tests := map[string]struct {
		engine engine
		key    string
		value  string
		// metadata is empty where ESO refuses.
		metadata string
	}{
		"below the mount":              {engine{mount: mount("secret/path")}, "foo", "secret/path/data/foo", "secret/path/metadata/foo"},
		"deeper":                       {engine{mount: mount("secret")}, "a/b", "secret/data/a/b", "secret/metadata/a/b"},
		"with the mount in it":         {engine{mount: mount("secret/path")}, "secret/path/foo", "secret/path/data/foo", "secret/path/metadata/secret/path/foo"},
		"with mount and data":          {engine{mount: mount("secret/path")}, "secret/path/data/foo", "secret/path/data/foo", "secret/path/metadata/secret/path/data/foo"},
		"the mount twice":              {engine{mount: mount("secret")}, "secret/secret/foo", "secret/data/secret/foo", "secret/metadata/secret/secret/foo"},
		"data in another place":        {engine{mount: mount("secret")}, "data/foo", "secret/data/data/foo", "secret/metadata/data/foo"},
		"data twice":                   {engine{mount: mount("secret")}, "secret/data/data/foo", "secret/data/data/foo", "secret/metadata/secret/data/data/foo"},
		"like the mount":               {engine{mount: mount("secret")}, "secrets/foo", "secret/data/secrets/foo", "secret/metadata/secrets/foo"},
		"the mount alone":              {engine{mount: mount("secret")}, "secret", "secret/data/secret", "secret/metadata/secret"},
		"no key":                       {engine{mount: mount("secret")}, "", "secret/data/", "secret/metadata/"},
		"slash first":                  {engine{mount: mount("secret")}, "/foo", "secret/data//foo", "secret/metadata//foo"},
		"parent":                       {engine{mount: mount("secret")}, "../../sys/x", "secret/data/../../sys/x", "secret/metadata/../../sys/x"},
		"parent behind the mount":      {engine{mount: mount("secret")}, "secret/../x", "secret/data/../x", "secret/metadata/secret/../x"},
		"empty mount":                  {engine{mount: mount("")}, "foo", "/data/foo", "/metadata/foo"},
		"mount with a slash":           {engine{mount: mount("secret/")}, "foo", "secret//data/foo", "secret//metadata/foo"},
		"KV v1":                        {engine{mount: mount("secret/path"), kv1: true}, "foo", "secret/path/foo", "secret/path/foo"},
		"KV v1 with the mount in it":   {engine{mount: mount("secret/path"), kv1: true}, "secret/path/foo", "secret/path/foo", "secret/path/secret/path/foo"},
		"KV v1 keeps data":             {engine{mount: mount("secret"), kv1: true}, "secret/data/foo", "secret/data/foo", "secret/secret/data/foo"},
		"no path":                      {engine{}, "secret/path/foo", "secret/data/path/foo", ""},
		"no path, data in it":          {engine{}, "secret/path/data/foo", "secret/path/data/foo", "secret/path/metadata/foo"},
		"no path, data is a directory": {engine{}, "secret/a/data/b/data/c", "secret/a/data/b/data/c", "secret/a/metadata/b/data/c"},
		"no path, data within a word":  {engine{}, "secret/mydata/foo", "secret/data/mydata/foo", "secret/mydata/foo"},
		"no path, data at the end":     {engine{}, "secret/data", "secret/data/data", "secret/data"},
		"no path, metadata":            {engine{}, "secret/metadata/foo", "secret/data/metadata/foo", "secret/metadata/foo"},
		"no path, one segment":         {engine{}, "secret", "secret/data", ""},
		"no path, KV v1":               {engine{kv1: true}, "secret/path/foo", "secret/path/foo", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			metadata, err := tc.engine.metadata(tc.key)
			if (err != nil) != (tc.metadata == "") {
				t.Errorf("metadata: error %v", err)
			}
			if diff := cmp.Diff([]string{tc.value, tc.metadata}, []string{tc.engine.value(tc.key), metadata}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTrees(t *testing.T) {
	text := func(s string) *string { return &s }
	const ambiguous = "it begins like the store's path, and would find other names than it reads; leave that part out"
	tests := map[string]struct {
		engine engine
		path   *string
		want   []string
	}{
		"all":                           {engine{mount: text("secret")}, nil, []string{"secret/data", "secret/metadata", ""}},
		"below":                         {engine{mount: text("kv/team")}, text("app"), []string{"kv/team/data/app", "kv/team/metadata/app", ""}},
		"KV v1":                         {engine{mount: text("legacy"), kv1: true}, nil, []string{"legacy", "legacy", ""}},
		"KV v1, below":                  {engine{mount: text("legacy"), kv1: true}, text("app"), []string{"legacy/app", "legacy/app", ""}},
		"empty":                         {engine{mount: text("secret")}, text(""), []string{"secret/data/", "secret/metadata/", ""}},
		"the mount":                     {engine{mount: text("secret")}, text("secret"), []string{"", "", ambiguous}},
		"below the mount, spelt out":    {engine{mount: text("secret")}, text("secret/app"), []string{"", "", ambiguous}},
		"a part of the mount":           {engine{mount: text("kv/team")}, text("kv"), []string{"", "", ambiguous}},
		"like the mount":                {engine{mount: text("kv/team")}, text("k"), []string{"kv/team/data/k", "kv/team/metadata/k", ""}},
		"no path":                       {engine{}, nil, []string{"", "", "begin with the mount and data/, as in secret/data/app; the store has no path"}},
		"no path, the mount":            {engine{}, text("secret/data"), []string{"secret/data", "secret/metadata", ""}},
		"no path, below":                {engine{}, text("kv/team/data/app"), []string{"kv/team/data/app", "kv/team/metadata/app", ""}},
		"no path, data within a word":   {engine{}, text("secret/mydata"), []string{"", "", "begin with the mount and data/, as in secret/data/app; the store has no path"}},
		"no path, metadata, not values": {engine{}, text("secret/metadata/app"), []string{"", "", "begin with the mount and data/, as in secret/data/app; the store has no path"}},
		"no path, KV v1":                {engine{kv1: true}, text("legacy"), []string{"", "", "name the mount in the store's path; without one nothing is found in KV v1"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			values, metadata, err := tc.engine.tree(tc.path)
			message := ""
			if err != nil {
				message = err.Error()
			}
			if diff := cmp.Diff(tc.want, []string{values, metadata, message}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// modelValue spells out, segment by segment, what ESO's documentation says of a
// key: without the mount and data/ that it may begin with, below the mount and
// data/.
func modelValue(e engine, key string) string {
	segments := strings.Split(key, "/")
	if e.mount == nil {
		inside := false
		for i, segment := range segments {
			inside = inside || segment == "data" && i > 0 && i < len(segments)-1
		}
		if e.kv1 || inside {
			return key
		}
		return strings.Join(append([]string{segments[0], "data"}, segments[1:]...), "/")
	}
	mount := strings.Split(*e.mount, "/")
	if len(segments) > len(mount) && strings.Join(segments[:len(mount)], "/") == *e.mount {
		segments = segments[len(mount):]
		if !e.kv1 && len(segments) > 1 && segments[0] == "data" {
			segments = segments[1:]
		}
	}
	if !e.kv1 {
		mount = append(mount, "data")
	}
	return strings.Join(append(mount, segments...), "/")
}

// FuzzPath: the paths are those of the model. A second time changes nothing but
// for a mount alone, and whatever is found in a tree is read below it.
func FuzzPath(f *testing.F) {
	for _, key := range []string{"foo", "secret/foo", "secret/data/foo", "data/foo", "../x", "a//b", "secret", "", "kv/team/data/data/x"} {
		f.Add("secret", true, false, key, "app")
		f.Add("kv/team", true, true, key, "kv")
		f.Add("", false, false, key, "secret/data/app")
	}
	f.Fuzz(func(t *testing.T, mount string, hasMount, kv1 bool, key, below string) {
		e := engine{kv1: kv1}
		if hasMount {
			e.mount = &mount
		}
		value := e.value(key)
		if want := modelValue(e, key); value != want {
			t.Errorf("%q of %q (KV v1: %t): %q, want %q", key, mount, kv1, value, want)
		}
		if again := e.value(value); again != value && strings.Contains(key, "/") {
			t.Errorf("%q of %q becomes %q, then %q", key, mount, value, again)
		}
		for _, path := range []*string{nil, &below} {
			values, metadata, err := e.tree(path)
			if err != nil || policy.PathProblem(values+"/x") != "" {
				continue
			}
			name := key
			if path != nil {
				name = below + "/" + key
			}
			if read := e.value(name); !strings.HasPrefix(read, values+"/") {
				t.Errorf("%q is found below %q, and read at %q", name, values, read)
			}
			if listed, err := e.metadata(name); err == nil && !strings.HasPrefix(listed, metadata+"/") {
				t.Errorf("%q is found below %q, and its metadata read at %q", name, metadata, listed)
			}
		}
	})
}
