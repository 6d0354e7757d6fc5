package image

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	sectorSize = 512
	mebibyte   = 1 << 20

	// diskSize is the image's virtual size; it is sparse.
	diskSize = 64 * mebibyte
	// The boot partition holds the loader, the kernel and the initramfs, the data partition what guests write.
	bootStart = 1 * mebibyte
	dataStart = 44 * mebibyte
)

// Every identity in the image is fixed, so that the same packages make the same bytes.
const (
	diskSignature = 0x4f4e4148 // "HANO" on disk
	bootSerial    = "48414e4f"
	dataLabel     = "hanok-data"
	dataUUID      = "68616e6f-6b00-4000-8000-000000000001"
	dataHashSeed  = "68616e6f-6b00-4000-8000-000000000002"
	buildTime     = "1735689600" // 2025-01-01T00:00:00Z: what file systems record as now
)

// bootConfig is the loader's configuration. Messages go to the first serial port too, from the loader on. In 128 MB of
// memory the kernel finds no other place for itself, and would say so loudly: hence nokaslr.
const bootConfig = `SERIAL 0 115200
DEFAULT starter
PROMPT 0
TIMEOUT 0
SAY Hanok starter image
LABEL starter
  LINUX /vmlinuz
  INITRD /initrd
  APPEND console=tty0 console=ttyS0,115200 quiet nokaslr panic=5
`

// bootCodeSize is the room for code in the first sector, before the disk's signature and the partition table.
const bootCodeSize = 440

// Partition types of the MBR.
const (
	typeFAT16 = 0x0e // with LBA addressing
	typeLinux = 0x83
)

// partition is one primary partition; start and size are in bytes.
type partition struct {
	kind        byte
	active      bool
	start, size int64
}

// masterBootRecord returns the first sector: the loader's first stage and the table of partitions. Only LBA addresses
// are given; the older cylinder fields hold the value for "too far".
func masterBootRecord(code []byte, partitions ...partition) ([]byte, error) {
	if len(code) > bootCodeSize {
		return nil, fmt.Errorf("boot code has %d bytes, the first sector has room for %d", len(code), bootCodeSize)
	}
	sector := make([]byte, sectorSize)
	copy(sector, code)
	binary.LittleEndian.PutUint32(sector[440:], diskSignature)
	for i, p := range partitions {
		entry := sector[446+16*i:][:16]
		if p.active {
			entry[0] = 0x80
		}
		copy(entry[1:], []byte{0xfe, 0xff, 0xff})
		entry[4] = p.kind
		copy(entry[5:], []byte{0xfe, 0xff, 0xff})
		binary.LittleEndian.PutUint32(entry[8:], uint32(p.start/sectorSize))
		binary.LittleEndian.PutUint32(entry[12:], uint32(p.size/sectorSize))
	}
	sector[510], sector[511] = 0x55, 0xaa
	return sector, nil
}

// bootCodePlaces are where distributions put syslinux's first stage.
var bootCodePlaces = []string{"/usr/lib/syslinux/mbr/mbr.bin", "/usr/lib/SYSLINUX/mbr.bin", "/usr/share/syslinux/mbr.bin"}

// readBootCode reads syslinux's first stage.
func readBootCode() ([]byte, error) {
	for _, name := range bootCodePlaces {
		if code, err := os.ReadFile(name); err == nil {
			return code, nil
		}
	}
	return nil, fmt.Errorf("syslinux's mbr.bin is in none of %s: run make setup", strings.Join(bootCodePlaces, ", "))
}

// writeDisk fills the empty file at name with the image. scratch is a folder for the files to copy in.
func writeDisk(ctx context.Context, name, scratch string, kernel, initrd []byte) error {
	if room := int64(dataStart - bootStart - 2*mebibyte); int64(len(kernel)+len(initrd)) > room {
		return fmt.Errorf("kernel (%d bytes) and initramfs (%d bytes) do not fit the boot partition (%d bytes)", len(kernel), len(initrd), room)
	}
	code, err := readBootCode()
	if err != nil {
		return err
	}
	record, err := masterBootRecord(code,
		partition{kind: typeFAT16, active: true, start: bootStart, size: dataStart - bootStart},
		partition{kind: typeLinux, start: dataStart, size: diskSize - dataStart})
	if err != nil {
		return err
	}
	if err := os.WriteFile(name, record, 0o644); err != nil {
		return fmt.Errorf("write the boot record: %w", err)
	}
	if err := os.Truncate(name, diskSize); err != nil {
		return fmt.Errorf("size the image: %w", err)
	}

	var sources []string
	for _, f := range []struct {
		name string
		data []byte
	}{{"syslinux.cfg", []byte(bootConfig)}, {"vmlinuz", kernel}, {"initrd", initrd}} {
		source := filepath.Join(scratch, f.name)
		if err := os.WriteFile(source, f.data, 0o644); err != nil {
			return fmt.Errorf("stage the boot files: %w", err)
		}
		sources = append(sources, source)
	}

	boot := fmt.Sprintf("%s@@%d", name, bootStart)
	steps := [][]string{
		{"mformat", "-i", boot, "-T", sectors(dataStart - bootStart), "-h", "16", "-s", "63", "-H", sectors(bootStart), "-N", bootSerial, "::"},
		append(append([]string{"mcopy", "-i", boot}, sources...), "::/"),
		{"syslinux", "--install", "--offset", strconv.Itoa(bootStart), name},
		{"mke2fs", "-q", "-F", "-t", "ext4", "-L", dataLabel, "-U", dataUUID, "-m", "0", "-b", "4096", "-I", "256",
			"-O", "has_journal,ext_attr,dir_index,extent,filetype,flex_bg,huge_file,dir_nlink,extra_isize,metadata_csum,64bit",
			"-E", fmt.Sprintf("offset=%d,hash_seed=%s,root_owner=0:0,nodiscard", dataStart, dataHashSeed),
			name, strconv.Itoa((diskSize-dataStart)/1024) + "k"},
	}
	for _, step := range steps {
		if err := run(ctx, scratch, step...); err != nil {
			return err
		}
	}
	return nil
}

func sectors(bytes int64) string { return strconv.FormatInt(bytes/sectorSize, 10) }

// run executes a program that makes part of the image, with its clock, its time zone and its configuration fixed.
// scratch holds what it writes temporarily.
func run(ctx context.Context, scratch string, args ...string) error {
	program, err := exec.LookPath(args[0])
	if err != nil {
		program = filepath.Join("/usr/sbin", args[0]) // mke2fs's place, which a plain user's PATH leaves out
	}
	cmd := exec.CommandContext(ctx, program, args[1:]...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), // syslinux runs mtools in its turn
		"HOME=" + scratch, "TMPDIR=" + scratch, "LC_ALL=C", "TZ=UTC",
		"SOURCE_DATE_EPOCH=" + buildTime, "E2FSPROGS_FAKE_TIME=" + buildTime,
		"MKE2FS_CONFIG=/dev/null", "MTOOLSRC=/dev/null", "MTOOLS_SKIP_CHECK=1",
	}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("make the image: %s: %w: %s", args[0], err, bytes.TrimSpace(output.Bytes()))
	}
	return nil
}
