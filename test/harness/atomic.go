package harness

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

const currentData = "..data"

// writeAtomically replaces all files of a mounted folder at once, the way the
// kubelet does: each file is a link through ..data, which is then pointed at
// the new content by one rename. Processes that watch rely on that.
func writeAtomically(folder string, files map[string][]byte) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(folder, "..content-")
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(fresh, name), content, 0o600); err != nil {
			return err
		}
	}
	former, err := pointAt(folder, filepath.Base(fresh))
	if err != nil {
		return err
	}
	for name := range files {
		err := os.Symlink(filepath.Join(currentData, name), filepath.Join(folder, name))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if former == "" {
		return nil
	}
	return os.RemoveAll(filepath.Join(folder, former))
}

// pointAt has ..data mean another folder, and returns the one before.
func pointAt(folder, content string) (former string, err error) {
	current := filepath.Join(folder, currentData)
	former, err = os.Readlink(current)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	next := current + "_next"
	if err := os.Symlink(content, next); err != nil {
		return "", err
	}
	return former, os.Rename(next, current)
}
