package diskimage

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"fmt"
)

// content is a disk of 300 KB with data in three places and zeros between.
func content() []byte {
	b := make([]byte, 300<<10)
	for i := range 5000 {
		b[i] = byte(i * 7)
	}
	copy(b[130<<10:], bytes.Repeat([]byte("middle "), 3000))
	copy(b[len(b)-700:], bytes.Repeat([]byte("end "), 175))
	return b
}

func put(b []byte, at int, data []byte) []byte {
	if need := at + len(data); need > len(b) {
		b = append(b, make([]byte, need-len(b))...)
	}
	copy(b[at:], data)
	return b
}

func zero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// makeQCOW2 writes a version 3 image with clusters of 4 KB, of which every other one is compressed if packed is set.
func makeQCOW2(disk []byte, packed bool) []byte {
	const cluster = 4096
	h := make([]byte, 112)
	copy(h, "QFI\xfb")
	be.PutUint32(h[4:], 3)
	be.PutUint32(h[20:], 12)
	be.PutUint64(h[24:], uint64(len(disk)))
	be.PutUint32(h[36:], 1)
	be.PutUint64(h[40:], cluster)
	be.PutUint32(h[100:], 104)
	out := put(nil, 0, h)
	out = put(out, cluster, be.AppendUint64(nil, 2*cluster|1<<63))
	l2 := make([]byte, cluster)
	out = put(out, 3*cluster-1, []byte{0})
	for i := 0; i*cluster < len(disk); i++ {
		data := disk[i*cluster : min(len(disk), (i+1)*cluster)]
		if zero(data) {
			continue
		}
		if packed && i%2 == 0 {
			var b bytes.Buffer
			w, _ := flate.NewWriter(&b, 9)
			w.Write(append(bytes.Clone(data), make([]byte, cluster-len(data))...))
			w.Close()
			at := len(out) + 3 // compressed clusters are not aligned
			end := at + b.Len()
			sectors := (end-1)/sector - at/sector
			be.PutUint64(l2[i*8:], uint64(at)|uint64(sectors)<<(62-(12-8))|qcowCompressed)
			out = put(out, at, b.Bytes())
			continue
		}
		at := (len(out) + cluster - 1) / cluster * cluster
		be.PutUint64(l2[i*8:], uint64(at)|1<<63)
		out = put(out, at, data)
	}
	out = put(out, len(out)+sector, []byte{0})
	return put(out, 2*cluster, l2)
}

// makeSparse writes a KDMV extent with grains of 4 KB and tables of 16 entries: a stream with a footer if packed is set.
func makeSparse(disk []byte, packed bool, descriptor string) []byte {
	const grain, perTable = 8, 16
	h := make([]byte, sector)
	copy(h, "KDMV")
	le.PutUint32(h[4:], 1)
	le.PutUint32(h[8:], 1|4)
	le.PutUint64(h[12:], uint64(len(disk)/sector))
	le.PutUint64(h[20:], grain)
	le.PutUint64(h[28:], 1)
	le.PutUint64(h[36:], 2)
	le.PutUint32(h[44:], perTable)
	copy(h[73:], "\n \r\n")
	if packed {
		le.PutUint32(h[4:], 3)
		le.PutUint32(h[8:], 1|1<<16|1<<17)
		le.PutUint16(h[77:], 1)
	}
	out := put(make([]byte, 3*sector), sector, []byte(descriptor))
	align := func() int {
		out = append(out, make([]byte, (sector-len(out)%sector)%sector)...)
		return len(out)
	}
	grains := (len(disk) + grain*sector - 1) / (grain * sector)
	tables := (grains + perTable - 1) / perTable
	gd := make([]byte, tables*4)
	for i := range tables {
		gt := make([]byte, perTable*4)
		for j := range perTable {
			offset := (i*perTable + j) * grain * sector
			if offset >= len(disk) || zero(disk[offset:min(len(disk), offset+grain*sector)]) {
				continue
			}
			data := disk[offset:min(len(disk), offset+grain*sector)]
			at := align()
			le.PutUint32(gt[j*4:], uint32(at/sector))
			if packed {
				var b bytes.Buffer
				w := zlib.NewWriter(&b)
				w.Write(data)
				w.Close()
				head := make([]byte, grainHeader)
				le.PutUint64(head, uint64(offset/sector))
				le.PutUint32(head[8:], uint32(b.Len()))
				data = append(head, b.Bytes()...)
			}
			out = append(out, data...)
		}
		at := align()
		out = append(out, gt...)
		le.PutUint32(gd[i*4:], uint32(at/sector))
	}
	at := align()
	out = append(out, gd...)
	le.PutUint64(h[56:], uint64(at/sector))
	if packed {
		align()
		marker := make([]byte, sector)
		le.PutUint32(marker[12:], 3)
		out = append(append(out, marker...), h...)
		out = append(out, make([]byte, sector)...)
		h = bytes.Clone(h)
		le.PutUint64(h[56:], atEnd)
	}
	return put(out, 0, h)
}

// makeCOWD writes ESX's sparse format with grains of one sector.
func makeCOWD(disk []byte) []byte {
	h := make([]byte, 4*sector)
	copy(h, "COWD")
	for i, v := range []uint32{1, 3, uint32(len(disk) / sector), 1, 4} {
		le.PutUint32(h[4+i*4:], v)
	}
	gt := make([]byte, 4096*4)
	out := append(h, make([]byte, sector)...)
	le.PutUint32(out[4*sector:], 5)
	data := len(out) + len(gt)
	var grains []byte
	for i := range len(disk) / sector {
		if g := disk[i*sector : (i+1)*sector]; !zero(g) {
			le.PutUint32(gt[i*4:], uint32((data+len(grains))/sector))
			grains = append(grains, g...)
		}
	}
	return append(append(out, gt...), grains...)
}

// makeSE writes seSparse as vSphere's snapshots have it.
func makeSE(disk []byte) []byte {
	h := make([]byte, 3*sector)
	for i, v := range map[int]uint64{0: 0xcafebabe, 1: 0x200000001, 2: uint64(len(disk) / sector), 3: 8, 4: 64, 10: 1, 11: 1, 16: 2, 17: 1, 18: 3, 24: 3 + 64} {
		le.PutUint64(h[i*8:], v)
	}
	le.PutUint64(h[sector:], 0xcafecafe)
	le.PutUint64(h[2*sector:], 1<<60)
	gt := make([]byte, 64*sector)
	var grains []byte
	for i := 0; i*4096 < len(disk); i++ {
		if g := disk[i*4096 : min(len(disk), (i+1)*4096)]; !zero(g) {
			n := uint64(len(grains) / 4096)
			le.PutUint64(gt[i*8:], 3<<60|n>>12|n&0xfff<<48)
			grains = append(grains, append(bytes.Clone(g), make([]byte, 4096-len(g))...)...)
		}
	}
	return append(append(h, gt...), grains...)
}

// text is a descriptor of the type with the lines of extents.
func text(kind string, extents ...string) string {
	s := "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType=\"" + kind + "\"\n\n"
	for _, e := range extents {
		s += e + "\n"
	}
	return s + "\nddb.adapterType = \"lsilogic\"\n"
}

func rw(disk []byte, rest string) string { return fmt.Sprintf("RW %d %s", len(disk)/sector, rest) }
