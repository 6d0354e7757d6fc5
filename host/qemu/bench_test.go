package qemu

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hanok/dc"
	"hanok/internal/qmp"
)

// BenchmarkPowerOn starts a machine with the driver, and the same devices with a bare QEMU as somebody would by hand (no
// sandbox, no other user, nothing to recover), one after the other in each turn. It reports the medians of the driver in
// milliseconds, to where its Start returns and to the guest's first output on the serial port, and their ratios to the
// bare QEMU's (to its monitor's first answer, and to the same output).
func BenchmarkPowerOn(b *testing.B) {
	l := newLab(b, tinyMachine())
	kept := filepath.Join(b.TempDir(), "handle")
	var driver, bare [2][]time.Duration
	for b.Loop() {
		for i, took := range l.powerOn(kept) {
			driver[i] = append(driver[i], took)
		}
		for i, took := range l.bare() {
			bare[i] = append(bare[i], took)
		}
	}
	for i, name := range []string{"monitor", "output"} {
		ours, theirs := median(driver[i]), median(bare[i])
		b.ReportMetric(float64(ours)/float64(time.Millisecond), name+"-ms")
		b.ReportMetric(float64(ours)/float64(theirs), name+"-ratio")
	}
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// powerOn starts the machine with the driver.
func (l *lab) powerOn(kept string) [2]time.Duration {
	begin := time.Now()
	err := l.d.Start(l.t.Context(), l.m, []dc.Attachment{{Key: 4000, UserMode: true}}, func(h dc.Handle) error {
		f, err := os.Create(kept)
		if err == nil {
			_, err = f.Write(h)
		}
		if err == nil {
			err = f.Sync()
		}
		f.Close()
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	started := time.Since(begin)
	l.serial().await("H")
	output := time.Since(begin)
	if err := l.d.Stop(l.t.Context(), l.m); err != nil {
		l.t.Fatal(err)
	}
	return [2]time.Duration{started, output}
}

// bare starts the same hardware without the driver.
func (l *lab) bare() [2]time.Duration {
	dir, err := os.MkdirTemp(l.run, "b")
	if err != nil {
		l.t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	c := Command{Machine: l.m, NICs: []dc.Attachment{{Key: 4000, UserMode: true}}, Accelerator: dc.TCG, Type: machineType,
		Monitor: "fd=3", Serial: "fd=4", Agent: "fd=5",
		Disks: map[int32]string{2000: filepath.Join(l.folder(), l.m.Folder, l.m.Folder+"-flat.vmdk")}}
	args := slices.DeleteFunc(c.Args(), func(arg string) bool { return arg == "-S" })
	if i := slices.Index(args, "-sandbox"); i >= 0 {
		args = slices.Delete(args, i, i+2)
	}
	cmd := exec.Command("qemu-system-x86_64", args...)
	for _, name := range []string{monitorSocket, serialSocket, agentSocket} {
		socket, err := listen(dir, name)
		if err != nil {
			l.t.Fatal(err)
		}
		defer socket.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, socket)
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	port, err := net.Dial("unix", filepath.Join(dir, serialSocket))
	if err != nil {
		l.t.Fatal(err)
	}
	defer port.Close()
	mon, err := qmp.Dial(l.t.Context(), filepath.Join(dir, monitorSocket))
	if err != nil {
		l.t.Fatal(err)
	}
	defer mon.Close()
	answered := time.Since(begin)
	if first, err := bufio.NewReader(port).ReadByte(); err != nil || first != 'H' {
		l.t.Fatal(first, err)
	}
	return [2]time.Duration{answered, time.Since(begin)}
}
