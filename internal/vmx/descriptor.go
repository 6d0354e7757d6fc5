package vmx

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// SectorSize is the unit of an extent's length, in bytes.
const SectorSize = 512

// signature begins every descriptor.
const signature = "# Disk DescriptorFile"

// Descriptor is the text part of a virtual disk: which files hold its bytes. Keys that nobody knows stay, in their order;
// comments don't.
type Descriptor struct {
	// Header has the keys before the extents: version, CID, parentCID, createType.
	Header []Field
	// Extents are the parts of the disk, in order.
	Extents []Extent
	// Database has the keys that begin with "ddb.".
	Database []Field
}

// Field is a key with its value, without quotes.
type Field struct{ Key, Value string }

// Extent is one part of a disk.
type Extent struct {
	// Access is RW, RDONLY or NOACCESS.
	Access string
	// Sectors is its length in sectors of 512 bytes.
	Sectors int64
	// Type is FLAT, VMFS, SPARSE, VMFSSPARSE, SESPARSE, VMFSRDM, VMFSRAW or ZERO.
	Type string
	// File is the name of the file, "" for ZERO. It is not checked: it may climb out of the folder, so never open it as it is.
	File string
	// Offset is where it begins in the file, in sectors.
	Offset int64
}

// NewFlat returns the descriptor of a thin disk whose bytes are in one raw file, as ESXi writes it. capacity is in bytes,
// a multiple of SectorSize. file must have no quotation mark and no control character in it: the format can't hold them.
// unique tells the disk from all others, where the guest can see it.
func NewFlat(file string, capacity int64, hardwareVersion string, unique [10]byte) *Descriptor {
	sectors := capacity / SectorSize
	heads, perTrack := geometry(sectors)
	return &Descriptor{
		Header: []Field{
			{"version", "1"},
			{"encoding", "UTF-8"},
			{"CID", "fffffffe"},
			{"parentCID", "ffffffff"},
			{"createType", "vmfs"},
		},
		Extents: []Extent{{Access: "RW", Sectors: sectors, Type: "VMFS", File: file}},
		Database: []Field{
			{"ddb.adapterType", "lsilogic"}, // for every kind of SCSI controller
			{"ddb.geometry.cylinders", strconv.FormatInt(sectors/(heads*perTrack), 10)},
			{"ddb.geometry.heads", strconv.FormatInt(heads, 10)},
			{"ddb.geometry.sectors", strconv.FormatInt(perTrack, 10)},
			{"ddb.thinProvisioned", "1"},
			{"ddb.uuid", diskUUID(unique)},
			{"ddb.virtualHWVersion", hardwareVersion},
		},
	}
}

// SetThick says that all blocks of the disk are taken.
func (d *Descriptor) SetThick() { d.setDatabase("ddb.thinProvisioned", "") }

// SetIDE says that the disk is on an IDE controller, and gives it the geometry of such a one.
func (d *Descriptor) SetIDE() {
	const heads, perTrack, most = 16, 63, 16383
	var sectors int64
	for _, e := range d.Extents {
		sectors += e.Sectors
	}
	d.setDatabase("ddb.adapterType", "ide")
	d.setDatabase("ddb.geometry.cylinders", strconv.FormatInt(min(most, sectors/(heads*perTrack)), 10))
	d.setDatabase("ddb.geometry.heads", strconv.Itoa(heads))
	d.setDatabase("ddb.geometry.sectors", strconv.Itoa(perTrack))
}

// setDatabase gives a key that is there a value, or removes it if that is empty.
func (d *Descriptor) setDatabase(key, value string) {
	if value == "" {
		d.Database = slices.DeleteFunc(d.Database, func(f Field) bool { return f.Key == key })
		return
	}
	for i := range d.Database {
		if d.Database[i].Key == key {
			d.Database[i].Value = value
		}
	}
}

// geometry returns the heads and the sectors a track that ESXi gives a SCSI disk of that size.
func geometry(sectors int64) (heads, perTrack int64) {
	const gigabyte = 1 << 30 / SectorSize
	switch {
	case sectors < gigabyte:
		return 64, 32
	case sectors < 2*gigabyte:
		return 128, 32
	}
	return 255, 63
}

// diskUUID is a UUID as disks have it: a network address authority identifier (NAA) of type 6, with VMware's number.
func diskUUID(unique [10]byte) string {
	b := append([]byte{0x60, 0x00, 0xc2, 0x90}, unique[:]...)
	b = append(b, 0, 0)
	return spaced(b[:8]) + "-" + spaced(b[8:])
}

