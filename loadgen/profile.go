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
	Rate        float64         // all operations together, requests per second, > 0; the base of Shape
	Shape       Shape           // how the rate moves; constant by default
	Timeout     time.Duration   // deadline of a request, from its due time
	Limit       time.Duration   // a slower answer counts as bad, from the due time
	Connections int             // at most so many connections per operation class and region
	CatchUp     float64         // how fast overdue requests are let go, as a multiple of the schedule; see below. 0: at once, in a burst
	Client      Client          // which kind of client sends the load
	Seed        uint64          // the only source of chance
	Users       int             // simulated users; {{user}} is drawn from 1..Users
	Login       *Request        // sent once per user before the load; its answer's "token" is that user's {{token}}
	Data        map[string]Feed // tables of values, by name
	Ops         []Op
}

// Note on CatchUp. With fewer connections than rate x timeout a system that hangs leaves a queue of requests in the generator.
// With CatchUp 0 they are sent as soon as connections are free again: all latencies are then those of an open loop, but the
// system meets a burst of many times its load. From 1 up to 10, such as 1.2, any 100 ms have at most that multiple of what
// is due in them (ten requests' time where that is longer): a request that is due goes first, an overdue one where there is
// room, the newest first because its deadline is furthest; what does not come to its turn is missed. Connections >= Rate x
// Timeout make both the same: nothing then waits. EnoughConnections says how many that is.

// Op is one weighted operation of a mix.
type Op struct {
	Name    string
	Class   string            // read, write, session, ...: each class has its own pacer, connections and outage windows
	Weight  float64           // share of Rate is Weight / sum of weights
	Ledger  bool              // each request carries a unique {{id}} that must be read back after the fault
	After   string            // name of the operation that comes before this one in a session; "" for the first and for single ones
	Think   time.Duration     // due so long after that operation is due
	Capture map[string]string // values that the answer gives to the rest of the session; see ParseCapture for how they are written
	Request Request
}

// Request is an HTTP request with variables in path, header values and body: {{id}}, {{user}}, {{token}}, {{rand N}},
// {{session NAME}} for a value captured from an earlier answer of the session, {{data FEED COLUMN}} for a field of a feed.
type Request struct {
	Method string
	Path   string
	Header map[string]string
	Body   string
}

// Model says in words which client this load imitates and what it leaves out, for the head of a report.
func (p Profile) Model() string {
	shape := fmt.Sprintf("%s requests per second", number64(p.Rate))
	if s := p.Shape.String(); s != "" {
		shape = s
		if len(p.Shape.Stages) == 0 && len(p.Shape.Trace) == 0 && p.Shape.TraceFile == "" {
			shape = number64(p.Rate) + " requests per second, " + s
		}
	}
	return fmt.Sprintf("open loop: %s on a fixed schedule per operation (%s), latency and deadline (%v) counted from the due time, "+
		"%s, %d users, one attempt per request: no retries, no redirects, no cache%s, seed %d",
		shape, p.mix(), p.Timeout, p.Client.words(p.Connections), p.Users, p.hurry(), p.Seed)
}

func (p Profile) hurry() string {
	if p.CatchUp == 0 {
		return ""
	}
	return fmt.Sprintf(", overdue requests let go at up to %s times the schedule", number64(p.CatchUp))
}

// mix names the operations with their shares of the rate.
func (p Profile) mix() string {
	var sum float64
	ops := p.weighted()
	for _, op := range ops {
		sum += op.Weight
	}
	var out []string
	for _, op := range ops {
		out = append(out, fmt.Sprintf("%s %s %%", op.Name, number64(math.Round(1000*op.Weight/sum)/10)))
	}
	return strings.Join(out, ", ")
}

func number64(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
