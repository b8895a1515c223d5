package harness

import "syscall"

// dieWithParent also gives the child a process group of its own, so that an
// interrupt from the terminal leaves the order of ending things to Stop.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
