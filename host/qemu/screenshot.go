package qemu

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"hanok/dc"
)

// maxScreenshot is the largest picture, in bytes: several times what the largest screen of the video card takes.
const maxScreenshot = 64 << 20

// Screenshot implements the agent's Hypervisor.
func (d *Driver) Screenshot(ctx context.Context, id dc.VirtualMachineID, w io.Writer) error {
	m, err := d.running(id)
	if err != nil {
		return err
	}
	mon, err := m.monitor()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	fd, err := unix.MemfdCreate("screenshot", unix.MFD_CLOEXEC)
	if err != nil {
		return failure(dc.Exhausted, m.spec, "making room for the picture: %w", err)
	}
	file := os.NewFile(uintptr(fd), "screenshot")
	defer file.Close()
	var given struct {
		FD  int `json:"fd"`
		Set int `json:"fdset-id"`
	}
	if err := mon.ExecuteFD(ctx, "add-fd", nil, &given, file); err != nil {
		return m.failed(err)
	}
	// A file in memory may be opened anew by anybody who has it. By /dev/fdset QEMU would keep the set for ever.
	args := map[string]any{"filename": fmt.Sprintf("/proc/self/fd/%d", given.FD), "format": "png", "device": videoID}
	err = mon.Execute(ctx, "screendump", args, nil)
	if removeErr := mon.Execute(ctx, "remove-fd", map[string]any{"fdset-id": given.Set}, nil); err == nil {
		err = removeErr
	}
	if err != nil {
		return m.failed(err)
	}
	if _, err := io.Copy(w, io.NewSectionReader(file, 0, maxScreenshot)); err != nil {
		return fmt.Errorf("screenshot: %w", err)
	}
	return nil
}
