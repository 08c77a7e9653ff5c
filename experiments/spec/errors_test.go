package spec

import (
	"errors"
	"strings"
	"testing"

	"gauntlet/chaos"
	"gauntlet/compose"
)

const good = `claim: c
topology: replicated
load: {workload: reference}
phases: {warm: 2s, baseline: 5s, recovery: 10s}
steps:
  - {at: 5s, for: 5s, on: {role: postgres-primary}, fault: {kind: kill}}
goals:
  - {metric: availability, at_least: 0.99}
`

// An HTTP load that is written out; good with it in place of the reference.
const written = `load:
  rate: 100/s
  login: {method: POST, path: /login, body: '{"user":{{user}}}'}
  ops:
    - {name: list, class: read, path: /items}
    - {name: add, class: write, ledger: true, method: POST, path: /items, headers: {X-Id: "{{id}}", X-Token: "{{token}}"}}
`

// errorCase is a change that makes one thing wrong, and the only error that it must bring.
type errorCase struct{ name, old, new, want string }

func (c errorCase) check(t *testing.T, text string) {
	t.Helper()
	if !strings.Contains(text, c.old) {
		t.Fatalf("the text has no %q", c.old)
	}
	_, err := Parse("x.yaml", []byte(strings.Replace(text, c.old, c.new, 1)))
	var all Errors
	if !errors.As(err, &all) {
		t.Fatalf("got %v, want Errors", err)
	}
	if got := strings.TrimPrefix(err.Error(), "x.yaml:"); got != c.want {
		t.Errorf("got  %s\nwant %s", got, c.want)
	}
}

// catalogue lists the topologies that are offered.
func catalogue() string {
	var names []string
	for _, t := range compose.All() {
		if !t.Mutant {
			names = append(names, t.Name)
		}
	}
	return strings.Join(names, ", ")
}

