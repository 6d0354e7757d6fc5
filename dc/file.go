package dc

import (
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// FileKind says what a file on a datastore is for, as far as its name tells: the kinds of vSphere's datastore browser.
type FileKind string

// The kinds of files, with vSphere's classes.
const (
	FileFolder   FileKind = "folder"   // FolderFileInfo
	FileConfig   FileKind = "config"   // VmConfigFileInfo: .vmx
	FileTemplate FileKind = "template" // TemplateConfigFileInfo: .vmtx
	FileDisk     FileKind = "disk"     // VmDiskFileInfo: .vmdk, a descriptor or a whole disk
	FileExtent   FileKind = "extent"   // the bytes of a disk: -flat.vmdk, -delta.vmdk
	FileNVRAM    FileKind = "nvram"    // VmNvramFileInfo
	FileSnapshot FileKind = "snapshot" // VmSnapshotFileInfo: .vmsn, .vmsd, and .vmss
	FileLog      FileKind = "log"      // VmLogFileInfo
	FileISO      FileKind = "iso"      // IsoImageFileInfo
	FileFloppy   FileKind = "floppy"   // FloppyImageFileInfo
	FileOther    FileKind = "other"
)

// fileKinds are looked up by the ending of a name, in lower case; the first that fits counts.
var fileKinds = []struct {
	ending string
	kind   FileKind
}{
	{"-flat.vmdk", FileExtent}, {"-delta.vmdk", FileExtent}, {"-sesparse.vmdk", FileExtent}, {".vmdk", FileDisk}, {".vmx", FileConfig},
	{".vmtx", FileTemplate}, {".nvram", FileNVRAM}, {".vmsn", FileSnapshot}, {".vmsd", FileSnapshot}, {".vmss", FileSnapshot},
	{".log", FileLog}, {".iso", FileISO}, {".flp", FileFloppy},
}

// FileKindOf returns the kind that the name of a file says.
func FileKindOf(name string) FileKind {
	name = strings.ToLower(name)
	for _, k := range fileKinds {
		if strings.HasSuffix(name, k.ending) {
			return k.kind
		}
	}
	return FileOther
}

// File is a file or folder on a datastore.
type File struct {
	// Path is relative to the datastore, with slashes.
	Path string   `json:"path"`
	Kind FileKind `json:"kind"`
	// SizeBytes is its length, AllocatedBytes what it takes on the datastore: less, for one with holes.
	SizeBytes      int64     `json:"sizeBytes"`
	AllocatedBytes int64     `json:"allocatedBytes"`
	Modified       time.Time `json:"modified"`
}

// FileRef names a file on a datastore.
type FileRef struct {
	Datastore DatastoreID `json:"datastore"`
	// Path is relative to the datastore, with slashes; "" is the datastore's own folder.
	Path string `json:"path"`
}

// Part returns the file as a part of what a task works on.
func (r FileRef) Part() string { return string(r.Datastore) + "/" + r.Path }

// FileQuery says what of a folder to list.
type FileQuery struct {
	// Patterns are of names, with * and ?; a file is listed that fits one of them. None: all files.
	Patterns []string `json:"patterns,omitempty"`
	// Recursive lists the folders in the folder as well, to any depth.
	Recursive bool `json:"recursive,omitempty"`
}

// FileOp is what a host does with files of its datastores at the manager's request.
type FileOp string

// The operations. Each is idempotent but FileUpload, which continues where FileUploaded says.
const (
	FileList       FileOp = "list"       // what is in the folder Path
	FileStat       FileOp = "stat"       // the file Path; NotFound
	FileMakeFolder FileOp = "makeFolder" // the folder Path; with Parents also those above it
	FileRead       FileOp = "read"       // the bytes of the file Path from Offset on, Length of them, or all for -1
	FileUploaded   FileOp = "uploaded"   // how much of an upload of Path is there
	FileUpload     FileOp = "upload"     // takes the bytes of the file Path from Offset on
	FileCopy       FileOp = "copy"       // all of Path to To, which is not there, or what an earlier try has left
	FilePlace      FileOp = "place"      // gives Path the name To; what has that name gets the name Aside, if that is set
	FileImport     FileOp = "import"     // the disk image Path becomes the bytes To and the descriptor Aside, which leads to the file Extent
	FileRemove     FileOp = "remove"     // Path with all that is in it, if it is there
	FileExportDisk FileOp = "exportDisk" // the disk Disk of Machine as a stream-optimized VMDK of the name Extent, from Offset on
	FileReadDisk   FileOp = "readDisk"   // the bytes of the disk Disk of Machine without its holes, as sparse.Send writes them
	FileDescribe   FileOp = "describe"   // the machine of the .vmx Path, or the disk of the descriptor Path
)

// FileRequest asks a host for an operation, as the first message of a stream.
type FileRequest struct {
	Op FileOp `json:"op"`
	FileRef
	To      *FileRef  `json:"to,omitempty"`
	Aside   string    `json:"aside,omitempty"`
	Extent  string    `json:"extent,omitempty"`
	Query   FileQuery `json:"query,omitzero"`
	Parents bool      `json:"parents,omitempty"`
	Offset  int64     `json:"offset,omitempty"`
	Length  int64     `json:"length,omitempty"`
	// Machine is the machine, without power, whose disk is read, and Disk the disk's key, or VariablesKey.
	Machine VirtualMachineID `json:"machine,omitempty"`
	Disk    int32            `json:"disk,omitempty"`
	// Overwrite lets an upload take the place of a file.
	Overwrite bool `json:"overwrite,omitempty"`
}

// FileReply is how an operation of a host ended.
type FileReply struct {
	Files []File `json:"files,omitempty"`
	// Truncated is set where there were more files than MaxListedFiles.
	Truncated bool  `json:"truncated,omitempty"`
	File      *File `json:"file,omitempty"`
	// Machine and Disk are what FileDescribe has found.
	Machine *FoundMachine `json:"machine,omitempty"`
	Disk    *Disk         `json:"disk,omitempty"`
	// Offset is how many bytes of an upload are there, and SHA256 what they are, or what was read: 64 hexadecimal digits.
	Offset int64  `json:"offset,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

// MaxListedFiles is how many files one listing returns at most.
const MaxListedFiles = 10000

// What a path on a datastore may be: Linux allows 4095 bytes in a path and 255 in a name, of which the datastore's own path
// and the names that files have while they are made take some.
const (
	maxFilePath = 1024
	maxFileName = 200
)

// ReservedFile begins the names of what is half made or half deleted on a datastore. Users see no such files.
const ReservedFile = ".hanok-"

// WorkFile returns the reserved name beside p that ends in ending, of up to 48 bytes.
func WorkFile(p, ending string) string {
	return path.Join(path.Dir(p), ReservedFile+path.Base(p)+ending)
}

// CheckFilePath returns an error of kind Invalid unless p may name a file on a datastore: relative, with slashes, without "."
// and "..", control characters and reserved names. The empty path, the datastore's own folder, is refused.
func CheckFilePath(p string) error {
	if err := CheckWorkPath(p); err != nil {
		return err
	}
	if strings.HasPrefix(p, ReservedFile) || strings.Contains(p, "/"+ReservedFile) {
		return Errorf(Invalid, "the path %q has a name in it that begins with %s, which is reserved", p, ReservedFile).Fix("choose another name")
	}
	return nil
}

// CheckWorkPath is CheckFilePath for what the manager asks of a host: reserved names are allowed.
func CheckWorkPath(p string) error {
	fail := func(why string) error {
		return Errorf(Invalid, "the path %q %s", p, why).Fix(`give the path of a file on the datastore, such as "iso/debian.iso"`)
	}
	switch {
	case p == "":
		return fail("is empty")
	case strings.HasPrefix(p, "/"):
		return fail("is absolute: it is to be relative to the datastore")
	case len(p) > maxFilePath:
		return Errorf(Invalid, "the path is longer than %d bytes", maxFilePath).Fix("give a shorter one")
	case !utf8.ValidString(p) || strings.ContainsFunc(p, unicode.IsControl):
		return fail("is not plain text")
	case strings.Contains(p, `\`):
		return fail("has a backslash in it")
	case path.Clean(p) != p || p == "." || p == ".." || strings.HasPrefix(p, "../"):
		return fail(`has an element ".", ".." or none between two slashes`)
	}
	for element := range strings.SplitSeq(p, "/") {
		if len(element) > maxFileName && !strings.HasPrefix(element, ReservedFile) {
			return fail("has a name in it that is too long")
		}
	}
	return nil
}

// ParseFileRef splits "[datastore] folder/file", vSphere's form; ok is false for text of another form. A trailing slash is of no
// matter.
func ParseFileRef(text string) (datastore, file string, ok bool) {
	rest, ok := strings.CutPrefix(text, "[")
	if !ok {
		return "", "", false
	}
	datastore, file, ok = strings.Cut(rest, "]")
	return datastore, strings.TrimSuffix(strings.TrimSpace(file), "/"), ok && datastore != ""
}

// FormatFileRef writes a file as vSphere does: "[datastore] folder/file".
func FormatFileRef(datastore, file string) string {
	return strings.TrimSuffix("["+datastore+"] "+file, " ")
}

// WithinFile reports whether the path p is folder or in it, at any depth.
func WithinFile(p, folder string) bool {
	return folder == "" || p == folder || strings.HasPrefix(p, folder+"/")
}

// CheckFileUse returns an error of kind WrongState where the reading or changing of the path p, with all that is in it, would
// touch the files of a machine, which are in the folder, or those of its disks elsewhere; name is the machine's. Reading disturbs only a
// machine with power: its disks, firmware variables and memory change under the reader.
func CheckFileUse(change bool, p, name, folder string, disks []Disk, power PowerState) error {
	for _, d := range disks {
		for _, file := range []string{d.File, FlatFile(d.File)} {
			if file == "" || WithinFile(file, folder) || !WithinFile(file, p) || !change && power != PoweredOn {
				continue
			}
			return Errorf(WrongState, "%s is its disk %s", file, d.Instance()).On(Describe(KindVirtualMachine, name)).
				Fix("choose another path, or take the disk out of the machine first: hanok vm disk remove --keep")
		}
	}
	if folder == "" || !WithinFile(p, folder) && !WithinFile(folder, p) {
		return nil
	}
	object := Describe(KindVirtualMachine, name)
	if change {
		return Errorf(WrongState, "its files are in the folder %s, and only it may change them", folder).On(object).
			Fix("choose another path, or unregister or delete the machine first")
	}
	kind := FileKindOf(p)
	if power != PoweredOn || p != folder && WithinFile(p, folder) && (kind == FileLog || kind == FileConfig) {
		return nil
	}
	return Errorf(WrongState, "%s changes while the machine is powered on", p).On(object).Fix("power it off first")
}
