package chaos

import (
	"net/netip"
	"time"
)

// Op is one operation on one target: what a Fault is made of, what the undo log keeps, what a dry run prints. It is plain data,
// so that any process can carry it out or undo it: Gauntlet, its janitor, `gauntlet heal`.
type Op struct {
	Verb Verb `json:"verb"`

	Timeout  time.Duration `json:"timeout,omitempty"`  // of VerbStop: until SIGKILL
	Pause    time.Duration `json:"pause,omitempty"`    // after it, before the next one of a series
	Signal   string        `json:"signal,omitempty"`   // of VerbSignal: its name, such as SIGHUP
	Process  string        `json:"process,omitempty"`  // of VerbSignal: command name inside the container; "" is the first process
	Snapshot string        `json:"snapshot,omitempty"` // of VerbCreate: how to make the container again, in the runtime's own words
	Service  string        `json:"service,omitempty"`  // of VerbCreate and VerbRemove on a target without an id: which replica
	Index    int           `json:"index,omitempty"`    // its number; VerbCreate makes Snapshot's container again as this replica
	CPUs     float64       `json:"cpus,omitempty"`     // of VerbQuota: cores that the container may use; 0 is no limit
	Factor   float64       `json:"factor,omitempty"`   // of VerbSpike: the load's rate times this

	Net      *NetRule      `json:"net,omitempty"`      // of VerbNet
	HTTP     *HTTPRule     `json:"http,omitempty"`     // of VerbHTTP
	Resource *ResourceLoad `json:"resource,omitempty"` // of VerbResource
	State    *StateChange  `json:"state,omitempty"`    // of VerbState and VerbReplay
	Of       *Op           `json:"of,omitempty"`       // of VerbRevoke: the operation that is taken back
}

// Verb is what an Op does.
type Verb string

// The verbs. Those from VerbNet to VerbReplay are carried out by an agent in the target, and end with it.
const (
	VerbStart    Verb = "start"    // make it run, whatever it does now; a container that runs is left alone
	VerbPause    Verb = "pause"    // freeze all its processes
	VerbKill     Verb = "kill"     // node loss: SIGKILL by the engine; no restart policy acts
	VerbCrash    Verb = "crash"    // SIGKILL to the first process from outside the engine; the restart policy acts
	VerbStop     Verb = "stop"     // the container's stop signal, then SIGKILL after Timeout
	VerbRestart  Verb = "restart"  // stop with Timeout, then start
	VerbRemove   Verb = "remove"   // remove the container; its volumes and networks stay
	VerbCreate   Verb = "create"   // make a removed container again from Snapshot, and start it
	VerbSignal   Verb = "signal"   // a signal to a process inside
	VerbQuota    Verb = "quota"    // limit its CPU time to CPUs
	VerbNet      Verb = "net"      // a rule on its packets
	VerbHTTP     Verb = "http"     // a transparent proxy before its HTTP port
	VerbResource Verb = "resource" // use up CPU, memory, disk or its bandwidth
	VerbState    Verb = "state"    // change what a server keeps, by its own protocol
	VerbReplay   Verb = "replay"   // keep a replica's replay behind, from among its processes
	VerbRevoke   Verb = "revoke"   // take back one of VerbNet to VerbReplay, or VerbSpike; idempotent
	VerbNoop     Verb = "noop"     // look at it and do nothing
	VerbSpike    Verb = "spike"    // more load; carried out by who runs the load, not by the engine
)

// ByAgent says whether an agent in the target carries the verb out.
func (v Verb) ByAgent() bool {
	return v == VerbNet || v == VerbHTTP || v == VerbResource || v == VerbState || v == VerbReplay
}

// Action is what a Fault does to one target, and how that is undone.
type Action struct {
	Target Target `json:"target"`
	Do     Op     `json:"do"`
	Undo   []Op   `json:"undo,omitempty"` // in this order; none: nothing lasts, such as after a flush
}

// Direction says which packets a rule concerns, as the target sees them.
type Direction string

// The directions. A delay of 20 ms in Both adds 40 ms to a round trip.
const (
	Both Direction = "both" // the zero value counts as Both
	In   Direction = "in"
	Out  Direction = "out"
)

