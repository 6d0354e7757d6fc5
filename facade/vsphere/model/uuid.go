package model

import (
	"crypto/sha256"
	"fmt"
)

// APIVersion is the version of the vSphere API that is spoken to clients that know it or a newer one.
const APIVersion = "8.0.0.1"

// UUID returns a UUID (RFC 9562, version 8) that is always the same for the name.
func UUID(name string) string {
	sum := sha256.Sum256([]byte(name))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
