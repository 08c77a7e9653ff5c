package compose

import (
	"os"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/system"
)

// The API decides, not what the engine calls itself.
func TestOldEnginesAreRefused(t *testing.T) {
	for _, tt := range []struct {
		version, api string
		want         string // in the error; "" is none
	}{
		{"20.10.24+dfsg1", "1.41", ""},
		{"28.2.2", "1.50", ""},
		{"library-import", "1.56", ""},
		{"19.03.15", "1.40", "API 1.40"},
		{"20.10-rc", "1.9", "older than 20.10"},
	} {
		err := checkEngine(system.Info{OSType: "linux", ServerVersion: tt.version, SecurityOptions: nil}, tt.api)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s with API %s: %v, want %q", tt.version, tt.api, err, tt.want)
		}
	}
}

// All that is missing is said at once, each with its mend.
func TestCheckNamesAllThatIsMissing(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+t.TempDir()+"/none.sock")
	t.Setenv("PATH", t.TempDir())
	_, err := Check(t.Context())
	if err == nil {
		t.Fatal("a machine without Docker passed the check")
	}
	for _, want := range []string{"DOCKER_HOST", "compose", "docker command", "install"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not speak of %q:\n%v", want, err)
		}
	}
}

func TestCheckHost(t *testing.T) {
	for host, want := range map[string]bool{
		"unix:///var/run/docker.sock":     true,
		"npipe:////./pipe/docker_engine":  true,
		"tcp://127.0.0.1:2375":            true,
		"tcp://[::1]:2375":                true,
		"tcp://localhost:2376":            true,
		"tcp://192.0.2.7:2375":            false,
		"ssh://someone@elsewhere.example": false,
		"tcp://docker:2375":               false,
	} {
		if err := checkHost(host); (err == nil) != want {
			t.Errorf("checkHost(%q) = %v, want usable: %v", host, err, want)
		}
	}
}

func TestPortBase(t *testing.T) {
	tests := []struct {
		asked int
		env   string
		want  int // 0 for an error
	}{
		{0, "", DefaultPortBase},
		{19000, "", 19000},
		{0, "20000", 20000},
		{19000, "20000", 19000},
		{0, "many", 0},
	}
	for _, tt := range tests {
		t.Setenv(envPortBase, tt.env)
		got, err := portBase(tt.asked)
		if got != tt.want || (err != nil) != (tt.want == 0) {
			t.Errorf("portBase(%d) with %s=%q: %d, %v; want %d", tt.asked, envPortBase, tt.env, got, err, tt.want)
		}
	}
}

func TestFreeBytes(t *testing.T) {
	free, ok := freeBytes(t.TempDir())
	if !ok || free <= 0 {
		t.Errorf("freeBytes of a temporary folder = %d, %v; want some", free, ok)
	}
	if _, ok := freeBytes(t.TempDir() + "/none"); ok {
		t.Error("freeBytes of a folder that is not there is known")
	}
}

func TestIsStatic(t *testing.T) {
	script := t.TempDir() + "/script"
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if isStatic(script, "amd64") {
		t.Error("a shell script counts as a static executable")
	}
	if isStatic("/bin/sh", "amd64") {
		t.Error("/bin/sh, which is linked dynamically, counts as static")
	}
}
