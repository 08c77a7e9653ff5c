package main

// schemaObject is a mapping in an experiment file.
type schemaObject struct {
	name string
	doc  string
	keys []schemaKey
}

// schemaKey is a key of a mapping: how its value is written, what it means, and whether it must be there. A value that begins
// with "list of " is a list.
type schemaKey struct {
	name, value, doc string
	required         bool
}

func (o schemaObject) schema() schema {
	properties := schema{}
	required := []string{}
	for _, k := range o.keys {
		properties[k.name] = k.schema()
		if k.required {
			required = append(required, k.name)
		}
	}
	out := schema{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	if o.doc != "" {
		out["description"] = o.doc
	}
	return out
}

func (k schemaKey) schema() schema {
	var s schema
	if k.list() {
		s = listOf(ref(k.value[len(listPrefix):]))
	} else {
		s = ref(k.value)
	}
	if k.doc != "" {
		s["description"] = k.doc
	}
	return s
}

const listPrefix = "list of "

func (k schemaKey) list() bool {
	return len(k.value) > len(listPrefix) && k.value[:len(listPrefix)] == listPrefix
}

// Keys that several mappings have.
var (
	guardKeys = []schemaKey{
		{"keep_healthy", "positive", "refuse, if a service that is hit would keep fewer running and undisturbed containers", false},
		{"max_percent", "percent", "refuse, if more of all containers would be disturbed at once", false},
	}
	requestKeys = []schemaKey{
		{"method", "text", "GET if left out", false},
		{"path", "text", "begins with /", true},
		{"headers", "headers", "", false},
		{"body", "text", "", false},
	}
	repeatKeys = []schemaKey{
		{"every", "time", "it begins again so long after it began", false},
		{"times", "positive", "how often in all", false},
	}
	faultKeys = []schemaKey{
		{"for", "time", "how long", true},
		{"on", "on", "who is hit", false},
		{"fault", "fault", "what happens", true},
		{"ramp", "time", "grow evenly from nothing to full strength over this time", false},
	}
)

var atKey = schemaKey{"at", "time", "when, from the end of the warm-up", true}

func keys(parts ...[]schemaKey) []schemaKey {
	var out []schemaKey
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// schemaObjects are the mappings of an experiment file. A test compares their keys with the tables of experiments/README.md, which
// a test of package spec compares with those of the parser.
var schemaObjects = []schemaObject{
	{"experiment", "One claim about a topology, and what would refute it", []schemaKey{
		{"claim", "text", "one sentence that the goals make precise", true},
		{"topology", "topology", "", true},
		{"seed", "integer", "the run's only source of chance", false},
		{"load", "load", "", true},
		{"phases", "phases", "lengths of the parts of the run", false},
		{"steps", "list of entry", "faults in time; without steps the run is a control", false},
		{"goals", "list of goal", "what must hold, at least one", true},
		{"roles", "list of role", "live roles that the user defines", false},
		{"abort", "list of abort", "what ends the run early", false},
		{"registers", "registers", "clients that write and read registers, whose calls are checked for consistency", false},
		{"alerts", "list of text", "Prometheus rule files that are evaluated during the run", false},
		{"time_scale", "number", "all times of the rules are divided by it", false},
		{"probes", "list of probe", "queries of the user's own, which goals can bound by name", false},
		{"scrape", "list of scrape", "metrics of containers that are scraped beside those that labels name", false},
	}},
	{"registers", "how registers are asked; what is left out is as in the reference app, unless set or current is there", []schemaKey{
		{"processes", "positive", "clients at the same time, each makes one call after the other", false},
		{"keys", "positive", "registers that all of them write and read", false},
		{"rate", "rate", "calls of all clients together", false},
		{"set", "text", "such as PUT /counters/{key}", false},
		{"body", "text", "of set, such as {\"value\": {value}}", false},
		{"current", "text", "a read that must be linearizable, such as GET /counters/{key}", false},
		{"session", "text", "a read that must show what its session has written", false},
		{"field", "text", "of the answer's JSON object, with the value", false},
		{"carry", "text", "header of an answer that the session's next request repeats", false},
	}},
	{"probe", "a query of the user's own, asked of the Prometheus beside the run", []schemaKey{
		{"name", "text", "what goals call it", true},
		{"kind", "text", "promql", true},
		{"query", "text", "PromQL with a value at a time", true},
		{"unit", "text", "seconds, ratio, count or bytes", false},
		{"better", "text", "less or more", false},
		{"take", "text", "worst, mean or last of all values", false},
	}},
	{"scrape", "metrics that are scraped", []schemaKey{
		{"service", "text", "Compose service", true},
		{"port", "positive", "in the container; published on this machine", true},
		{"path", "text", "/metrics if left out", false},
	}},
	{"role", "a live role: each container of the service is asked, in exactly one way", []schemaKey{
		{"name", "text", "what role: says", true},
		{"service", "text", "whose containers are asked", true},
		{"http", "text", "a GET of a URL without a host, such as http://:8080/leader", false},
		{"sql", "text", "one value from the container's PostgreSQL", false},
		{"exec", "words", "a command in the container", false},
		{"expect", "text", "the answer of who has the role", false},
	}},
	{"attach", "a system of the user's own: project or files, and entry", []schemaKey{
		{"project", "text", "a Compose project that runs, and is left running", false},
		{"files", "words", "Compose files that are started for the run, from this file's folder", false},
		{"entry", "text", "where clients reach it: service:port, or a URL on this machine", true},
	}},
	{"phases", "", []schemaKey{
		{"warm", "time", "before anything counts", false},
		{"baseline", "time", "what the fault is compared with", false},
		{"recovery", "time", "after the last step's end", false},
	}},
	{"step", "one fault", keys([]schemaKey{atKey}, faultKeys, repeatKeys, guardKeys)},
	{"sequence", "steps one after the other", keys([]schemaKey{atKey, {"sequence", "list of member", "each begins when the one before has ended", true}}, repeatKeys)},
	{"parallel", "steps side by side", keys([]schemaKey{atKey, {"parallel", "list of member", "they begin together", true}}, repeatKeys)},
	{"monkey", "faults at random moments", []schemaKey{
		atKey, {"for", "time", "how long", true}, {"monkey", "chance", "", true},
	}},
	{"member", "a step of a group", keys([]schemaKey{{"after", "time", "so long later", false}}, faultKeys, guardKeys)},
	{"chance", "", keys([]schemaKey{
		{"kinds", "list of fault-or-kind", "what to draw from", true},
		{"on", "on", "who is hit; pick draws again each time", true},
		{"every", "time", "one fault in each such interval", false},
		{"each", "time", "how long each fault lasts", false},
	}, guardKeys)},
	{"on", "who is hit; all must match", []schemaKey{
		{"role", "text", "live role, such as postgres-primary; asked when the step begins", false},
		{"service", "text", "Compose service", false},
		{"container", "text", "name as gauntlet ps prints it", false},
		{"tier", "text", "label of the topology", false},
		{"region", "text", "label of the topology", false},
		{"network", "text", "attached to that network", false},
		{"label", "text", "name, or name=value", false},
		{"pick", "pick", "drawn with the seed", false},
		{"exclude", "list of text", "containers that are never picked", false},
	}},
	{"goal", "", []schemaKey{
		{"metric", "metric", "", true},
		{"at_most", "bound", "upper bound", false},
		{"at_least", "bound", "lower bound", false},
	}},
	{"abort", "", []schemaKey{
		{"metric", "metric", "", true},
		{"over", "time", "the last so long", false},
		{"below", "bound", "ends the run below this", false},
		{"above", "bound", "or above this", false},
	}},
	{"load", "", []schemaKey{
		{"workload", "workload", "a mix of the catalogue", false},
		{"rate", "rate", "all operations together, an open loop", false},
		{"timeout", "time", "deadline of a request, from its due time", false},
		{"limit", "time", "a slower answer counts as bad", false},
		{"connections", "positive", "at most so many per operation class", false},
		{"users", "positive", "simulated users", false},
		{"login", "request", "sent once per user before the load", false},
		{"ops", "list of op", "the operations", false},
		{"shape", "shape", "how the rate moves", false},
		{"catch_up", "number", "overdue requests are let go at up to this multiple of the schedule", false},
		{"client", "client", "which kind of client sends the load", false},
		{"data", "mapping", "feeds, by name", false},
	}},
	{"shape", "", []schemaKey{
		{"stages", "list of mapping", "for, from and to of each", false},
		{"steps", "mapping", "each and rates", false},
		{"ramp", "mapping", "from, to and over", false},
		{"spike", "mapping", "at, for and rate", false},
		{"sine", "mapping", "period and swing", false},
		{"poisson", "bool", "independent arrivals", false},
		{"trace", "text", "a file of recorded due times", false},
	}},
	{"client", "", []schemaKey{
		{"http2", "bool", "HTTP/2, also without TLS", false},
		{"streams", "positive", "at most so many at once on an HTTP/2 connection", false},
		{"close", "bool", "a connection for each request", false},
		{"max_age", "time", "of a connection", false},
		{"idle", "time", "after which an unused connection is closed", false},
		{"per_user", "integer", "connections of each simulated user", false},
		{"dns", "text", "ttl or hold", false},
		{"resolver", "text", "DNS server", false},
		{"insecure", "bool", "certificates are not checked", false},
		{"authority", "text", "a file of certificates that are trusted", false},
		{"name", "text", "for TLS", false},
	}},
	{"request", "", requestKeys},
	{"op", "an operation", keys([]schemaKey{
		{"name", "text", "its name in the report", true},
		{"class", "text", "read, write, session, ...", true},
		{"weight", "number", "share of the rate: weight / sum of weights", false},
		{"ledger", "bool", "a write that is read back from every database node after the fault", false},
		{"after", "text", "the operation before it in a session", false},
		{"think", "time", "due so long after that one is due", false},
		{"capture", "headers", "values for the rest of the session", false},
	}, requestKeys)},
}
