package sim

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// Process is this program in another process, which runs simulated hosts. It ends when its standard input does, so with the
// process that started it, however that ends.
type Process struct {
	cmd   *exec.Cmd
	input io.WriteCloser
}

// Start starts this program with the arguments. What it says goes to out and to errors. An interrupt that a terminal sends to
// the caller does not reach it.
func Start(args []string, env []string, out, errors io.Writer) (*Process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), env...), out, errors
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s %s: %w", program, strings.Join(args, " "), err)
	}
	return &Process{cmd: cmd, input: input}, nil
}

// Write writes to its standard input.
func (p *Process) Write(data []byte) (int, error) { return p.input.Write(data) }

// Stop ends its standard input. Wait returns when it has ended.
func (p *Process) Stop() error { return p.input.Close() }

// Wait returns when the process has ended, and why where that was a failure. It is called once.
func (p *Process) Wait() error { return p.cmd.Wait() }

// PID returns the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }
