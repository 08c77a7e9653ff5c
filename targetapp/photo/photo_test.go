package photo_test

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"os"
	"testing"

	"gauntlet/targetapp/photo"
)

func picture(t *testing.T, width int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, width, 1))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAlbum(t *testing.T) {
	a := photo.Album{Dir: t.TempDir()}
	want := picture(t, 3)
	name, err := a.Add(want)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := a.Add(want); err != nil || again != name {
		t.Errorf("the same photo again: %q, %v; want %q", again, err, name)
	}
	if got, err := a.Get(name); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, %v; want %d", len(got), err, len(want))
	}
	if files, err := os.ReadDir(a.Dir); err != nil || len(files) != 1 {
		t.Errorf("%d files, %v; want 1", len(files), err)
	}
	for _, n := range []string{"", "../x.png", "0123456789abcdef0123456789abcdef.png", "/etc/passwd"} {
		if _, err := a.Get(n); !errors.Is(err, photo.ErrNone) {
			t.Errorf("Get(%q): %v, want ErrNone", n, err)
		}
	}
	for what, b := range map[string][]byte{"text": []byte("hello"), "nothing": nil, "too wide": picture(t, photo.MaxSide+1)} {
		if _, err := a.Add(b); !errors.Is(err, photo.ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", what, err)
		}
	}
}
