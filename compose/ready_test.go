package compose

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
)

func TestClusterIsReadyWhenWhole(t *testing.T) {
	member := func(name, role, state string) string {
		return fmt.Sprintf(`{"name": %q, "role": %q, "state": %q}`, name, role, state)
	}
	leader, replica := member("db1", "leader", "running"), member("db3", "replica", "running")
	tests := []struct {
		name    string
		sync    bool
		members []string
		want    string // in the reason; "" for ready
	}{
		{"whole", true, []string{leader, member("db2", "sync_standby", "running"), replica}, ""},
		{"replicas of newer Patroni say streaming", true, []string{leader, member("db2", "sync_standby", "streaming"), member("db3", "replica", "streaming")}, ""},
		{"no synchronous replica yet", true, []string{leader, member("db2", "replica", "running"), replica}, "synchronous"},
		{"none is promised", false, []string{leader, member("db2", "replica", "running"), replica}, ""},
		{"one still copies", true, []string{leader, member("db2", "replica", "creating replica"), replica}, "2 of 3"},
		{"one is not there", false, []string{leader, replica}, "2 of 3"},
		{"no leader", false, []string{member("db1", "replica", "running"), member("db2", "replica", "running"), replica}, "no leader"},
		{"nobody", true, nil, "0 of 3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(w, `{"members": [%s]}`, strings.Join(tt.members, ", "))
			}))
			defer srv.Close()
			s := &Stack{Topology: Topology{Sync: tt.sync}}
			got := s.clusterState(t.Context(), srv.Client(), srv.URL, 3)
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("reason %q, want one with %q", got, tt.want)
			}
		})
	}
}

func TestHTTPState(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/ready" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer srv.Close()
	if why := httpState(t.Context(), srv.Client(), srv.URL+"/ready", nil); why != "" {
		t.Errorf("200 is not ready: %s", why)
	}
	if why := httpState(t.Context(), srv.Client(), srv.URL+"/other", nil); !strings.Contains(why, "503") {
		t.Errorf("503: reason %q, want one with the status", why)
	}
	if why := httpState(t.Context(), srv.Client(), "http://127.0.0.1:1/", nil); why == "" {
		t.Error("a port where nobody listens is ready")
	}
}

func TestDescribe(t *testing.T) {
	c := container.Summary{
		ID: "id", State: "running",
		Labels: map[string]string{labelService: "web", labelNumber: "2", LabelTier: "web", LabelRegion: "a", LabelProbe: "web", LabelReady: "http 8080 /ready"},
		Ports: []container.Port{
			{IP: "127.0.0.1", PrivatePort: 8080, PublicPort: 18021, Type: "tcp"},
			{PrivatePort: 9000, Type: "tcp"},
		},
	}
	for _, tt := range []struct {
		replicas int
		want     string
	}{{1, "web"}, {3, "web-2"}} {
		got := describe(c, tt.replicas)
		if got.Name != tt.want || got.Index != 2 || got.Tier != "web" || got.Region != "a" || got.Ready != "http 8080 /ready" {
			t.Errorf("one of %d: %+v, want name %s", tt.replicas, got, tt.want)
		}
		if len(got.Ports) != 1 || got.Ports[8080] != "127.0.0.1:18021" {
			t.Errorf("ports %v, want 8080 at 127.0.0.1:18021 only", got.Ports)
		}
	}
	c.Labels[LabelScaled] = "autoscaler"
	if got := describe(c, 1); got.Name != "web-2" {
		t.Errorf("what an autoscaler made is called %s, want web-2: it is not the service's one container", got.Name)
	}
}
