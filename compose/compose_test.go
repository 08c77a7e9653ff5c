package compose

import (
	"errors"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

func TestEveryTopologyReads(t *testing.T) {
	for _, top := range All() {
		if top.Summary == "" || top.Entry == "" || len(top.Roles) == 0 || len(top.Services) == 0 {
			t.Errorf("%s: incomplete: %+v", top.Name, top)
		}
	}
}

func TestVariantsTakeWhatTheyDoNotSayFromTheirBase(t *testing.T) {
	base, err := Lookup("replicated")
	if err != nil {
		t.Fatal(err)
	}
	async, err := Lookup("replicated-async")
	if err != nil {
		t.Fatal(err)
	}
	if async.Entry != base.Entry || len(async.Services) != len(base.Services) || len(async.Files) != 2 {
		t.Errorf("replicated-async does not build on replicated: %+v", async)
	}
	if async.Sync || !base.Sync {
		t.Errorf("sync: replicated %v, replicated-async %v; want true, false", base.Sync, async.Sync)
	}
}

func TestLookupSaysWhatThereIs(t *testing.T) {
	_, err := Lookup("replicatd")
	if !errors.Is(err, ErrNoTopology) || !strings.Contains(err.Error(), "replicated") || strings.Contains(err.Error(), "stale") {
		t.Errorf("got %v; want ErrNoTopology that lists the topologies, without mutants", err)
	}
}

// What each service of each topology must have: a limit, labels, a health check and ports on 127.0.0.1 only.
func TestServicesAreBounded(t *testing.T) {
	type service struct {
		MemLimit    string `yaml:"mem_limit"`
		Labels      map[string]string
		Healthcheck map[string]any
		Ports       []string
	}
	for _, top := range All() {
		var f struct{ Services map[string]service }
		text, err := files.ReadFile(top.Files[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, &f); err != nil {
			t.Fatal(err)
		}
		for name, s := range f.Services {
			if s.MemLimit == "" || len(s.Healthcheck) == 0 || s.Labels[LabelOwner] != "gauntlet" || s.Labels[LabelTier] == "" || s.Labels[LabelRegion] == "" || s.Labels[LabelReady] == "" {
				t.Errorf("%s: service %s lacks a memory limit, health check or label: %+v", top.Files[0], name, s)
			}
			if _, ok := s.Labels[LabelRoles]; !ok {
				t.Errorf("%s: service %s lacks label %s", top.Files[0], name, LabelRoles)
			}
			for _, p := range s.Ports {
				if !strings.HasPrefix(p, "127.0.0.1:") {
					t.Errorf("%s: service %s publishes %s beyond 127.0.0.1", top.Files[0], name, p)
				}
			}
		}
	}
}

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

func TestIsDebianSource(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"deb822", "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n", true},
		{"one line", "deb http://mirror.example/debian bookworm main\n", true},
		{"third party with its own suite", "deb https://packages.example/apt cloud-sdk-bookworm main\n", false},
		{"third party in deb822", "Types: deb\nURIs: https://deb.example\nSuites: nodistro\nComponents: main\n", false},
		{"security only", "deb http://mirror.example/security bookworm-security main\n", false},
		{"comment", "# deb http://mirror.example/debian bookworm main\n", false},
	} {
		if got := isDebianSource(c.text); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestOlderThan(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"20.10.24+dfsg1", "20.10", false}, {"19.03.1", "20.10", true}, {"28.2.2", "20.10", false}, {"20.9", "20.10", true}, {"21", "20.10", false}} {
		if got := olderThan(c.a, c.b); got != c.want {
			t.Errorf("olderThan(%s, %s) = %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

// No package source's host may be written into the images: they take the base's own.
func TestImagesNameNoMirror(t *testing.T) {
	url := regexp.MustCompile(`https?://[a-z0-9-]+\.[a-z]`)
	for _, name := range []string{"Dockerfile", "patroni.sh", "template.sh", "unpack.sh", "haproxy.cfg"} {
		text, err := files.ReadFile("images/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if m := url.Find(text); m != nil {
			t.Errorf("images/%s names a host: %s", name, m)
		}
	}
}
