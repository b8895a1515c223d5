package stage

import "github.com/prometheus/procfs"

// Cost of a process so far, as the kernel tells it.
type Cost struct {
	// PeakRSS is in bytes, CPU in seconds.
	PeakRSS, RSS uint64
	CPU          float64
}

// CostOf a process.
// https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
func CostOf(pid int) (Cost, error) {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return Cost{}, err
	}
	status, err := process.NewStatus()
	if err != nil {
		return Cost{}, err
	}
	stat, err := process.Stat()
	return Cost{PeakRSS: status.VmHWM, RSS: status.VmRSS, CPU: stat.CPUTime()}, err
}
