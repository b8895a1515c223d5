package v1

import (
	"errors"
	"strings"
)

const versionKV1 = "v1"

// engine is a KV engine as a store describes it: it makes paths of keys, just
// as ESO's client does. What Vault's client would clean stays as it is.
// https://external-secrets.io/latest/provider/hashicorp-vault/
type engine struct {
	// mount is nil where keys begin with it.
	mount *string
	kv1   bool
}

func (p *VaultProvider) engine() engine { return engine{mount: p.Path, kv1: p.Version == versionKV1} }

// value is the path of a key's value. A key may have the mount in it, and data/
// after it.
func (e engine) value(key string) string {
	if e.mount == nil {
		return e.valueWithMount(key)
	}
	if rest, found := strings.CutPrefix(key, *e.mount+"/"); found {
		key = rest
		if !e.kv1 {
			key = strings.TrimPrefix(key, "data/")
		}
	}
	if e.kv1 {
		return *e.mount + "/" + key
	}
	return *e.mount + "/data/" + key
}

// valueWithMount takes the first segment of a key for its mount, unless data/
// says where the mount ends.
func (e engine) valueWithMount(key string) string {
	if e.kv1 || strings.Contains(key, "/data/") {
		return key
	}
	mount, rest, more := strings.Cut(key, "/")
	if !more {
		return mount + "/data"
	}
	return mount + "/data/" + rest
}

// metadata is the path of a key's metadata. Unlike value it leaves the key as
// it is: with the mount in it, it is another path.
func (e engine) metadata(key string) (string, error) {
	switch {
	case e.mount == nil && e.kv1:
		return "", errors.New("name the mount in the store's path; without one there are no metadata in KV v1")
	case e.mount == nil && !strings.Contains(key, "data"):
		return "", errors.New("write data/ after the mount; the store has no path")
	case e.mount == nil:
		return strings.Replace(key, "/data/", "/metadata/", 1), nil
	case e.kv1:
		return *e.mount + "/" + key, nil
	default:
		return *e.mount + "/metadata/" + key, nil
	}
}

// tree is where everything that is found at and below a path stands: values
// and metadata. A nil path is the whole mount. Spellings by which ESO would
// look for names in one tree and read another are none.
func (e engine) tree(path *string) (values, metadata string, err error) {
	if e.mount == nil {
		return e.treeWithMount(path)
	}
	values, metadata = *e.mount+"/data", *e.mount+"/metadata"
	if e.kv1 {
		values, metadata = *e.mount, *e.mount
	}
	if path == nil {
		return values, metadata, nil
	}
	from, mount := *path+"/", *e.mount+"/"
	if strings.HasPrefix(from, mount) || strings.HasPrefix(mount, from) {
		return "", "", errors.New("it begins like the store's path, and would find other names than it reads; leave that part out")
	}
	return values + "/" + *path, metadata + "/" + *path, nil
}

func (e engine) treeWithMount(path *string) (values, metadata string, err error) {
	switch {
	case e.kv1:
		return "", "", errors.New("name the mount in the store's path; without one nothing is found in KV v1")
	case path == nil || !strings.Contains(*path+"/", "/data/"):
		return "", "", errors.New("begin with the mount and data/, as in secret/data/app; the store has no path")
	}
	metadata = strings.TrimSuffix(strings.Replace(*path+"/", "/data/", "/metadata/", 1), "/")
	return *path, metadata, nil
}
