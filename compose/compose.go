package compose

// Labels that the topology files put on their services. Gauntlet reads roles from live answers, never from labels.
const (
	LabelTier    = "gauntlet.tier"    // lb, web, db, dcs, ...
	LabelRegion  = "gauntlet.region"  // a, b
	LabelRoles   = "gauntlet.roles"   // comma-separated live roles that the container may come to have
	LabelProbe   = "gauntlet.probe"   // kind of built-in probe: postgres, etcd, haproxy, web, rabbitmq, redis, region, dns
	LabelReady   = "gauntlet.ready"   // how to ask for readiness: "http 8080 /ready", "postgres 5432", "redis 6379", "dns 53", "outpost 9100", "exit"
	LabelNames   = "gauntlet.names"   // name that clients look up at a name server, such as www.app.test
	LabelClients = "gauntlet.clients" // region whose clients a container can play; see loadgen/outpost
	LabelMetrics = "gauntlet.metrics" // where Prometheus metrics are, such as "8080 /metrics"
	LabelShard   = "gauntlet.shard"   // the database cluster that the container belongs to, where there are several
	LabelOwner   = "gauntlet.owner"   // "gauntlet" on all that Gauntlet started
	LabelScaled  = "gauntlet.scaled"  // on containers that an autoscaler of the topology made: who made them
)

// Topology is an architecture that Gauntlet can start.
type Topology struct {
	Name     string   // such as "replicated-async"
	Summary  string   // one line
	Files    []string // Compose files in the embedded catalogue, in order
	Targets  []string // Dockerfile targets it needs
	Roles    []string // live roles it has, such as "postgres-primary"
	Tiers    []string
	Services []string // Compose services
	Clients  []string // regions in which there are clients
	Entry    string   // service and container port that clients talk to, such as "lb:80"
	Sync     bool     // promises that no acknowledged write is lost
	Mutant   bool     // made to fail a check; left out of lists unless asked for
	Overlays []string // laid over it, such as "observability"

	overlay bool              // none by itself
	scraped map[string]scrape // services that say where their metrics are
	checked map[string]bool   // services with a health check
}

// Container is a started container and how to reach it from the host.
type Container struct {
	ID      string
	Name    string // service-index, such as "db-1"
	Service string
	Index   int
	State   string // as the engine calls it: running, exited, ...
	Tier    string
	Region  string
	Clients string         // LabelClients
	Names   string         // LabelNames
	Shard   string         // LabelShard
	Probe   string         // LabelProbe
	Ready   string         // LabelReady
	Metrics string         // LabelMetrics
	IP      string         // on the topology's network
	Ports   map[int]string // container port to "127.0.0.1:port"
}