// ParseDescriptor reads a descriptor. The error is a *SyntaxError. Refused are: a file larger than MaxSize, one that does
// not begin as descriptors do, a line that is no comment, key or extent, a key that occurs twice, and lengths that no
// disk has.
func ParseDescriptor(data []byte) (*Descriptor, error) {
	if len(data) > MaxSize {
		return nil, syntaxErrorf(1, "the file is longer than %d bytes", MaxSize)
	}
	d := &Descriptor{}
	seen := map[string]int{}
	for number, text := range splitLines(data) {
		number++
		text = strings.TrimSpace(text)
		switch {
		case number == 1 && !strings.EqualFold(text, signature):
			return nil, syntaxErrorf(1, "it is not %q: this is no descriptor", signature)
		case text == "" || text[0] == '#':
			continue
		case !utf8.ValidString(text):
			return nil, syntaxErrorf(number, "the text is not UTF-8")
		}
		if access, rest, _ := strings.Cut(text, " "); access == "RW" || access == "RDONLY" || access == "NOACCESS" {
			extent, err := parseExtent(access, rest)
			if err != nil {
				return nil, syntaxErrorf(number, "%v", err)
			}
			d.Extents = append(d.Extents, extent)
			continue
		}
		key, value, err := parseField(text)
		if err != nil {
			return nil, syntaxErrorf(number, "%v", err)
		}
		if first, ok := seen[key]; ok {
			return nil, syntaxErrorf(number, "the key %s stands in line %d already", key, first)
		}
		seen[key] = number
		if strings.HasPrefix(key, "ddb.") {
			d.Database = append(d.Database, Field{key, value})
		} else {
			d.Header = append(d.Header, Field{key, value})
		}
	}
	if len(seen) == 0 {
		return nil, syntaxErrorf(1, "there is nothing in it")
	}
	return d, nil
}

// parseField splits key=value. The format has no escapes.
func parseField(text string) (key, value string, err error) {
	key, value, ok := strings.Cut(text, "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	if !ok {
		return "", "", fmt.Errorf("it is neither a key nor an extent")
	}
	if !validKey(key) {
		return "", "", fmt.Errorf("%q is not a key", key)
	}
	if inner, ok := strings.CutPrefix(value, `"`); ok {
		if value, ok = strings.CutSuffix(inner, `"`); !ok {
			return "", "", fmt.Errorf("the value of %s has no closing quotation mark", key)
		}
	}
	if strings.Contains(value, `"`) || hasControl(value) {
		return "", "", fmt.Errorf("the value of %s is not plain text", key)
	}
	return key, value, nil
}

// parseExtent reads what follows the access: SECTORS TYPE ["FILE" [OFFSET]].
func parseExtent(access, rest string) (Extent, error) {
	e := Extent{Access: access}
	length, rest, _ := strings.Cut(strings.TrimSpace(rest), " ")
	var err error
	if e.Sectors, err = parseSectors(length); err != nil {
		return e, fmt.Errorf("the extent's length %w", err)
	}
	e.Type, rest, _ = strings.Cut(strings.TrimSpace(rest), " ")
	rest = strings.TrimSpace(rest)
	switch e.Type {
	case "ZERO":
		if rest != "" {
			return e, fmt.Errorf("there is text behind the extent")
		}
		return e, nil
	case "FLAT", "VMFS", "SPARSE", "VMFSSPARSE", "SESPARSE", "VMFSRDM", "VMFSRAW":
	default:
		return e, fmt.Errorf("there are no extents of type %q", e.Type)
	}
	if rest, ok := strings.CutPrefix(rest, `"`); !ok {
		return e, fmt.Errorf("the extent's file has no quotation marks")
	} else if e.File, rest, ok = strings.Cut(rest, `"`); !ok || e.File == "" || hasControl(e.File) {
		return e, fmt.Errorf("the extent's file is not a name in quotation marks")
	} else if rest = strings.TrimSpace(rest); rest != "" {
		if e.Offset, err = parseSectors(rest); err != nil {
			return e, fmt.Errorf("the extent's offset %w", err)
		}
	}
	return e, nil
}

// parseSectors reads a number of sectors whose bytes can be counted in 63 bits.
func parseSectors(text string) (int64, error) {
	n, err := strconv.ParseUint(text, 10, 54)
	if err != nil {
		return 0, fmt.Errorf("is %q, not a number of sectors", text)
	}
	return int64(n), nil
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// Get returns the value of a key of the header or the database, and whether there is one.
func (d *Descriptor) Get(key string) (string, bool) {
	for _, fields := range [][]Field{d.Header, d.Database} {
		for _, f := range fields {
			if f.Key == key {
				return f.Value, true
			}
		}
	}
	return "", false
}

// Bytes returns the content as it is to be written.
func (d *Descriptor) Bytes() []byte {
	var b bytes.Buffer
	fmt.Fprintln(&b, signature)
	for _, f := range d.Header {
		switch f.Key {
		case "version", "CID", "parentCID":
			fmt.Fprintf(&b, "%s=%s\n", f.Key, f.Value)
		default:
			fmt.Fprintf(&b, "%s=\"%s\"\n", f.Key, f.Value)
		}
	}
	fmt.Fprint(&b, "\n# Extent description\n")
	for _, e := range d.Extents {
		switch {
		case e.Type == "ZERO":
			fmt.Fprintf(&b, "%s %d ZERO\n", e.Access, e.Sectors)
		case e.Offset == 0 && e.Type != "FLAT":
			fmt.Fprintf(&b, "%s %d %s \"%s\"\n", e.Access, e.Sectors, e.Type, e.File)
		default:
			fmt.Fprintf(&b, "%s %d %s \"%s\" %d\n", e.Access, e.Sectors, e.Type, e.File, e.Offset)
		}
	}
	fmt.Fprint(&b, "\n# The Disk Data Base\n#DDB\n\n")
	for _, f := range d.Database {
		fmt.Fprintf(&b, "%s = \"%s\"\n", f.Key, f.Value)
	}
	return b.Bytes()
}