func TestErrorsOfTheExperiment(t *testing.T) {
	for _, c := range []errorCase{
		{"unknown key", "claim: c", "clam: c", `1:1: unknown key "clam" in experiment; did you mean "claim"?`},
		{"key of a later version", "claim: c", "claim: c\nprobes: []", `2:1: unknown key "probes" in experiment; known keys: claim, topology, seed, load, phases, steps, goals, abort, roles, alerts, time_scale, registers`},
		{"duplicate key", "claim: c", "claim: c\nclaim: d", `2:1: key "claim" is there twice in experiment, first on line 1; keep one of them`},
		{"key without a value", "claim: c", "claim:", `1:1: claim has no value in experiment; give it a value or remove it`},
		{"empty text", "claim: c", "claim: ''", `1:8: claim is empty; say in one sentence what must hold`},
		{"not a single value", "claim: c", "claim: [c]", `1:8: claim must be a single value; write one value`},
		{"missing claim", "claim: c\n", "", `1:1: claim is missing; say in one sentence what must hold`},
		{"missing topology", "topology: replicated\n", "", `1:1: topology is missing; name one of the topologies that gauntlet list shows, such as replicated`},
		{"missing load", "load: {workload: reference}\n", "", `1:1: load is missing; write load: {workload: reference}`},
		{"missing goals", "goals:\n  - {metric: availability, at_least: 0.99}\n", "", `1:1: goals are missing: nothing could fail; state at least one, such as {metric: availability, at_least: 0.99}`},
		{"unknown topology", "replicated", "replicatd", `2:11: unknown topology "replicatd"; did you mean "replicated"? there are: ` + catalogue()},
		{"unknown topology, far off", "replicated", "mongo", `2:11: unknown topology "mongo"; there are: ` + catalogue()},
		{"unknown workload", "{workload: reference}", "{workload: referense}", `3:18: unknown workload "referense"; did you mean "reference"? there are: reference`},
		{"workload outside of the catalogue", "{workload: reference}", "{workload: ../steady}", `3:18: unknown workload "../steady"; there are: reference`},
		{"negative seed", "claim: c", "claim: c\nseed: -1", `2:7: seed: "-1" does not fit; write a whole number from 0 to 4611686018427387904`},
		{"seed with a fraction", "claim: c", "claim: c\nseed: 7.5", `2:7: seed: "7.5" does not fit; write a whole number from 0 to 4611686018427387904`},
		{"no unit", "warm: 2s", "warm: 2", `4:16: warm: "2" is not a time; add a unit: 2s or 2ms`},
		{"blank in a time", "warm: 2s", "warm: 2 s", `4:16: warm: "2 s" is not a time; write it without blanks: 2s`},
		{"not a time", "warm: 2s", "warm: soon", `4:16: warm: "soon" is not a time; write it like 30s, 500ms or 1m30s`},
		{"negative time", "warm: 2s", "warm: -2s", `4:16: warm: -2s is out of range; write 0s to 1h`},
		{"baseline of nothing", "baseline: 5s", "baseline: 0s", `4:30: baseline: 0s is out of range; write 5s to 1h`},
		{"recovery too short", "recovery: 10s", "recovery: 9s", `4:44: recovery of 9s is too short to see whether the system is steady again; make it 10s or more`},
		{"phases is a list", "{warm: 2s, baseline: 5s, recovery: 10s}", "[]", `4:9: phases must be a mapping; write {warm: ...}`},
		{"unknown phase", "warm: 2s", "worm: 2s", `4:10: unknown key "worm" in phases; did you mean "warm"?`},
		{"no goals", "  - {metric: availability, at_least: 0.99}\n", "", `7:1: goals has no value in experiment; give it a value or remove it`},
		{"empty goals", "goals:\n  - {metric: availability, at_least: 0.99}\n", "goals: []\n", `7:8: there are no goals: nothing could fail; state at least one, such as {metric: availability, at_least: 0.99}`},
		{"broken YAML", "claim: c", "claim: [c", `1:1: did not find expected ',' or ']'; mend the YAML: check indentation, colons and quotes on this line and the one before`},
		{"tab", "claim: c", "\tclaim: c", `1:1: found character that cannot start any token; mend the YAML: check indentation, colons and quotes on this line and the one before`},
		{"unknown anchor", "{workload: reference}", "*other", `3:1: unknown anchor 'other' referenced; define it before with &other, or write the value out`},
		{"merge key", "claim: c", "claim: c\n<<: {seed: 3}", `2:1: unknown key "<<" in experiment; known keys: claim, topology, seed, load, phases, steps, goals, abort, roles, alerts, time_scale, registers`},
		{"second document", "claim: c", "claim: c\n---\nclaim: d", `2:1: a second YAML document begins here; keep one experiment per file`},
		{"not UTF-8", "claim: c", "claim: \xff", `1:1: the text is not UTF-8; save the file as UTF-8`},
		{"control character", "claim: c", "claim: \x01", `1:1: control characters are not allowed; remove it`},
		{"a list", good, "- a", `1:1: experiment must be a mapping; write {claim: ...}`},
		{"empty", good, "# nothing", `1:1: the file is empty; write at least claim, topology, load and goals`},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t, good) })
	}
}

func TestErrorsOfSteps(t *testing.T) {
	for _, c := range []errorCase{
		{"unknown key", "for: 5s", "fro: 5s", `6:14: unknown key "fro" in step; did you mean "for"?`},
		{"no time", "at: 5s, ", "", `6:5: at is missing; say when, counted from the end of the warm-up, such as at: 20s`},
		{"no length", "for: 5s, ", "", `6:5: for is missing; say how long, such as for: 30s`},
		{"too early", "at: 5s", "at: 4s", `6:10: the step starts at 4s, before the baseline of 5s is over: there would be nothing to compare with; start it at 5s or later, or shorten phases.baseline`},
		{"time without unit", "at: 5s", "at: 5", `6:10: at: "5" is not a time; add a unit: 5s or 5ms`},
		{"zero length", "for: 5s", "for: 0s", `6:19: for: 0s is out of range; write 100ms to 1h`},
		{"negative length", "for: 5s", "for: -5s", `6:19: for: -5s is out of range; write 100ms to 1h`},
		{"too long", "for: 5s", "for: 90m", `6:19: for: 90m is out of range; write 100ms to 1h`},
		{"no target", "on: {role: postgres-primary}, ", "", `6:5: on is missing; say what is hit, such as on: {role: postgres-primary}`},
		{"empty target", "{role: postgres-primary}", "{}", `6:27: on names nobody; say what is hit, such as on: {role: postgres-primary}`},
		{"only exclude", "{role: postgres-primary}", "{exclude: [web1]}", `6:27: on names nobody; say what is hit, such as on: {role: postgres-primary}`},
		{"unknown role", "postgres-primary", "postgres-primry", `6:34: unknown role "postgres-primry"; did you mean "postgres-primary"? replicated has: postgres-primary, postgres-replica, postgres-sync-standby, etcd-leader`},
		{"part of a role", "postgres-primary", "primary", `6:34: unknown role "primary"; did you mean "postgres-primary"? replicated has: postgres-primary, postgres-replica, postgres-sync-standby, etcd-leader`},
		{"unknown service", "role: postgres-primary", "service: db9", `6:37: unknown service "db9"; did you mean "db1"? replicated has: db1, db2, db3, etcd1, etcd2, etcd3, lb, seed, web1, web2, web3`},
		{"unknown tier", "role: postgres-primary", "tier: cache", `6:34: unknown tier "cache"; replicated has: db, dcs, job, lb, web`},
		{"unknown container", "role: postgres-primary", "container: wob1-1", `6:39: unknown container "wob1-1"; replicated has: db1, db2, db3, etcd1, etcd2, etcd3, lb, seed, web1, web2, web3`},
		{"unknown exclude", "role: postgres-primary", "tier: web, exclude: [wob1]", `6:49: unknown container "wob1"; did you mean "web1"? replicated has: db1, db2, db3, etcd1, etcd2, etcd3, lb, seed, web1, web2, web3`},
		{"exclude is no list", "role: postgres-primary", "tier: web, exclude: web1", `6:48: exclude must be a list; write it like exclude: [...]`},
		{"exclude of lists", "role: postgres-primary", "tier: web, exclude: [[web1]]", `6:49: exclude must list names of containers; write it like exclude: [web1]`},
		{"unknown pick", "role: postgres-primary", "role: postgres-primary, pick: most", `6:58: pick: "most" can't be understood; write all, one, minority, majority, a number from 1, or a share from 1% to 100%`},
		{"no fault", ", fault: {kind: kill}", "", `6:5: fault is missing; say what happens, such as fault: {kind: kill}`},
		{"fault is a word", "fault: {kind: kill}", "fault: kill", `6:60: fault must be a mapping; write it like fault: {kind: kill}`},
		{"no kind", "{kind: kill}", "{}", `6:60: the fault has no kind; name one of: ` + strings.Join(chaos.KindNames(), ", ")},
		{"unknown kind", "kind: kill", "kind: kil", `6:67: unknown kind of fault "kil"; did you mean "kill"? there are: ` + strings.Join(chaos.KindNames(), ", ")},
		{"unknown field", "kind: kill", "kind: kill, hard: true", `6:73: unknown key "hard" in fault kill; known keys: kind`},
		{"field of another kind", "kind: kill", "kind: kill, timeout: 5s", `6:73: unknown key "timeout" in fault kill; known keys: kind`},
		{"field out of range", "kind: kill", "kind: stop, timeout: 5m", `6:60: stop: timeout 5m0s: write 1s to 1m; gauntlet list stop shows its fields`},
		{"steps is a mapping", "steps:\n  - {at", "steps:\n    {at", `6:5: steps must be a list; write it like steps: [...]`},
		{"step is a word", "- {at: 5s, for: 5s, on: {role: postgres-primary}, fault: {kind: kill}}", "- kill", `6:5: step must be a mapping; write {at: ...}`},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t, good) })
	}
}

