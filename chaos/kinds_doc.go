package chaos

// Kinds lists the faults that New can make, in the order in which people should read them.
func Kinds() []KindDoc {
	var out []KindDoc
	for _, g := range [][]KindDoc{lifeKinds, networkKinds, otherKinds} {
		out = append(out, g...)
	}
	return out
}

// Events of the engine that take a container down and up again.
var downAndUp = []string{"die", "start"}

var lifeKinds = []KindDoc{
	{
		Name: "kill", Group: "life", Summary: "node loss: SIGKILL through the engine, stays down for the step, then started again",
		Effect: "the process is gone", Undo: "start", Events: downAndUp,
		Example: "{at: 20s, for: 30s, on: {role: postgres-primary}, fault: {kind: kill}}",
	}, {
		Name: "crash", Group: "life", Summary: "process crash: SIGKILL from outside the engine, so that the restart policy acts as in production",
		Effect: "the process is gone", Undo: "start, if nothing restarted it", Events: downAndUp,
		Example: "{at: 20s, for: 10s, on: {tier: web, pick: one}, fault: {kind: crash}}",
	}, {
		Name: "pause", Group: "life", Summary: "freeze: all processes stop for the step and connections stay open, then go on as if nothing had been",
		Effect: "the cgroup is frozen", Undo: "resume", Events: []string{"pause", "unpause"},
		Example: "{at: 20s, for: 30s, on: {role: postgres-primary}, fault: {kind: pause}}",
	}, {
		Name: "stop", Group: "life", Summary: "graceful stop: the stop signal, SIGKILL after the timeout, stays down for the step, then started again",
		Effect: "the process is gone", Undo: "start", Events: []string{"kill", "die", "start"},
		Example: "{at: 20s, for: 30s, on: {service: db2}, fault: {kind: stop, timeout: 5s}}",
	}, {
		Name: "restart", Group: "life", Summary: "an operator's restart of all targets at once",
		Effect: "the old process is gone, a new one runs", Undo: "start, if it does not run", Events: downAndUp,
		Example: "{at: 20s, for: 10s, on: {service: web2}, fault: {kind: restart, timeout: 5s}}",
	}, {
		Name: "roll", Group: "life", Summary: "rolling restart: the targets one after the other",
		Effect: "the old processes are gone, new ones run", Undo: "start, if it does not run", Events: downAndUp,
		Example: "{at: 20s, for: 30s, on: {tier: web}, fault: {kind: roll, timeout: 5s}}",
	}, {
		Name: "signal", Group: "life", Summary: "a signal to a process inside, from outside of the engine",
		Effect: "the signal was delivered", Undo: "SIGCONT after SIGSTOP; start, if it does not run", Events: downAndUp,
		Example: "{at: 20s, for: 10s, on: {service: lb}, fault: {kind: signal, signal: SIGSTOP, process: haproxy}}",
	}, {
		Name: "remove", Group: "life", Summary: "the container is removed, and made again with the same name, settings, networks and volumes",
		Effect: "the engine knows it no more", Undo: "create and start", Events: []string{"die", "destroy", "start"},
		Example: "{at: 20s, for: 20s, on: {service: web3}, fault: {kind: remove}}",
	}, {
		Name: "scale", Group: "life", Summary: "a service gets fewer or more containers",
		Effect: "the last replicas are gone, or new ones run", Undo: "back to the number of before", Events: []string{"die", "destroy", "start"},
		Example: "{at: 20s, for: 20s, on: {service: web1}, fault: {kind: scale, to: 2}}",
	},
}

