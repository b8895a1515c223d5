package esocorpus

import (
	"maps"
	"slices"
	"strings"
)

// mount makes the mount of the case's own name, if it needs one.
func (s *scene) mount() {
	s.t.Helper()
	if !s.hasMount() {
		return
	}
	if err := s.env.Vault.MountKV(s.t.Context(), s.Name, 2); err != nil {
		s.t.Fatal(err)
	}
}

// fill writes each version of each secret.
func (s *scene) fill(vault map[string]Stored) {
	s.t.Helper()
	for _, full := range slices.Sorted(maps.Keys(vault)) {
		stored := vault[full]
		mount, path, _ := strings.Cut(full, "/")
		versions := stored.Versions
		if versions == nil {
			versions = []map[string]any{stored.Data}
		}
		for _, version := range versions {
			if err := s.env.Vault.PutKV(s.t.Context(), mount, path, version); err != nil {
				s.t.Fatal(err)
			}
		}
		if len(stored.Metadata) > 0 {
			s.write(mount+"/metadata/"+path, map[string]any{"custom_metadata": stored.Metadata})
		}
		if len(stored.Deleted) > 0 {
			s.write(mount+"/delete/"+path, map[string]any{"versions": stored.Deleted})
		}
	}
}

func (s *scene) write(path string, data map[string]any) {
	s.t.Helper()
	if _, err := s.env.Vault.Client.Logical().WriteWithContext(s.t.Context(), path, data); err != nil {
		s.t.Fatal(err)
	}
}

// forget has nothing left of a secret.
func (s *scene) forget(paths []string) {
	s.t.Helper()
	for _, full := range paths {
		mount, path, _ := strings.Cut(full, "/")
		if mount != "legacy" {
			mount += "/metadata"
		}
		if _, err := s.env.Vault.Client.Logical().DeleteWithContext(s.t.Context(), mount+"/"+path); err != nil {
			s.t.Fatal(err)
		}
	}
}