// NetRule is one network fault on one target: which packets, and what becomes of them. Loopback, and so Docker's DNS at
// 127.0.0.11, is never concerned unless DNS is set. Several rules on one target compose: a packet passes them all.
type NetRule struct {
	Peers     []netip.Prefix `json:"peers,omitempty"` // the other ends; none: everybody
	Spare     []netip.Prefix `json:"spare,omitempty"` // ends that are never concerned, also if they are among Peers
	Ports     []uint16       `json:"ports,omitempty"` // service ports at either end, of TCP and UDP; none: all packets
	Direction Direction      `json:"direction,omitempty"`

	Drop   bool `json:"drop,omitempty"`   // silently: a partition
	Reset  bool `json:"reset,omitempty"`  // TCP RST: established connections break, new ones too
	Refuse bool `json:"refuse,omitempty"` // new TCP connections get RST, established ones go on

	Delay        time.Duration `json:"delay,omitempty"`        // 0 to 1 min
	Jitter       time.Duration `json:"jitter,omitempty"`       // half-width (uniform) or standard deviation (normal) around Delay
	Correlation  float64       `json:"correlation,omitempty"`  // of a packet's jitter with the one before, [0,1]
	Distribution string        `json:"distribution,omitempty"` // uniform (default) or normal

	Loss      float64 `json:"loss,omitempty"`      // share of packets, [0,1]; so are the next three
	Duplicate float64 `json:"duplicate,omitempty"` //
	Corrupt   float64 `json:"corrupt,omitempty"`   // one bit of the payload is flipped, so that the checksum fails
	Reorder   float64 `json:"reorder,omitempty"`   // these packets overtake: they are sent without the Delay

	BitsPerSecond float64 `json:"bits_per_second,omitempty"` // bandwidth; 0 is no limit
	Seed          uint64  `json:"seed,omitempty"`            // of all chances in the rule

	DNS *DNSRule `json:"dns,omitempty"` // answer name lookups; alone in its rule
}

// DNSRule is what lookups of some names get. Others are answered as before.
type DNSRule struct {
	Names  []string `json:"names,omitempty"` // a name stands for its subdomains too; none: all names
	Answer string   `json:"answer"`          // nxdomain, servfail or timeout
}

// HTTPRule disturbs a share of the requests that reach the target's HTTP ports.
type HTTPRule struct {
	Ports  []uint16      `json:"ports"`            // where the target serves HTTP/1.1 without TLS
	Path   string        `json:"path,omitempty"`   // pattern as of path.Match, or a prefix that ends in "/"; "" is every path
	Method string        `json:"method,omitempty"` // "" is every method
	Share  float64       `json:"share"`            // of the matching requests, (0,1]
	Status int           `json:"status,omitempty"` // answer with this status instead of asking the target, 400 to 599
	Delay  time.Duration `json:"delay,omitempty"`  // wait before the request goes on or is answered
	Abort  bool          `json:"abort,omitempty"`  // close the connection with RST instead of answering
	Seed   uint64        `json:"seed,omitempty"`
}

// ResourceLoad uses up one resource of the target, inside the target's own limits. Exactly one of the groups is set.
type ResourceLoad struct {
	CPUs float64 `json:"cpus,omitempty"` // burn this many cores in the target's cgroup

	MemoryShare float64 `json:"memory_share,omitempty"` // fill memory up to this share of the target's limit, (0,1]; 1 makes the kernel's OOM killer act
	MemoryBytes int64   `json:"memory_bytes,omitempty"` // or by so many bytes

	ReadBytesPerSecond  int64 `json:"read_bytes_per_second,omitempty"`  // throttle the target's disk reads
	WriteBytesPerSecond int64 `json:"write_bytes_per_second,omitempty"` // and writes

	DiskPath  string  `json:"disk_path,omitempty"`  // folder in the target, such as a volume's mount point
	DiskShare float64 `json:"disk_share,omitempty"` // fill its file system up to this share, (0,1]
	DiskBytes int64   `json:"disk_bytes,omitempty"` // or by so many bytes; bounded, because a volume may be the host's own disk
}

// StateChange changes what a server keeps. The agent connects from inside the target's network namespace to 127.0.0.1:Port.
type StateChange struct {
	Kind     string `json:"kind"`   // flush, poison, exhaust, lock, slow-replay
	Server   string `json:"server"` // postgres, redis or rabbitmq
	Port     uint16 `json:"port"`
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
	Database string `json:"database,omitempty"`

	Table string        `json:"table,omitempty"` // of lock: taken in ACCESS EXCLUSIVE mode
	Queue string        `json:"queue,omitempty"` // of poison
	Count int           `json:"count,omitempty"` // of poison: messages; of exhaust: connections, 0 is all there are
	Delay time.Duration `json:"delay,omitempty"` // of slow-replay: how far replay is kept behind
}
