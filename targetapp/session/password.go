package session

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// Rounds of PBKDF2. Deliberately few: the passwords are public test data, and logins arrive at 10/s on a machine of two
// cores that also runs the databases; the load of a fault experiment must not be the price of hashing. A product would
// take 600,000 (OWASP, PBKDF2-HMAC-SHA256).
const rounds = 1000

// maxRounds bounds what a stored hash may make us compute.
const maxRounds = 1_000_000

const hashBytes, saltBytes = 32, 16

// Hash returns "pbkdf2-sha256$rounds$salt$hash" with a fresh salt.
func Hash(password string) (string, error) {
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	sum, err := pbkdf2.Key(sha256.New, password, salt, rounds, hashBytes)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	b64 := base64.RawStdEncoding.EncodeToString
	return "pbkdf2-sha256$" + strconv.Itoa(rounds) + "$" + b64(salt) + "$" + b64(sum), nil
}

// Matches says whether password made hash. A hash that is not one of ours matches nothing.
func Matches(hash, password string) bool {
	f := strings.Split(hash, "$")
	if len(f) != 4 || f[0] != "pbkdf2-sha256" {
		return false
	}
	n, err1 := strconv.Atoi(f[1])
	salt, err2 := base64.RawStdEncoding.DecodeString(f[2])
	want, err3 := base64.RawStdEncoding.DecodeString(f[3])
	if err1 != nil || err2 != nil || err3 != nil || n < 1 || n > maxRounds || len(want) != hashBytes {
		return false
	}
	got, err := pbkdf2.Key(sha256.New, password, salt, n, hashBytes)
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1
}
