package normalize

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
)

// KeyBytes is the least length of a key: that of the hash, more adds nothing.
const KeyBytes = 32

// EnvKey is the environment variable that holds the key.
const EnvKey = "PORTRAIT_KEY"

// ErrNoKey says that neither the environment nor the file holds a key.
var ErrNoKey = errors.New("no key")

// Keys are the secrets of one deployment, derived from one key: a sub-key per purpose, so that what
// one purpose shows tells nothing about another. They print as "[key <id>]", whatever the verb.
type Keys struct {
	id          string
	check       string
	identifiers [sha256.Size]byte
	profiles    [sha256.Size]byte
}

// NewKeys derives the keys from secret. It fails if secret is shorter than KeyBytes.
func NewKeys(secret []byte) (Keys, error) {
	if len(secret) < KeyBytes {
		return Keys{}, fmt.Errorf("key: %d bytes; want at least %d", len(secret), KeyBytes)
	}
	id, check := derive(secret, "portrait/key-id/1"), derive(secret, "portrait/key-check/1")
	return Keys{
		id:          hex.EncodeToString(id[:4]),
		check:       hex.EncodeToString(check[:16]),
		identifiers: derive(secret, "portrait/identifiers/1"),
		profiles:    derive(secret, "portrait/profiles/1"),
	}, nil
}

func derive(secret []byte, label string) (out [sha256.Size]byte) {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(label))
	m.Sum(out[:0])
	return out
}

// LoadKeys reads the key from env, the text of PORTRAIT_KEY, or if that is empty from the file. The
// text is hex or base64 of at least KeyBytes bytes. The error wraps ErrNoKey if there is none.
func LoadKeys(env, file string) (Keys, error) {
	if env = strings.TrimSpace(env); env != "" {
		return parseKeys(env, EnvKey)
	}
	if file == "" {
		return Keys{}, fmt.Errorf("keys: %w: set %s or name a key file", ErrNoKey, EnvKey)
	}
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return Keys{}, fmt.Errorf("keys: %w: %s is not set and %s does not exist", ErrNoKey, EnvKey, file)
	}
	if err != nil {
		return Keys{}, fmt.Errorf("keys: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 { // its group may: that is how Kubernetes mounts secrets
		return Keys{}, fmt.Errorf("keys: others may read %s (mode %04o); run: chmod 600 %s", file, info.Mode().Perm(), file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return Keys{}, fmt.Errorf("keys: %w", err)
	}
	return parseKeys(strings.TrimSpace(string(text)), file)
}

func parseKeys(text, where string) (Keys, error) {
	encodings := []func(string) ([]byte, error){
		hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString,
		base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	}
	for _, decode := range encodings {
		if secret, err := decode(text); err == nil {
			k, err := NewKeys(secret)
			if err != nil {
				return Keys{}, fmt.Errorf("%s: %w", where, err)
			}
			return k, nil
		}
	}
	return Keys{}, fmt.Errorf("%s: not hex or base64; make a key with: openssl rand -hex %d", where, KeyBytes)
}

// Generate makes a random key and writes it to a new file that only its owner may read. It fails if
// the file exists: another key would make strangers of all known people.
func Generate(path string) (Keys, error) {
	secret := make([]byte, KeyBytes)
	if _, err := rand.Read(secret); err != nil {
		return Keys{}, fmt.Errorf("make key: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Keys{}, fmt.Errorf("make key: %w", err)
	}
	_, err = f.WriteString(hex.EncodeToString(secret) + "\n")
	if err == nil {
		err = f.Sync() // a lost key cannot be made again
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return Keys{}, fmt.Errorf("make key: write %s: %w", path, err)
	}
	return NewKeys(secret)
}

// ID names the key: the deployment record's KeyID and the front of every hashed value.
func (k Keys) ID() string { return k.id }

// KeyCheck is a value that only this key gives: the deployment record's KeyCheck.
func (k Keys) KeyCheck() string { return k.check }

// ProfileKey is the sub-key that profile ids are derived with (32 bytes).
func (k Keys) ProfileKey() []byte { return append([]byte(nil), k.profiles[:]...) }

// Verify says whether these are the keys that a deployment recorded.
func (k Keys) Verify(keyID, keyCheck string) error {
	if k.id == "" {
		return fmt.Errorf("keys: %w", ErrNoKey)
	}
	if k.id != keyID || !hmac.Equal([]byte(k.check), []byte(keyCheck)) {
		return fmt.Errorf("keys: this is key %s, the deployment was made with key %q; "+
			"set %s to that key, or begin a new deployment in another data directory", k.id, keyID, EnvKey)
	}
	return nil
}

func (k Keys) redacted() string { return "[key " + k.id + "]" }

// String hides the secret.
func (k Keys) String() string { return k.redacted() }

// GoString hides the secret.
func (k Keys) GoString() string { return k.redacted() }

// Format hides the secret from every verb, %x included.
func (k Keys) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.redacted()) }

// LogValue hides the secret.
func (k Keys) LogValue() slog.Value { return slog.StringValue(k.redacted()) }
