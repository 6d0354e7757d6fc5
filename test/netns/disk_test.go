package netns

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A machine loses its power while it writes: what it has synced is there, and some of the rest is not. Another machine, which has
// booted meanwhile, holds nothing of the disk.
func TestPowerLoss(t *testing.T) {
	site := New(t)
	m := site.Machine("alpha")
	k := m.AddDisk("disk", 256<<20)
	site.Machine("beta")
	lost := 0
	for seed := range uint64(5) {
		// It says what is safe. Beside that it writes past the kernel's cache, to that of the disk, and syncs none of it.
		writer := m.Command("bash", "-c", `cd "$1"; touch log; n=$(wc -l <log); while :; do
			n=$((n+1)); echo $n >>log; sync log
			dd if=/dev/zero of=other bs=1M count=1 conv=notrunc oflag=direct status=none; echo $n
		done`, "writer", k.Path)
		out, err := writer.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := writer.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range 5 {
			lines.Scan()
		}
		n := m.PowerLoss(seed)
		t.Logf("seed %d: %d sectors lost", seed, n)
		lost += n
		last := lines.Text()
		for lines.Scan() {
			last = lines.Text()
		}
		_ = writer.Wait()
		m.PowerOn()
		m.system("test", "-d", k.Path+"/lost+found") // the machine has its disk
		log, err := os.ReadFile(filepath.Join(k.Path, "log"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains("\n"+string(log), "\n"+last+"\n") {
			t.Errorf("after loss %d of power, record %s is not there:\n%s", seed, last, log)
		}
	}
	if lost == 0 {
		t.Error("nothing was lost in five losses of power")
	}
}
