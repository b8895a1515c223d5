package stage

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/countersign/countersign/test/harness"
	"golang.org/x/sys/unix"
)

// Product is the path of Countersign's binary.
func Product() (string, error) {
	root, err := harness.ModuleRoot()
	return filepath.Join(root, "bin", "countersign"), err
}

// ReadProductAnew is ReadAnew of Countersign's binary.
func ReadProductAnew() error {
	product, err := Product()
	if err != nil {
		return err
	}
	return ReadAnew(product)
}

// ReadAnew has a program read from the disk when it is started next, as it is on
// a node. What the linker has just written is in memory in other pieces, of which
// a process is given more: 3 MB of the 55 that Countersign takes.
// https://man7.org/linux/man-pages/man2/posix_fadvise.2.html
func ReadAnew(binary string) (err error) {
	file, err := os.Open(binary)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	// What is not on the disk yet is not forgotten.
	if err := file.Sync(); err != nil {
		return err
	}
	return unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)
}
