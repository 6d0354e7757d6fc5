package inflate

import "math/bits"

// The lengths and distances of RFC 1951, 3.2.5: where each code's begin, and how many extra bits it has.
var (
	lengthBase = [29]uint32{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthMore = [29]uint32{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distBase   = [30]uint32{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193,
		12289, 16385, 24577}
	distMore = [30]uint32{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

// fixed are the lengths of the codes of blocks that bring none: 288 of literals, 32 of distances.
var fixed = func() (lengths [288 + 32]byte) {
	for i := range lengths {
		switch {
		case i < 144, i >= 280 && i < 288:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		case i < 280:
			lengths[i] = 7
		default:
			lengths[i] = 5
		}
	}
	return lengths
}()

// The entries of symbols without the number of their bits; 0 is none.
func plainEntry(symbol int) uint32 { return uint32(symbol) << 16 }

func literalEntry(symbol int) uint32 {
	switch {
	case symbol < 256:
		return literal | uint32(symbol)<<8
	case symbol == 256:
		return end
	case symbol-257 < len(lengthBase):
		return lengthBase[symbol-257]<<16 | lengthMore[symbol-257]<<8
	}
	return 0
}

func distanceEntry(symbol int) uint32 {
	if symbol < len(distBase) {
		return distBase[symbol]<<16 | distMore[symbol]<<8
	}
	return 0
}

// build makes the table of canonical codes with the lengths, indexed by so many bits, whose links to tables of longer codes have the
// flag link. It reports whether there can be such codes.
func build(table []uint32, lengths []byte, width int, link uint32, entry func(symbol int) uint32) bool {
	var count [maxCode + 1]int
	for _, n := range lengths {
		count[n]++
	}
	count[0] = 0
	left := 1
	var next [maxCode + 2]int // where the symbols of a length begin
	for n := 1; n <= maxCode; n++ {
		left = left<<1 - count[n]
		next[n+1] = next[n] + count[n]
		if left < 0 {
			return false
		}
	}
	if all := next[maxCode+1]; left > 0 {
		if all > 1 || all != count[1] { // none, or a single one of one bit, may leave codes without symbols
			return false
		}
		clear(table)
	}
	var sorted [288]uint16
	for symbol, n := range lengths {
		if n > 0 {
			sorted[next[n]] = uint16(symbol)
			next[n]++
		}
	}
	code, begin, sub, subWidth, prefix := 0, 1<<width, 0, 0, -1
	symbols := sorted[:]
	for n := 1; n <= maxCode; n, code = n+1, code<<1 {
		for ; count[n] > 0; count[n]-- {
			e := entry(int(symbols[0]))
			symbols = symbols[1:]
			reversed := int(bits.Reverse16(uint16(code)) >> (16 - n))
			code++
			if n <= width {
				if e != 0 || link == 0 {
					e |= uint32(n)
				}
				for i := reversed; i < 1<<width; i += 1 << n {
					table[i] = e
				}
				continue
			}
			if p := reversed & (1<<width - 1); p != prefix {
				prefix, sub, subWidth = p, begin, n-width
				for room := count[n]; room < 1<<subWidth && width+subWidth < maxCode; {
					subWidth++
					room = room<<1 + count[width+subWidth]
				}
				if begin += 1 << subWidth; begin > len(table) {
					return false
				}
				table[p] = link | uint32(sub)<<16 | uint32(subWidth)<<8 | uint32(width)
			}
			if e != 0 {
				e |= uint32(n - width)
			}
			for i := reversed >> width; i < 1<<subWidth; i += 1 << (n - width) {
				table[sub+i] = e
			}
		}
	}
	return true
}