var networkKinds = []KindDoc{
	{
		Name: "partition", Group: "network", Summary: "cut off: no packet between the two sides arrives, and nobody is told",
		Effect: "the rules are in place", Undo: "the rules are removed",
		Example: "{at: 20s, for: 20s, on: {role: postgres-primary}, fault: {kind: partition, with: {tier: dcs}}}",
	}, {
		Name: "delay", Group: "network", Summary: "packets are held back, in their order",
		Effect: "the rules are in place", Undo: "the rules are removed",
		Example: "{at: 20s, for: 20s, on: {tier: db}, fault: {kind: delay, delay: 20ms, jitter: 5ms}}",
	}, {
		Name: "loss", Group: "network", Summary: "a share of the packets is dropped",
		Effect: "the rules are in place", Undo: "the rules are removed",
		Example: "{at: 20s, for: 20s, on: {tier: web, pick: one}, fault: {kind: loss, share: 0.05}}",
	}, {
		Name: "duplicate", Group: "network", Summary: "a share of the packets arrives twice",
		Effect: "the rules are in place", Undo: "the rules are removed",
		Example: "{at: 20s, for: 20s, on: {tier: web, pick: one}, fault: {kind: duplicate, share: 0.1}}",
	}, {
		Name: "corrupt", Group: "network", Summary: "a bit is flipped in a share of the packets; checksums find it",
		Effect: "the rules are in place", Undo: "the rules are removed",
		Example: "{at: 20s, for: 20s, on: {tier: web, pick: one}, fault: {kind: corrupt, share: 0.01}}",
	}, {
		Name: "reorder", Group: "network", Summary: "a share of the packets overtakes the others",
		Effect: "the rules are in place", Undo: "the rules are removed",
		Example: "{at: 20s, for: 20s, on: {tier: web, pick: one}, fault: {kind: reorder, share: 0.1, delay: 10ms}}",
	}, {
		Name: "bandwidth", Group: "network", Summary: "a limit on what goes through",
		Effect: "the rules are in place", Undo: "the rules are removed",
		Example: "{at: 20s, for: 20s, on: {service: lb}, fault: {kind: bandwidth, rate: 10mbit}}",
	}, {
		Name: "reset", Group: "network", Summary: "TCP connections are broken with RST, established ones and new ones",
		Effect: "the rules are in place", Undo: "the rules are removed",
		Example: "{at: 20s, for: 5s, on: {tier: web}, fault: {kind: reset, ports: [5432]}}",
	}, {
		Name: "refuse", Group: "network", Summary: "new TCP connections are answered with RST, established ones go on",
		Effect: "the rules are in place", Undo: "the rules are removed",
		Example: "{at: 20s, for: 10s, on: {tier: web, pick: one}, fault: {kind: refuse, direction: in, ports: [8080]}}",
	}, {
		Name: "dns", Group: "network", Summary: "name lookups of the targets fail or get no answer",
		Effect: "the rules are in place", Undo: "the rules are removed",
		Example: "{at: 20s, for: 20s, on: {tier: web}, fault: {kind: dns, answer: servfail, names: [db1]}}",
	}, {
		Name: "http", Group: "http", Summary: "a share of the requests is delayed, answered with an error or aborted",
		Effect: "the proxy is in place", Undo: "the proxy is removed",
		Example: "{at: 20s, for: 20s, on: {tier: web, pick: one}, fault: {kind: http, ports: [8080], path: /feed, status: 503, share: 0.3}}",
	},
}

var otherKinds = []KindDoc{
	{
		Name: "cpu", Group: "resources", Summary: "less processor time: a limit, or cores burnt within the target's own limit",
		Effect: "the limit is set, or the burner runs", Undo: "the limit of before; the burner ends",
		Example: "{at: 20s, for: 20s, on: {role: postgres-primary}, fault: {kind: cpu, quota: 0.2}}",
	}, {
		Name: "memory", Group: "resources", Summary: "memory is filled within the target's own limit",
		Effect: "the memory is taken", Undo: "it is given back", Events: []string{"oom", "die", "start"},
		Example: "{at: 20s, for: 20s, on: {service: web1}, fault: {kind: memory, share: 0.9}}",
	}, {
		Name: "io", Group: "resources", Summary: "the target's disk is throttled",
		Effect: "the limit is set", Undo: "the limit is removed",
		Example: "{at: 20s, for: 20s, on: {role: postgres-primary}, fault: {kind: io, write: 1MB}}",
	}, {
		Name: "disk", Group: "resources", Summary: "a file system is filled",
		Effect: "the space is taken", Undo: "the file is removed",
		Example: "{at: 20s, for: 20s, on: {service: db1}, fault: {kind: disk, path: /tmp, bytes: 64MB}}",
	}, {
		Name: "flush", Group: "state", Summary: "a cache is emptied (Redis)",
		Effect: "the keys are gone", Undo: "none: it fills again",
		Example: "{at: 20s, for: 10s, on: {role: redis-master}, fault: {kind: flush}}",
	}, {
		Name: "poison", Group: "state", Summary: "messages that can't be read come into a queue (RabbitMQ)",
		Effect: "the broker has confirmed them", Undo: "none: to get rid of them is what is tested",
		Example: "{at: 20s, for: 20s, on: {service: mq1}, fault: {kind: poison, queue: jobs, count: 100}}",
	}, {
		Name: "exhaust", Group: "state", Summary: "a server's connections are all taken (PostgreSQL, Redis, RabbitMQ)",
		Effect: "the server refuses another one", Undo: "they are closed",
		Example: "{at: 20s, for: 20s, on: {role: postgres-primary}, fault: {kind: exhaust}}",
	}, {
		Name: "lock", Group: "state", Summary: "a table is locked against reads and writes (PostgreSQL)",
		Effect: "the lock is held", Undo: "it is released",
		Example: "{at: 20s, for: 10s, on: {role: postgres-primary}, fault: {kind: lock, table: posts}}",
	}, {
		Name: "slow-replay", Group: "state", Summary: "replicas apply later what they receive (PostgreSQL)",
		Effect: "what is received is not replayed", Undo: "replay goes on, seen by its position",
		Example: "{at: 20s, for: 20s, on: {role: postgres-replica}, fault: {kind: slow-replay, delay: 5s}}",
	}, {
		Name: "spike", Group: "load", Summary: "more load, or less; it has no targets",
		Effect: "the schedule is changed", Undo: "the rate of before",
		Example: "{at: 20s, for: 10s, fault: {kind: spike, factor: 3}}",
	},
}
