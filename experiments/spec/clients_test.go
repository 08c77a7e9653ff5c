package spec

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/loadgen"
)

// clientsIn is an experiment whose load comes from these clients.
func clientsIn(topology, clients string) string {
	return `claim: x
topology: ` + topology + `
load:
  workload: reference
  clients: ` + clients + `
goals:
  - {metric: held-read_outage, at_most: 60s}
`
}

func TestClientsInRegions(t *testing.T) {
	e, err := Parse("x.yaml", []byte(clientsIn("multiregion", "[{region: a, share: 2}, {region: b, dns: dial}, {region: a, class: held, dns: hold 60s}]")))
	if err != nil {
		t.Fatal(err)
	}
	want := []loadgen.Away{
		{Region: "a", Share: 2, DNS: loadgen.DNSTTL}, {Region: "b", Share: 1},
		{Region: "a", Share: 1, Class: "held", DNS: loadgen.DNSHold, Hold: time.Minute},
	}
	if !slices.Equal(e.Load.Clients, want) {
		t.Errorf("clients %+v, want %+v", e.Load.Clients, want)
	}
	if got := e.Load.Model(); !strings.Contains(got, "region a (held) keeping names for 1m0s") {
		t.Errorf("the client model does not say who they are: %s", got)
	}
}

func TestClientsThatCantBe(t *testing.T) {
	for _, tt := range []struct{ topology, clients, want string }{
		{"replicated", "[{region: a, class: held}]", `topology "replicated" has no clients in region "a"`},
		{"multiregion", "[{region: q, class: held}]", "there are: a, b"},
		{"multiregion", "[{region: a, class: held, dns: holds}]", `x.yaml:5:43: unknown dns "holds"`},
		{"multiregion", "[{region: a, class: held, dns: ttl 5s}]", `unknown dns "ttl 5s"`},
		{"multiregion", "[{region: a, class: held, dns: hold on}]", "write it like dns: hold 60s"},
		{"multiregion", "[{region: a, class: held}, {region: a, class: held}]", `clients of region "a" are there twice`},
		{"multiregion", "[{class: held}]", "region is missing"},
		{"multiregion", "[{region: a, class: held, regoin: b}]", `unknown key "regoin"`},
		{"multiregion", "[]", "the load has no clients"},
	} {
		_, err := Parse("x.yaml", []byte(clientsIn(tt.topology, tt.clients)))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.clients, err, tt.want)
		}
	}
}

// Without a topology there is nobody elsewhere who could send it.
func TestAnExperimentTakenForItsLoadIsSentFromHere(t *testing.T) {
	l, err := ParseLoad("x.yaml", []byte(clientsIn("multiregion", "[{region: a}, {region: a, class: held}]")))
	if err != nil || len(l.Load.Clients) > 0 {
		t.Errorf("clients %+v, %v", l.Load.Clients, err)
	}
}