func TestErrorsOfGoals(t *testing.T) {
	const goal = "availability, at_least: 0.99"
	for _, c := range []errorCase{
		{"unknown metric", "availability", "availabilty", `8:14: unknown metric "availabilty"; did you mean "availability"?`},
		{"unknown class", "availability", "batch_availability", `8:14: unknown metric "batch_availability"; there are: availability*, lost_seconds*, failed_requests*, outage*, longest_gap*, p50*, p95*, p99*, baseline_p99*, failover, after_effect, lost_writes, duplicated_writes, resurrected_writes, diverged_rows, replication_lag, queue_depth, queue_age, job_age, queue_drain, lost_jobs, doubled_jobs, web_cpu, cache_loads, unnoticed_seconds, missed_alerts, false_alerts, alert_delay, illegal_registers, missed_own_writes, reads_gone_back, staleness, score; those with * also for one class of the load (read, write, session), such as write_outage`},
		{"metric that has no classes", goal, "write_failover, at_most: 3s", `8:14: unknown metric "write_failover"; there are: availability*, lost_seconds*, failed_requests*, outage*, longest_gap*, p50*, p95*, p99*, baseline_p99*, failover, after_effect, lost_writes, duplicated_writes, resurrected_writes, diverged_rows, replication_lag, queue_depth, queue_age, job_age, queue_drain, lost_jobs, doubled_jobs, web_cpu, cache_loads, unnoticed_seconds, missed_alerts, false_alerts, alert_delay, illegal_registers, missed_own_writes, reads_gone_back, staleness, score; those with * also for one class of the load (read, write, session), such as write_outage`},
		{"percent for ratio", "0.99", "99%", `8:38: at_least: "99%" is not in the unit of availability, a ratio; write the ratio 0.99`},
		{"percent without sign", "0.99", "99", `8:38: at_least: "99" is not in the unit of availability, a ratio; write the ratio 0.99`},
		{"small percent", "0.99", "0.5%", `8:38: at_least: "0.5%" is not in the unit of availability, a ratio; write the ratio 0.005`},
		{"negative ratio", "0.99", "-0.5", `8:38: at_least: "-0.5" is not in the unit of availability, a ratio; write a ratio from 0 to 1, such as 0.99`},
		{"not a number", "0.99", ".nan", `8:38: at_least: ".nan" is not in the unit of availability, a ratio; write a ratio from 0 to 1, such as 0.99`},
		{"both bounds", "at_least: 0.99", "at_least: 0.9, at_most: 0.99", `8:5: goal on availability has both at_most and at_least; keep one, or make two goals of it`},
		{"no bound", ", at_least: 0.99", "", `8:5: goal on availability has neither at_most nor at_least; add one, such as at_least: 0.99`},
		{"no metric", "metric: availability, ", "", `8:5: metric is missing; name one, such as availability`},
		{"seconds without unit", goal, "write_outage, at_most: 10", `8:37: at_most: "10" is not in the unit of write_outage, a time; add a unit: 10s or 10ms`},
		{"ratio for seconds", goal, "outage, at_most: 10%", `8:31: at_most: "10%" is not in the unit of outage, a time; write it like 30s, 500ms or 1m30s`},
		{"negative seconds", goal, "outage, at_most: -1s", `8:31: at_most: "-1s" is not in the unit of outage, a time; write a time of 0s or more`},
		{"part of a count", goal, "lost_writes, at_most: 0.5", `8:36: at_most: "0.5" is not in the unit of lost_writes, a count; write a whole number, 0 or more`},
		{"count with a unit", goal, "lost_writes, at_most: 0s", `8:36: at_most: "0s" is not in the unit of lost_writes, a count; write a whole number, 0 or more`},
		{"endless count", goal, "lost_writes, at_most: Inf", `8:36: at_most: "Inf" is not in the unit of lost_writes, a count; write a whole number, 0 or more`},
		{"points out of range", goal, "score, at_least: 101", `8:31: at_least: "101" is not in the unit of score, points of 100; write 0 to 100`},
		{"bound twice", "  - {metric: " + goal + "}\n", "  - {metric: " + goal + "}\n  - {metric: availability, at_least: 0.9}\n", `9:5: availability is bound twice, first on line 8; keep the stricter one`},
		{"unknown key", "at_least", "atleast", `8:28: unknown key "atleast" in goal; did you mean "at_least"?`},
		{"bound without a value", "at_least: 0.99", "at_least: ", `8:28: at_least has no value in goal; give it a value or remove it`},
		{"no step", good[strings.Index(good, "steps"):], "goals: [{metric: failover, at_most: 10s}]", `5:18: goal on failover has no evidence without a step; add it, or remove the goal`},
		{"no ledger", good[strings.Index(good, "load"):], "load: {rate: 10/s, ops: [{name: a, class: read, path: /}]}\ngoals: [{metric: lost_writes, at_most: 0}]", `4:18: goal on lost_writes has no evidence without an operation with ledger: true; add it, or remove the goal`},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t, good) })
	}
}

