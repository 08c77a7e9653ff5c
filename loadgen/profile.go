package loadgen

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Profile describes a load: an open loop of weighted operations against one base URL.
type Profile struct {
	Rate        float64       // all operations together, requests per second, > 0
	Timeout     time.Duration // deadline of a request, from its due time
	Limit       time.Duration // a slower answer counts as bad, from the due time
	Connections int           // at most so many connections per operation class
	Seed        uint64        // the only source of chance
	Users       int           // simulated users; {{user}} is drawn from 1..Users
	Login       *Request      // sent once per user before the load; its answer's "token" is that user's {{token}}
	Ops         []Op
}

// Op is one weighted operation of a mix.
type Op struct {
	Name    string
	Class   string  // read, write, session, ...: each class has its own pacer, connections and outage windows
	Weight  float64 // share of Rate is Weight / sum of weights
	Ledger  bool    // each request carries a unique {{id}} that must be read back after the fault
	Request Request
}

// Request is an HTTP request with variables {{id}}, {{user}}, {{token}} and {{rand N}} in path, header values and body.
type Request struct {
	Method string
	Path   string
	Header map[string]string
	Body   string
}

// Model says in words which client this load imitates and what it leaves out, for the head of a report.
func (p Profile) Model() string {
	return fmt.Sprintf("open loop: %s requests per second on a fixed schedule per operation (%s), latency and deadline (%v) counted from the due time, "+
		"at most %d kept-alive HTTP/1.1 connections per class to one address, %d users, one attempt per request: no retries, no redirects, no cache, seed %d",
		number64(p.Rate), p.mix(), p.Timeout, p.Connections, p.Users, p.Seed)
}

// mix names the operations with their shares of the rate.
func (p Profile) mix() string {
	var sum float64
	for _, op := range p.Ops {
		sum += op.Weight
	}
	var out []string
	for _, op := range p.Ops {
		out = append(out, fmt.Sprintf("%s %s %%", op.Name, number64(math.Round(1000*op.Weight/sum)/10)))
	}
	return strings.Join(out, ", ")
}

func number64(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
