package compose

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOnlyDebiansOwnSourcesAreTaken(t *testing.T) {
	tests := []struct {
		name, file, text, mirror string
		want                     bool
	}{
		{"one line", "a.list", "deb http://mirror.example/debian bookworm main\n", "http://mirror.example/debian", true},
		{"options", "a.list", "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian bookworm main contrib\n", "http://mirror.example/debian", true},
		{"deb822", "a.sources", "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n", "http://mirror.example/debian", true},
		{"deb822, value on the next line", "a.sources", "Types: deb\nURIs:\n http://mirror.example/debian\nSuites: bookworm\nComponents: main\n", "http://mirror.example/debian", true},
		{"comment", "a.list", "# deb http://mirror.example/debian bookworm main\n", "", false},
		{"sources only", "a.list", "deb-src http://mirror.example/debian bookworm main\n", "", false},
		{"disabled", "a.sources", "Enabled: no\nTypes: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n", "", false},
		{"another release", "a.list", "deb http://mirror.example/debian trixie main\n", "", false},
		{"vendor with its own component", "a.list", "deb [signed-by=/etc/apt/keyrings/vendor.asc] https://vendor.example/linux/debian bookworm stable\n", "", false},
		{"vendor with its own key", "a.list", "deb [arch=amd64 signed-by=/usr/share/keyrings/vendor.gpg] https://vendor.example bookworm main\n", "", false},
		{"vendor with its own key, deb822", "a.sources", "Types: deb\nURIs: https://vendor.example/debian\nSuites: bookworm\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n", "", false},
		{"vendor with its own suite", "a.list", "deb https://vendor.example/apt bookworm-vendor main\n", "", false},
		{"cut off", "a.list", "deb [arch=amd64\n", "", false},
		{"empty", "a.list", "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := hostSources(aptDir(t, map[string]string{tt.file: tt.text}))
			if got := err == nil; got != tt.want {
				t.Fatalf("taken: %v (%v), want %v", got, err, tt.want)
			}
			if s.mirror != tt.mirror {
				t.Errorf("mirror %q, want %q", s.mirror, tt.mirror)
			}
		})
	}
}

func TestSourcesOfMixedFiles(t *testing.T) {
	root := aptDir(t, map[string]string{
		"mixed.list":    "deb http://one.example/debian bookworm main\ndeb [signed-by=/k.gpg] https://vendor.example bookworm main\n",
		"mixed.sources": "Types: deb\nURIs: http://two.example/debian-security\nSuites: bookworm-security\nComponents: main\n\nTypes: deb\nURIs: https://vendor.example\nSuites: nodistro\nComponents: main\n",
	})
	s, err := hostSources(root)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	names, err := s.write(dir)
	if err != nil || len(names) != 2 {
		t.Fatalf("wrote %v, %v; want two files", names, err)
	}
	all := ""
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all += string(text)
	}
	if !strings.Contains(all, "one.example") || !strings.Contains(all, "two.example") || strings.Contains(all, "vendor.example") {
		t.Errorf("sources for the image:\n%s\nwant those of one.example and two.example only", all)
	}
}

func TestAHostWithoutDebianSourcesIsToldWhatToDo(t *testing.T) {
	_, err := hostSources(t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "docker pull") {
		t.Errorf("error %v, want one that says how to get the image", err)
	}
}

// aptDir makes a folder like /etc/apt with these files in sources.list.d.
func aptDir(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "sources.list.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(root, "sources.list.d", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
