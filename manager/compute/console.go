package compute

import (
	"context"
	"io"
	"net"

	"hanok/dc"
)

// maxScreenshot bounds what a host may send as a screenshot: a PNG of the largest screen is far smaller.
const maxScreenshot = 64 << 20

// Screenshot returns a machine's screen as a PNG file. Kinds: NotFound, WrongState without power, Unavailable while its
// host is away. Privilege: PrivVMScreenshot.
func (s *Service) Screenshot(ctx context.Context, by dc.Caller, id dc.VirtualMachineID) ([]byte, error) {
	conn, vm, err := s.openStream(ctx, by, dc.PrivVMScreenshot, id, "screenshot")
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	png, err := io.ReadAll(io.LimitReader(conn, maxScreenshot+1))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, &dc.Error{Kind: dc.Unavailable, Object: describe(vm), Message: "its host broke off the screenshot", Remedy: "try again", Err: err}
	case len(png) == 0 || len(png) > maxScreenshot:
		return nil, &dc.Error{Kind: dc.Unavailable, Object: describe(vm), Message: "its host sent no screenshot",
			Remedy: "try again, and look into the host's log"}
	}
	return png, nil
}

// OpenConsole connects to a machine's console; ctx is for the opening only, and the caller closes the connection. Kinds:
// NotFound, Invalid for an unknown kind, WrongState without power, Unavailable while its host is away. Privilege:
// PrivVMConsole.
func (s *Service) OpenConsole(ctx context.Context, by dc.Caller, id dc.VirtualMachineID, kind dc.ConsoleKind) (io.ReadWriteCloser, error) {
	if kind != dc.ConsoleVNC && kind != dc.ConsoleSerial {
		if _, err := s.authorized(by, dc.PrivVMConsole, id); err != nil {
			return nil, err
		}
		return nil, dc.Errorf(dc.Invalid, "no console %q", kind).Fix(`choose "vnc" or "serial"`)
	}
	conn, _, err := s.openStream(ctx, by, dc.PrivVMConsole, id, string(kind))
	if err != nil {
		return nil, err // not conn, which would be a nil connection in an interface
	}
	return conn, nil
}

// openStream opens one of the streams of a machine that has power.
func (s *Service) openStream(ctx context.Context, by dc.Caller, p dc.Privilege, id dc.VirtualMachineID, kind string) (net.Conn, *dc.VirtualMachine, error) {
	vm, err := s.authorized(by, p, id)
	if err != nil {
		return nil, nil, err
	}
	if vm.Status.Power != dc.PoweredOn {
		return nil, nil, &dc.Error{Kind: dc.WrongState, Object: describe(vm), Message: "it is not powered on", Remedy: "power it on first"}
	}
	if err := s.checkConnected(s.store.View(), vm.Spec.Host); err != nil {
		return nil, nil, err
	}
	conn, err := s.hosts.OpenStream(ctx, vm.Spec.Host, vm.ID, kind)
	if err != nil {
		return nil, nil, on(err, describe(vm))
	}
	return conn, vm, nil
}
