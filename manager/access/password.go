package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"hanok/dc"
)

// The bounds of a password.
const (
	minPassword = 8   // characters
	maxPassword = 128 // bytes
)

// checkPassword returns an error of kind Invalid unless password may be the user's.
func checkPassword(user, password string) error {
	fail := func(msg string) error {
		return &dc.Error{Kind: dc.Invalid, Object: dc.Describe(dc.KindUser, user), Message: msg,
			Remedy: "choose a password of at least 8 characters and at most 128 bytes that is not the user name"}
	}
	switch {
	case !utf8.ValidString(password):
		return fail("the password is not UTF-8 text")
	case utf8.RuneCountInString(password) < minPassword:
		return fail("the password is too short")
	case len(password) > maxPassword:
		return fail("the password is too long")
	case strings.EqualFold(password, user):
		return fail("the password is the user name")
	}
	return nil
}

// params are the costs of an argon2id hash (RFC 9106).
type params struct {
	memory  uint32 // in KiB
	passes  uint32
	threads uint8
}

// current are the costs of new hashes: the first choice of OWASP's password storage cheat sheet with more memory than
// 12 MiB. One hash takes about 30 ms on a processor of 2020.
var current = params{memory: 19 * 1024, passes: 2, threads: 1}

// The lengths of a hash's parts, in bytes.
const (
	saltSize = 16
	keySize  = 32
)

// hasher makes and checks password hashes, a few at a time: each one is slow and takes 19 MiB on purpose, and anybody
// may ask for one.
type hasher struct {
	slots chan struct{}
	// nobody is a hash that no password has: checking against it takes as long as against a real one.
	nobody string
}

// newHasher returns a hasher that uses half of the processors at most.
func newHasher() *hasher {
	random := make([]byte, saltSize+keySize)
	rand.Read(random) // never fails since Go 1.24
	return &hasher{
		slots:  make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
		nobody: encode(current, random[:saltSize], random[saltSize:]),
	}
}

// hash returns a new argon2id hash of the password in PHC string form. The error is ctx's.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltSize)
	rand.Read(salt)
	key, err := h.key(ctx, password, salt, current)
	if err != nil {
		return "", err
	}
	return encode(current, salt, key), nil
}

// matches reports whether hash is one of the password. An empty hash is nobody's and costs the same. The error is
// ctx's, or Internal for a hash that cannot be read.
func (h *hasher) matches(ctx context.Context, hash, password string) (bool, error) {
	if hash == "" {
		hash = h.nobody
	}
	p, salt, want, err := decode(hash)
	if err != nil {
		return false, err
	}
	got, err := h.key(ctx, password, salt, p)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

func (h *hasher) key(ctx context.Context, password string, salt []byte, p params) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-h.slots }()
	return argon2.IDKey([]byte(password), salt, p.passes, p.memory, p.threads, keySize), nil
}

// encode returns the PHC string form: $argon2id$v=19$m=19456,t=2,p=1$SALT$KEY.
func encode(p params, salt, key []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.passes, p.threads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

// decode is the inverse of encode. Its error is of kind Internal: nobody but this room writes hashes.
func decode(hash string) (p params, salt, key []byte, err error) {
	bad := dc.Errorf(dc.Internal, "a stored password hash cannot be read")
	var version int
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return p, nil, nil, bad
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &p.memory, &p.passes, &p.threads); err != nil {
		return p, nil, nil, bad
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	key, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if version != argon2.Version || p.passes < 1 || p.threads < 1 || err1 != nil || err2 != nil || len(key) != keySize {
		return p, nil, nil, bad
	}
	return p, salt, key, nil
}

// fingerprint returns the SHA-256 of a secret in hexadecimal: what is stored in its stead.
func fingerprint(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
