package compose

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"regexp"
	"testing"
)

func TestPortsAreAllNamedAtOnce(t *testing.T) {
	top, err := Lookup("replicated")
	if err != nil {
		t.Fatal(err)
	}
	ports, err := top.ports(19000)
	if err != nil {
		t.Fatal(err)
	}
	if ports["80"] != 19080 || ports["31"] != 19031 {
		t.Errorf("ports from base 19000: got %v", ports)
	}
	if _, err := top.ports(65500); !errors.Is(err, ErrPort) {
		t.Errorf("base 65500: got %v, want ErrPort", err)
	}
}

func TestCheckPortFindsAPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := checkPort(port); !errors.Is(err, ErrPort) {
		t.Errorf("port in use: got %v, want ErrPort", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := checkPort(port); err != nil {
		t.Errorf("free port: %v", err)
	}
}

func TestFreeNetwork(t *testing.T) {
	taken := []netip.Prefix{netip.MustParsePrefix("10.213.0.0/24"), netip.MustParsePrefix("172.17.0.0/16")}
	for want, ok := range map[string]bool{"10.213.0.0/24": false, "10.213.1.0/24": true, "172.17.5.0/24": false} {
		if got := free(netip.MustParsePrefix(want), taken); got != ok {
			t.Errorf("free(%s) = %v, want %v", want, got, ok)
		}
	}
}

// No package source's host may be written into the images: they take the base's own.
func TestImagesNameNoMirror(t *testing.T) {
	url := regexp.MustCompile(`https?://[a-z0-9-]+\.[a-z]`)
	names, err := fs.ReadDir(files, "images")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range names {
		name := entry.Name()
		text, err := files.ReadFile("images/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if m := url.Find(text); m != nil {
			t.Errorf("images/%s names a host: %s", name, m)
		}
	}
}
