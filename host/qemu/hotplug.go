package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"hanok/dc"
	"hanok/internal/qmp"
)

// consentTime is how long a guest may take to let go of a device. One without a driver for hot-plug never does.
const consentTime = 20 * time.Second

// textual are the properties whose values are texts, though they look like numbers.
var textual = []string{"addr", "port"}

// plug adds the device that an option of the command line describes.
func (c change) plug(ctx context.Context, option string) error {
	driver, properties, _ := strings.Cut(option, ",")
	device := map[string]any{"driver": driver}
	for property := range strings.SplitSeq(properties, ",") {
		key, text, _ := strings.Cut(property, "=")
		device[key] = text
		if number, err := strconv.ParseInt(text, 0, 64); err == nil && !slices.Contains(textual, key) {
			device[key] = number
		}
	}
	return c.m.execute(ctx, "device_add", device, nil)
}

// unplug takes a device away, named by its ID or by its path in QEMU's tree, and returns when it is gone. Devices on PCI, CPUs and
// the like go when the guest agrees; it is asked again where it did not answer an earlier agent.
func (c change) unplug(ctx context.Context, name string) error {
	mon, err := c.m.monitor()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, consentTime)
	defer cancel()
	events, forget := mon.Subscribe()
	defer forget()
	err = mon.Execute(ctx, "device_del", map[string]any{"id": name}, nil)
	var refusal *qmp.Error
	switch {
	case errors.As(err, &refusal) && refusal.Class == "DeviceNotFound":
		return nil // it went since we looked
	case errors.As(err, &refusal) && strings.Contains(refusal.Desc, "in the process of unplug"):
	case err != nil:
		return c.m.failed(err)
	}
	err = awaitDeleted(ctx, events, name)
	switch {
	case errors.Is(err, errRefused):
		return failure(dc.WrongState, c.spec, "the guest does not let go of %s: %w", name, err).
			Fix("see that nothing in the guest uses it, or power the machine off first")
	case err != nil:
		return failure(dc.Unavailable, c.spec, "the guest does not let go of %s: %w", name, err).
			Fix("see that the guest has started and can do that, and try again, or power the machine off first")
	}
	return nil
}

var errRefused = errors.New("it refuses")

// awaitDeleted waits for the event that a device is gone. The error is errRefused where the guest says that it keeps it.
func awaitDeleted(ctx context.Context, events <-chan qmp.Event, name string) error {
	for {
		select {
		case e, ok := <-events:
			var data struct {
				Device string `json:"device"`
				Path   string `json:"path"`
				Info   struct {
					Kind   string `json:"slot-type"`
					Source int    `json:"source"`
					Status int    `json:"status"`
				} `json:"info"`
			}
			if !ok {
				return errors.New("the connection has ended")
			}
			if json.Unmarshal(e.Data, &data) != nil {
				continue
			}
			// Of a CPU only a part may be named: its event comes when the last one lets go of it, which under emulation nobody does.
			named := data.Device == name || data.Path == name || strings.HasPrefix(data.Path, name+"/")
			switch {
			case e.Name == "DEVICE_DELETED" && named:
				return nil
			case e.Name == "DEVICE_UNPLUG_GUEST_ERROR" && named:
				return errRefused
			case e.Name == "ACPI_DEVICE_OST" && data.Info.Kind == "CPU" && refused(data.Info.Source, data.Info.Status):
				return fmt.Errorf("%w (status %d)", errRefused, data.Info.Status)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// refused reports whether the guest's answer by _OST (ACPI specification, 6.3.5) is that it does not eject a device. CPUs go one after
// the other, so that it is clear which.
func refused(source, status int) bool {
	const (
		ejectRequest = 3
		ejectByGuest = 0x103
		inProgress   = 0x84
	)
	return (source == ejectRequest || source == ejectByGuest) && status != 0 && status != inProgress
}
