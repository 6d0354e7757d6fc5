package volume

import (
	"encoding/binary"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What FIEMAP takes and gives, by the kernel's linux/fiemap.h: a header of 32 bytes with the range, flags and numbers of extents, and
// extents of 56 bytes.
const (
	fiemap          = 0xc020660b // FS_IOC_FIEMAP
	fiemapHeader    = 32
	fiemapExtent    = 56
	fiemapExtents   = 256 // in one call
	fiemapSync      = 0x1
	extentLast      = 0x1
	extentUnwritten = 0x800
	// maxFiemap bounds the calls for one file: those of a file in a million pieces.
	maxFiemap = 1 << 12
)

// isWritten reports whether every block of the file up to size was written once, with zeros or else. The blocks of a lazy zeroed disk are
// taken, and most of them not written. It is false where the file system does not say.
func isWritten(file *os.File, size int64) bool {
	buf := make([]byte, fiemapHeader+fiemapExtents*fiemapExtent)
	order := binary.NativeEndian
	at := uint64(0)
	for range maxFiemap {
		clear(buf)
		order.PutUint64(buf, at)
		order.PutUint64(buf[8:], uint64(size)-at)
		order.PutUint32(buf[16:], fiemapSync)
		order.PutUint32(buf[24:], fiemapExtents)
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, file.Fd(), fiemap, uintptr(unsafe.Pointer(&buf[0])))
		runtime.KeepAlive(file)
		mapped := min(order.Uint32(buf[20:]), fiemapExtents)
		if errno != 0 || mapped == 0 {
			return false
		}
		for i := range mapped {
			e := buf[fiemapHeader+i*fiemapExtent:]
			logical, length, flags := order.Uint64(e), order.Uint64(e[16:]), order.Uint32(e[40:])
			if logical > at || flags&extentUnwritten != 0 {
				return false
			}
			if at = logical + length; at >= uint64(size) {
				return true
			}
			if flags&extentLast != 0 || length == 0 {
				return false
			}
		}
	}
	return false
}
