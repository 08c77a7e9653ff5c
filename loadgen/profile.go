package loadgen

import "time"

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
