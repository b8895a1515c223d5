//go:build !linux

package harness

import "syscall"

// dieWithParent has no means here: on SIGKILL children stay behind. They share
// the terminal's process group, so that an interrupt reaches them.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
