package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	folderPattern = "countersign-harness-*"
	lockName      = "lock"
	// A folder this old has its lock, unless its process died.
	lockedAfter = time.Minute
)

// folder holds everything that an Env writes. Its lock lives as long as the
// process, which tells the next one what to sweep.
type folder struct {
	path string
	lock *os.File
}

func newFolder() (*folder, error) {
	sweep()
	path, err := os.MkdirTemp("", folderPattern)
	if err != nil {
		return nil, err
	}
	lock, err := tryLock(filepath.Join(path, lockName))
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &folder{path: path, lock: lock}, nil
}

func (f *folder) join(elements ...string) string {
	return filepath.Join(append([]string{f.path}, elements...)...)
}

func (f *folder) write(name string, content []byte) (string, error) {
	path := f.join(name)
	return path, os.WriteFile(path, content, 0o600)
}

func (f *folder) remove() error {
	return errors.Join(os.RemoveAll(f.path), f.lock.Close())
}

// sweep deletes folders whose process died before it could. It is a courtesy,
// hence without errors.
func sweep() {
	found, _ := filepath.Glob(filepath.Join(os.TempDir(), folderPattern))
	for _, path := range found {
		info, err := os.Stat(path)
		if err != nil || time.Since(info.ModTime()) < lockedAfter {
			continue
		}
		if lock, err := tryLock(filepath.Join(path, lockName)); err == nil {
			_ = os.RemoveAll(path)
			_ = lock.Close()
		}
	}
}

// tryLock fails at once when another process, or another Env of this one,
// holds the lock.
func tryLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
