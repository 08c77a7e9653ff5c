package probe

import "time"

// Point is one measurement. A failed measurement has Err set: a gap, never a zero.
type Point struct {
	Metric string        // what is measured, such as "replication_lag"; unit in Units
	Target string        // of what, such as "db-2"
	At     time.Duration // when the value held, offset from the run's origin
	Took   time.Duration // how long it took to learn it
	Value  float64
	Err    string
}

// The metrics that the built-in probes emit.
const (
	ReplicationLag    = "replication_lag"    // seconds, age of the newest heartbeat row visible on a replica
	HeartbeatAge      = "heartbeat_age"      // seconds since the last heartbeat that any primary acknowledged; stands in when there is no primary
	LSNDistance       = "lsn_distance"       // bytes of WAL between primary and replica
	QueueDepth        = "queue_depth"        // messages that wait in a queue of the broker, or jobs in the outbox (target "outbox")
	QueueAge          = "queue_age"          // seconds, age of the oldest job in the outbox
	JobAge            = "job_age"            // seconds, age of the oldest write whose job has had no effect yet, wherever the job is: in the outbox, in the broker or in a worker's hands; 0: all are done
	CacheLoads        = "cache_loads"        // once a second for each web node: its fetches from the database, per second, to fill the cache
	CacheHits         = "cache_hits"         // once a second for each web node: share in [0,1] of its reads of the cache that were answered by it
	WebCPU            = "web_cpu"            // once a second for each web node: share in [0,1] of the processors that it may use
	ContainerCPU      = "container_cpu"      // every 5 s for each container: processors, mean since the last answer
	ContainerMemory   = "container_memory"   // bytes, without page cache that could be dropped at once
	ContainerReceived = "container_received" // bytes per second, mean since the last answer
	ContainerSent     = "container_sent"     // likewise
	PromQL            = "promql"             // value of a query of the user's own; the target is its name, and the series' labels
	Answers           = "answers"            // 1 if the node answered its health question, 0 if it refused; Err if unknown
	Coverage          = "coverage"           // once a second for each poller: share in [0,1] of its polls that gave an answer or had nothing to ask; Took is its longest gap
)

// Units maps each metric to its unit.
var Units = map[string]string{
	ReplicationLag: "seconds", HeartbeatAge: "seconds", LSNDistance: "bytes", QueueDepth: "messages", QueueAge: "seconds", JobAge: "seconds", CacheLoads: "per second", CacheHits: "ratio", WebCPU: "ratio",
	ContainerCPU: "processors", ContainerMemory: "bytes", ContainerReceived: "bytes per second", ContainerSent: "bytes per second", Answers: "bool", PromQL: "as the user says", Coverage: "ratio",
}

// Change is a state seen to differ from the poll before.
type Change struct {
	What     string        // which state, one of the What constants
	Target   string        // of whom: a container's name, or "cluster"
	From, To string        // "" is: no value (no leader), "?" is: no answer
	After    time.Duration // last poll that still saw From, offset from the run's origin
	At       time.Duration // first poll that saw To
}

// The states that the built-in pollers watch, every 20 to 50 ms.
const (
	Leader   = "leader"       // name in the consensus store's leader key; Target "cluster"
	Role     = "role"         // "primary" or "replica" as the database node itself says
	Route    = "route"        // which database node a web node sends its writes to
	Server   = "server"       // load balancer's view of a server: "UP", "DOWN", ...
	SyncName = "sync_standby" // name of the synchronous standby; Target "cluster"
	Lease    = "lease"        // which region holds the lease to write, several joined by "+"; Target "cluster"
	Answer   = "answer"       // whom a name server sends the clients of a region to; Target is the region
	Health   = "health"       // container state by the engine: "running", "exited", ...

	StoreLeader = "store_leader" // names of the consensus nodes that say they lead, joined by "+"; Target "cluster"; every 250 ms
)
