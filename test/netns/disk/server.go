package disk

import (
	"fmt"
	"os"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// The file system has a folder with one file in it.
const (
	fileName = "disk"
	fileNode = 2
)

// server answers the kernel's requests to the file system.
type server struct {
	fuse.RawFileSystem // says that it has no more
	d                  *Disk
}

// serve mounts the file system in a folder and serves it until it is unmounted, or this program ends.
func (d *Disk) serve(folder string) error {
	// By hand, since no program that is started from here may hold the file: the end of this one would not be the end of the disk.
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("/dev/fuse: %w", err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fd)
	if err := unix.Mount("disk", folder, "fuse.disk", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("mount fuse: %w", err)
	}
	s, err := fuse.NewServer(server{fuse.NewDefaultRawFileSystem(), d}, fmt.Sprintf("/dev/fd/%d", fd), &fuse.MountOptions{DisableXAttrs: true})
	if err != nil {
		return fmt.Errorf("serve fuse: %w", err)
	}
	served := make(chan struct{})
	d.served = served
	go func() {
		defer close(served)
		s.Serve()
	}()
	return s.WaitMount()
}

func (s server) attributes(node uint64, a *fuse.Attr) fuse.Status {
	switch node {
	case fuse.FUSE_ROOT_ID:
		*a = fuse.Attr{Ino: node, Mode: unix.S_IFDIR | 0o700, Nlink: 2}
	case fileNode:
		*a = fuse.Attr{Ino: node, Mode: unix.S_IFREG | 0o600, Nlink: 1, Size: uint64(s.d.size), Blksize: blockSize}
	default:
		return fuse.ENOENT
	}
	return fuse.OK
}

func (s server) Lookup(_ <-chan struct{}, _ *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if name != fileName {
		return fuse.ENOENT
	}
	out.NodeId = fileNode
	return s.attributes(fileNode, &out.Attr)
}

func (s server) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	return s.attributes(in.NodeId, &out.Attr)
}

// Open lets the kernel keep nothing of the file: it has pages of what is on the disk already.
func (s server) Open(_ <-chan struct{}, _ *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	out.OpenFlags = fuse.FOPEN_DIRECT_IO
	return fuse.OK
}

func (s server) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	s.d.pause(false)
	buf = buf[:max(0, min(int64(in.Size), s.d.size-int64(in.Offset)))]
	if err := s.d.read(buf, int64(in.Offset)); err != nil {
		return nil, failed(err)
	}
	return fuse.ReadResultData(buf), fuse.OK
}

func (s server) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	s.d.pause(false)
	if err := s.d.write(data, int64(in.Offset)); err != nil {
		return 0, failed(err)
	}
	return uint32(len(data)), fuse.OK
}

func (s server) Fsync(_ <-chan struct{}, _ *fuse.FsyncIn) fuse.Status {
	s.d.pause(true)
	if err := s.d.sync(); err != nil {
		return failed(err)
	}
	return fuse.OK
}

// failed says in the test's output what the kernel will call an I/O error.
func failed(err error) fuse.Status {
	fmt.Fprintln(os.Stderr, "disk:", err)
	return fuse.EIO
}
