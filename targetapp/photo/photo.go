// Package photo keeps uploaded photos as files. A photo's name is the fingerprint of its bytes, so a name never changes its
// meaning: caches may keep it for ever, and the same photo sent twice is one file.
package photo

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // photos may be JPEG
	_ "image/png"  // or PNG
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// MaxBytes and MaxSide bound a photo: its file, and its width and height in pixels.
const (
	MaxBytes = 1 << 20
	MaxSide  = 2048
)

var (
	// ErrFormat says that the bytes are no JPEG or PNG image within the bounds.
	ErrFormat = errors.New("photo: not a JPEG or PNG image of at most 1 MiB and 2048 pixels a side")
	// ErrNone says that there is no photo of that name.
	ErrNone = errors.New("photo: there is none of that name")
)

// Album is a folder of photos. Web nodes may share it.
type Album struct{ Dir string }

var name = regexp.MustCompile(`^[0-9a-f]{32}(-[0-9]{1,4})?\.(jpeg|png)$`)

// Name is what the photo of these bytes is called, or ErrFormat.
func Name(photo []byte) (string, error) {
	cfg, format, err := image.DecodeConfig(bytes.NewReader(photo))
	if err != nil || len(photo) > MaxBytes || max(cfg.Width, cfg.Height) > MaxSide {
		return "", ErrFormat
	}
	sum := sha256.Sum256(photo)
	return hex.EncodeToString(sum[:16]) + "." + format, nil
}

// Add keeps a photo and returns its name. When it returns, the photo is on the disk.
func (a Album) Add(photo []byte) (string, error) {
	n, err := Name(photo)
	if err != nil {
		return "", err
	}
	return n, a.Put(n, photo)
}

// Put keeps bytes under a name of this package's form. Readers see all of them or nothing.
func (a Album) Put(n string, photo []byte) error {
	if !name.MatchString(n) {
		return fmt.Errorf("%w: %q", ErrNone, n)
	}
	f, err := os.CreateTemp(a.Dir, ".new-*")
	if err != nil {
		return fmt.Errorf("photo: %w", err)
	}
	_, err = f.Write(photo)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(a.Dir, n))
	}
	if err != nil {
		return fmt.Errorf("photo: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// Get returns the bytes of a photo, or ErrNone.
func (a Album) Get(n string) ([]byte, error) {
	if !name.MatchString(n) {
		return nil, fmt.Errorf("%w: %q", ErrNone, n)
	}
	b, err := os.ReadFile(filepath.Join(a.Dir, n))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %q", ErrNone, n)
	}
	return b, err
}
