package chaos

// Family is what faults have in common that decides whether two of them can be on one container at the same time.
type Family string

// The families.
const (
	FamilyLife   Family = "life"    // the container is down, frozen or restarted
	FamilyNet    Family = "network" // rules on packets: they compose
	FamilyHTTP   Family = "http"    // rules on requests: they compose
	FamilyCPU    Family = "cpu"
	FamilyMemory Family = "memory"
	FamilyIO     Family = "io"
	FamilyDisk   Family = "disk"
	FamilyState  Family = "state" // of a server's data: they compose
	FamilyLoad   Family = "load"
)

// FamilyOf is the fault's family.
func FamilyOf(f Fault) Family {
	switch f.(type) {
	case *Partition, *Delay, *Loss, *Duplicate, *Corrupt, *Reorder, *Bandwidth, *Reset, *Refuse, *DNS:
		return FamilyNet
	case *HTTP:
		return FamilyHTTP
	case *CPU:
		return FamilyCPU
	case *Memory:
		return FamilyMemory
	case *IO:
		return FamilyIO
	case *Disk:
		return FamilyDisk
	case *Flush, *Poison, *Exhaust, *Lock, *SlowReplay:
		return FamilyState
	case *Spike:
		return FamilyLoad
	}
	return FamilyLife
}

// Compose says whether faults of two families can be on one container at once. Two of one family erase each other, but for
// rules, which add up. A container's life and what an agent does in it are independent: the agent's part is applied again
// when the container is back.
func Compose(a, b Family) bool {
	return a != b || a == FamilyNet || a == FamilyHTTP || a == FamilyState
}

// targetless says whether the fault is on no container.
func targetless(f Fault) bool { return FamilyOf(f) == FamilyLoad }

// NeedsTarget says whether a step with this fault selects containers.
func NeedsTarget(f Fault) bool { return !targetless(f) }

// serial says whether the fault's actions follow each other.
func serial(f Fault) bool {
	_, ok := f.(*Roll)
	return ok
}

// Verbs are the operations that the steps need of agents, each once.
func Verbs(f Fault) []Verb {
	switch FamilyOf(f) {
	case FamilyNet:
		return []Verb{VerbNet}
	case FamilyHTTP:
		return []Verb{VerbHTTP}
	case FamilyCPU:
		if c := f.(*CPU); c.Quota > 0 {
			return nil
		}
		return []Verb{VerbResource}
	case FamilyMemory, FamilyIO, FamilyDisk:
		return []Verb{VerbResource}
	case FamilyState:
		if _, ok := f.(*SlowReplay); ok {
			return []Verb{VerbReplay}
		}
		return []Verb{VerbState}
	}
	return nil
}
