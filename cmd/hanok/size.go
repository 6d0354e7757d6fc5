package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// sizeFlag is a number of bytes as people write it: "512M", "10G", "1.5T"; the units are powers of 1024.
type sizeFlag int64

func (f *sizeFlag) Set(s string) error {
	n, err := parseSize(s)
	if err == nil {
		*f = sizeFlag(n)
	}
	return err
}

func (f *sizeFlag) String() string {
	if *f == 0 {
		return "" // none was given
	}
	return bytesText(int64(*f))
}

func (*sizeFlag) Type() string { return "SIZE" }

// sizesFlag is a list of sizes: the flag may be given several times.
type sizesFlag []int64

func (f *sizesFlag) Set(s string) error {
	n, err := parseSize(s)
	if err == nil {
		*f = append(*f, n)
	}
	return err
}

func (f *sizesFlag) String() string { return "" }
func (*sizesFlag) Type() string     { return "SIZE" }

var errSize = errors.New("it is no size such as 512M or 10G")

// parseSize returns the bytes of a size: a whole megabyte or several.
func parseSize(s string) (int64, error) {
	text := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(s), "B"), "I")
	if text == "" {
		return 0, errSize
	}
	unit := strings.IndexByte("KMGT", text[len(text)-1])
	if unit < 0 {
		return 0, fmt.Errorf("%w: a unit of K, M, G or T is missing", errSize)
	}
	n, err := strconv.ParseFloat(text[:len(text)-1], 64)
	if err != nil || n <= 0 || math.IsInf(n, 0) || math.IsNaN(n) {
		return 0, errSize
	}
	size := n * float64(int64(1)<<(10*(unit+1)))
	switch {
	case size > 1<<56:
		return 0, errors.New("it is larger than anything")
	case size < 1<<20 || math.Mod(size, 1<<20) != 0:
		return 0, fmt.Errorf("it is no whole number of megabytes")
	}
	return int64(size), nil
}
