package harness

// Program is any other program that runs beside Countersign, such as a peer
// that is measured on the same parts.
type Program struct{ child *child }

// StartProgram runs one that finds the admin's kubeconfig in KUBECONFIG. It ends
// with the Env.
func (e *Env) StartProgram(name, path string, args ...string) (*Program, error) {
	child, err := e.run(childSpec{name: name, path: path, args: args, env: []string{"KUBECONFIG=" + e.Kubeconfig}})
	return &Program{child}, err
}

// PID of the process.
func (p *Program) PID() int { return p.child.process.Pid }

// Stop sends SIGTERM, and waits for the end, which has to be a clean one.
func (p *Program) Stop() error { return p.child.terminate(stopWithin) }
