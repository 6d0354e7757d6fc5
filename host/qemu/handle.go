package qemu

import (
	"encoding/json"
	"errors"
	"os"
	"strings"

	"hanok/dc"
)

// handle is the form of a dc.Handle: which process executes a machine, and where it listens.
type handle struct {
	// Boot is the boot of the host's kernel under which PID and Start mean something.
	Boot string `json:"boot"`
	PID  int    `json:"pid"`
	// Start is when the process was started, in the kernel's ticks since its boot: it tells the process from a later one
	// with the same number.
	Start uint64 `json:"start"`
	// UUID is the machine's, which stands in the process's command line.
	UUID string `json:"uuid"`
	// Sockets is the absolute folder of what it listens on.
	Sockets string `json:"sockets"`
	// TPM is the process of the machine's TPM, nil for none.
	TPM *tpmHandle `json:"tpm,omitempty"`
}

// tpmHandle names a process as handle does.
type tpmHandle struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"`
}

func (h handle) encode() (dc.Handle, error) { return json.Marshal(h) }

func parseHandle(data dc.Handle) (handle, error) {
	var h handle
	if err := json.Unmarshal(data, &h); err != nil {
		return handle{}, err
	}
	if h.PID <= 1 || h.Boot == "" || h.Sockets == "" {
		return handle{}, errors.New("the handle is incomplete")
	}
	return h, nil
}

// bootID identifies this boot of the host's kernel.
func bootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id)), err
}
