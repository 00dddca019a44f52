package snapshot

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

// EnvKey names the environment's key for snapshots.
const EnvKey = "PORTRAIT_SNAPSHOT_KEY"

// keyBytes is the least a key must have.
const keyBytes = 32

// Key seals snapshots. It is not the key that identifiers are hashed with: who may restore a state need
// not be able to link it to people.
type Key struct {
	secret []byte
	id     string
}

// Format hides the key from every verb.
func (k *Key) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "[snapshot key]") }

// NewKey returns a key of 32 bytes or more.
func NewKey(secret []byte) (*Key, error) {
	if len(secret) < keyBytes {
		return nil, fmt.Errorf("snapshot key of %d bytes; want %d or more (openssl rand -hex 32)", len(secret), keyBytes)
	}
	id, err := hkdf.Key(sha256.New, secret, nil, "portrait snapshot key id", 6)
	if err != nil {
		return nil, fmt.Errorf("snapshot key: %w", err)
	}
	return &Key{secret: secret, id: hex.EncodeToString(id)}, nil
}

// LoadKey reads a key, hex or base64, from a text or else from a file. Without either it returns nil:
// snapshots are then not sealed.
func LoadKey(text, file string) (*Key, error) {
	if text == "" && file == "" {
		return nil, nil
	}
	if text == "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("snapshot key: %w", err)
		}
		text = string(b)
	}
	text = strings.TrimSpace(text)
	secret, err := hex.DecodeString(text)
	if err != nil {
		if secret, err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, errors.New("snapshot key is neither hex nor base64 (openssl rand -hex 32)")
		}
	}
	return NewKey(secret)
}

// newSalt returns what makes an object's key its own.
func newSalt() []byte {
	salt := make([]byte, 32)
	_, _ = rand.Read(salt) // never fails: crypto/rand
	return salt
}

// seal returns the cipher of one object. Its key serves no other, so the chunk's number is nonce enough.
func (k *Key) seal(salt []byte) (cipher.AEAD, error) {
	secret, err := hkdf.Key(sha256.New, k.secret, salt, "portrait snapshot", 32)
	if err != nil {
		return nil, fmt.Errorf("snapshot key: %w", err)
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, fmt.Errorf("snapshot key: %w", err)
	}
	return cipher.NewGCM(block)
}

func nonce(number uint64) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 4, 12), number)
}

// unsealer returns the cipher that a header asks for; nil if the object is not sealed.
func unsealer(h *Header, key *Key) (cipher.AEAD, error) {
	switch {
	case len(h.salt) == 0:
		return nil, nil
	case key == nil:
		return nil, fmt.Errorf("snapshot is sealed with key %s, and none is configured: set %s or snapshots.key_file", h.keyID, EnvKey)
	case key.id != h.keyID:
		return nil, fmt.Errorf("snapshot is sealed with key %s, the configured one is %s", h.keyID, key.id)
	}
	return key.seal(h.salt)
}
