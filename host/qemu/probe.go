package qemu

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"hanok/dc"
)

// firstGoodVersion is the first of QEMU that is known to migrate a running machine without damage under emulation.
const firstGoodVersion = 10

// probe is what was found out about how this host executes guests.
type probe struct {
	mu    sync.Mutex
	done  bool
	found dc.Hypervisor
	kvm   []uint32 // the groups that QEMU needs to open /dev/kvm
}

// groups returns the supplementary groups of QEMU.
func (p *probe) groups() []uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found.Accelerator != dc.KVM {
		return nil
	}
	return p.kvm
}

// accelerator returns the one that was found, "" before.
func (p *probe) accelerator() dc.Accelerator {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.found.Accelerator
}

// Probe implements the agent's Hypervisor. What it has found out once stays for the driver's life; a failure does not.
func (d *Driver) Probe(ctx context.Context) (dc.Hypervisor, error) {
	p := &d.probe
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return p.found, nil
	}
	version, major, err := d.version(ctx)
	if err != nil {
		return dc.Hypervisor{}, dc.Errorf(dc.Unavailable, "QEMU can't be executed: %w", err).
			Fix("install the package qemu-system-x86")
	}
	found := dc.Hypervisor{Name: "qemu", Version: version}
	if d.cfg.Accelerator != "" {
		found.Accelerator, found.Reason = d.cfg.Accelerator, "The configuration asks for it."
	} else {
		found.Accelerator, found.Reason, p.kvm = d.choose(ctx)
	}
	if found.Accelerator == dc.TCG {
		found.Warnings = append(found.Warnings, "Guests are emulated in software (TCG), which is slow and isolates nothing: "+
			"labs only. Use a host with hardware virtualization for anything else.")
	}
	if major < firstGoodVersion {
		found.Warnings = append(found.Warnings, fmt.Sprintf("QEMU %s is older than %d: its machines will be migrated by "+
			"post-copy or in one pass only. Install a newer one from the distribution's backports.", version, firstGoodVersion))
	}
	if _, err := exec.LookPath(d.cfg.TPM); err != nil {
		found.Warnings = append(found.Warnings, fmt.Sprintf("The program %s is missing: machines with a TPM can't be powered on. "+
			"Install the package %s.", d.cfg.TPM, tpmPackage))
	}
	found.Warnings = append(found.Warnings, d.cfg.Groups.Warnings()...)
	p.found, p.done = found, true
	return found, nil
}

var versionLine = regexp.MustCompile(`version ((\d+)\.\d+(?:\.\d+)?)`)

// version asks the program.
func (d *Driver) version(ctx context.Context) (version string, major int, err error) {
	out, err := exec.CommandContext(ctx, d.cfg.Binary, "--version").Output()
	if err != nil {
		return "", 0, err
	}
	return parseVersion(string(out))
}

func parseVersion(text string) (version string, major int, err error) {
	match := versionLine.FindStringSubmatch(text)
	if match == nil {
		first, _, _ := strings.Cut(text, "\n")
		return "", 0, fmt.Errorf("it says %q instead of its version", first)
	}
	major, err = strconv.Atoi(match[2])
	return match[1], major, err
}

// choose finds out whether KVM is there, is fast, and works with QEMU as machines run it. /dev/kvm may exist without
// any of that.
func (d *Driver) choose(ctx context.Context) (accel dc.Accelerator, reason string, groups []uint32) {
	info, err := os.Stat(kvmDevice)
	if errors.Is(err, fs.ErrNotExist) {
		return dc.TCG, "This host has no " + kvmDevice + ": its processor has no hardware virtualization, or it is switched off.", nil
	}
	if err != nil {
		return dc.TCG, fmt.Sprintf("%s can't be examined: %v.", kvmDevice, err), nil
	}
	took, err := timeKVM()
	switch {
	case err != nil:
		return dc.TCG, fmt.Sprintf("%s exists and does not work: %v.", kvmDevice, err), nil
	case took > slowLoop:
		return dc.TCG, fmt.Sprintf("%s exists and is slower than emulation in software: a loop that either should execute in "+
			"less than 1 ms took %.0f ms.", kvmDevice, float64(took)/float64(time.Millisecond)), nil
	}
	groups, err = kvmGroups(info)
	if err != nil {
		return dc.TCG, fmt.Sprintf("%s works, and QEMU's unprivileged users may not open it: %v.", kvmDevice, err), nil
	}
	if err := d.tryKVM(ctx, groups); err != nil {
		return dc.TCG, fmt.Sprintf("%s works, and QEMU does not with it: %v.", kvmDevice, err), nil
	}
	return dc.KVM, fmt.Sprintf("%s works and is fast.", kvmDevice), groups
}

// kvmGroups returns the groups that a user without any rights needs to open /dev/kvm.
func kvmGroups(info fs.FileInfo) ([]uint32, error) {
	const (
		everybody = 0o006
		group     = 0o060
	)
	gid := info.Sys().(*syscall.Stat_t).Gid
	switch mode := info.Mode().Perm(); {
	case mode&everybody == everybody:
		return nil, nil
	case mode&group == group && gid != 0: // the group of root opens more than this
		return []uint32{gid}, nil
	default:
		return nil, fmt.Errorf("its mode is %04o and its group %d; chgrp kvm %s && chmod 660 %[3]s mends that", mode, gid, kvmDevice)
	}
}

// tryKVM starts an empty machine as a user without rights, with its CPUs running, and ends it through its monitor.
func (d *Driver) tryKVM(ctx context.Context, groups []uint32) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	user := userOf("")
	cmd := exec.CommandContext(ctx, d.cfg.Binary, "-nodefaults", "-no-user-config", "-machine", "q35", "-accel", "kvm",
		"-cpu", "max", "-m", "size=32M", "-display", "none", "-qmp", "stdio")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: user, Gid: user, Groups: groups}}
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.Stdin = strings.NewReader(`{"execute":"qmp_capabilities"}{"execute":"quit"}` + "\n")
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		last := strings.TrimSpace(said.String())
		return fmt.Errorf("%w: %s", err, last[strings.LastIndexByte(last, '\n')+1:])
	}
	return nil
}