func TestErrorsOfWrittenLoads(t *testing.T) {
	text := strings.Replace(good, "load: {workload: reference}\n", written, 1)
	if _, err := Parse("x.yaml", []byte(text)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []errorCase{
		{"no rate", "  rate: 100/s\n", "", `4:3: rate is missing; write it like rate: 200/s`},
		{"rate without unit", "100/s", "100", `4:9: rate: "100" has no unit; write 100/s`},
		{"rate per minute", "100/s", "100/min", `4:9: rate: "100/min" is not a rate; write it like 200/s; more than 0 and at most 1000000/s`},
		{"rate of nothing", "100/s", "0/s", `4:9: rate: "0/s" is not a rate; write it like 200/s; more than 0 and at most 1000000/s`},
		{"unknown key", "  rate: 100/s", "  rate: 100/s\n  conections: 5", `5:3: unknown key "conections" in load; did you mean "connections"?`},
		{"limit above timeout", "  rate: 100/s", "  rate: 100/s\n  limit: 2s", `5:10: limit 2s is longer than the timeout 1s: no answer could be slow; make the limit shorter than the timeout`},
		{"timeout without unit", "  rate: 100/s", "  rate: 100/s\n  timeout: 2", `5:12: timeout: "2" is not a time; add a unit: 2s or 2ms`},
		{"no connections", "  rate: 100/s", "  rate: 100/s\n  connections: 0", `5:16: connections: "0" does not fit; write a whole number from 1 to 10000`},
		{"no operations", written[strings.Index(written, "  ops"):], "", `4:3: the load has no operations; name a workload, such as {workload: reference}, or write ops out`},
		{"empty operations", written[strings.Index(written, "  ops"):], "  ops: []\n", `6:8: the load has no operations; write at least one operation`},
		{"no class", "class: read, ", "", `7:7: class is missing; say read, write or session`},
		{"class with blanks", "class: read", "class: Read all", `7:27: class: "Read all" is not a plain name; write small letters, digits, - and _, a letter first`},
		{"weight of nothing", "class: read", "class: read, weight: 0", `7:41: weight: "0" does not fit; write a number greater than 0`},
		{"same name", "name: list", "name: add", `8:14: operation "add" is there twice, first on line 7; give each its own name`},
		{"no path", ", path: /items}\n    -", "}\n    -", `7:7: path is missing; write it like path: /feed`},
		{"path with host", "path: /items}", "path: 'http://a/items'}", `7:39: path "http://a/items" is not absolute; begin it with /; the host is the topology's entry`},
		{"unknown method", "method: POST, path: /items", "method: PSOT, path: /items", `8:55: unknown method "PSOT"; did you mean "POST"? there are: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS`},
		{"unknown variable", "path: /items}", "path: '/items/{{uid}}'}", `7:7: path: bad template variable: {{uid}} is unknown, use {{id}}, {{user}}, {{token}} or {{rand N}}; mend the variable, or leave its braces out`},
		{"ledger without id", `X-Id: "{{id}}", `, "", `8:7: operation "add" is in the ledger but does not send its {{id}}; put {{id}} into its path, a header or the body`},
		{"id without ledger", "ledger: true, ", "", `8:7: operation "add" sends an {{id}} but is not in the ledger; write ledger: true, or use {{rand N}}`},
		{"ledger is neither", "ledger: true", "ledger: maybe", `8:41: ledger: "maybe" is neither true nor false; write true or false`},
		{"token without login", written[strings.Index(written, "  login"):strings.Index(written, "  ops")], "", `7:7: operation "add" uses {{token}}, but nobody logs in; give the load a login: a request whose answer has a "token"`},
		{"login with token", "/login,", "'/login/{{token}}',", `5:10: login uses the {{token}} that it is to bring; send the name and password of {{user}} instead`},
		{"header twice", "headers: {", "headers: {X-Id: a, ", `8:94: header "X-Id" is there twice; keep one of them`},
		{"header's name", "X-Token", "X Token", `8:101: "X Token" can't be a header's name; write it like Content-Type`},
		{"header that repeats writes", "X-Token", "Idempotency-Key", `8:101: header "Idempotency-Key" would let Go's HTTP client repeat writes unseen; send the id in another header, such as X-Op-Id`},
		{"header of many lines", `"{{token}}"`, `"{{token}}\n"`, `8:110: header "X-Token" must have a single value; write one line of text; quote it if it begins with { or [`},
		{"unquoted variable", `"{{token}}"`, `{{token}}`, `8:110: header "X-Token" must have a single value; write one line of text; quote it if it begins with { or [`},
		{"headers is a list", `{X-Id: "{{id}}", X-Token: "{{token}}"}`, "[a]", `8:84: headers must be a mapping; write it like headers: {Content-Type: application/json}`},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t, text) })
	}
}
