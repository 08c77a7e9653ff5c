package chaos

// Selector describes targets; it is resolved at the moment of injection. Empty fields match all; none matched is an error.
type Selector struct {
	Service   string   // Compose service
	Container string   // name as printed, such as "db-1"
	Role      string   // live role, such as "postgres-primary"
	Tier      string
	Region    string
	Pick      string   // "all" (default), "one", a number, "N%", "minority", "majority"; drawn with the run's seed
	Exclude   []string // names that are never picked
}
