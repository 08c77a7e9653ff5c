package web

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"gauntlet/targetapp/postgres"
	"gauntlet/targetapp/shard"
)

// Where sessions live, as APP_SESSIONS says.
const (
	SessionsSigned = "signed" // in signed tokens, the default
	SessionsLocal  = "local"  // in the memory of the node that logged the user in
	SessionsShared = "shared" // in Redis, whose master the sentinels know

	SessionsRegional = "regional" // as shared, in a store of this region; those of other regions are known by their tokens' signature
)

// Config of a web node.
type Config struct {
	Name       string            // APP_NAME, the first word of X-Served-By
	Listen     string            // APP_LISTEN, default ":8080"
	Members    []postgres.Member // APP_DATABASES; APP_FAR names those of another region
	Secret     string            // APP_SECRET, shared by all web nodes
	Idempotent bool              // APP_IDEMPOTENT, default true
	Sessions   string            // APP_SESSIONS
	StaleReads bool              // APP_STALE_READS: registers are read at any replica, default false; no sound rung has it

	Sentinels    []string // APP_SENTINELS, host:port with commas; needed by shared sessions
	SentinelName string   // APP_SENTINEL_NAME, what the sentinels call the store, default "sessions"

	Jobs    bool          // APP_JOBS: writes bring jobs into the outbox, default false
	Photos  string        // APP_PHOTOS, the folder of uploaded photos, default the system's temporary one
	PageAge time.Duration // APP_PAGE_AGE, for which an edge may keep pages, whole seconds; default 0: nothing is said about it

	Shards   []shard.Group // APP_SHARDS, as s1=db1@host:port|db2@host:port;s2=...; none: the one database of APP_DATABASES
	ShardMap string        // APP_SHARD_MAP, the etcd nodes that keep the shard map; needed by shards

	Cache      map[string]string // APP_CACHE, nodes as name=host:port with commas; none: no cache
	CacheNaive bool              // APP_CACHE_NAIVE: without guards against stampedes, default false
	CacheWrite string            // APP_CACHE_WRITE: WriteAside, the default, WriteThrough or WriteBack

	Stores
}

// ReadConfig reads the configuration from the environment and reports all mistakes at once.
func ReadConfig(env func(string) string) (Config, error) {
	c := Config{Name: env("APP_NAME"), Listen: env("APP_LISTEN"), Secret: env("APP_SECRET"), Idempotent: true}
	if c.Listen == "" {
		c.Listen = ":8080"
	}
	var errs []error
	if c.Name == "" {
		errs = append(errs, errors.New("APP_NAME is empty; set it to this node's name, such as web1"))
	}
	var err error
	if env("APP_SHARDS") != "" {
		c.ShardMap = env("APP_SHARD_MAP")
		c.Shards, err = shard.ParseGroups(env("APP_SHARDS"))
		errs = append(errs, c.checkShards(env))
	} else {
		c.Members, err = postgres.ParseMembers(env("APP_DATABASES"))
	}
	errs = append(errs, err, postgres.MarkFar(c.Members, env("APP_FAR")))
	c.Photos = cmp.Or(env("APP_PHOTOS"), os.TempDir())
	if s := env("APP_PAGE_AGE"); s != "" {
		if c.PageAge, err = time.ParseDuration(s); err != nil || c.PageAge < time.Second {
			errs = append(errs, fmt.Errorf("APP_PAGE_AGE is %q, want a time from 1s", s))
		}
	}
	errs = append(errs, boolean(env, "APP_IDEMPOTENT", &c.Idempotent), boolean(env, "APP_CACHE_NAIVE", &c.CacheNaive), boolean(env, "APP_JOBS", &c.Jobs), boolean(env, "APP_STALE_READS", &c.StaleReads))
	errs = append(errs, c.readSessions(env), c.readCache(env("APP_CACHE")), c.readCacheWrite(env("APP_CACHE_WRITE")), c.readStores(env))
	return c, errors.Join(errs...)
}

// checkShards names what cannot be had over shards: positions of several logs cannot be kept in the cache, and jobs' workers know one
// database only.
func (c *Config) checkShards(env func(string) string) error {
	var errs []error
	for _, name := range []string{"APP_CACHE", "APP_JOBS"} {
		if v := env(name); v != "" && v != "false" {
			errs = append(errs, fmt.Errorf("%s is %q, but works with one database only; leave it out, or leave out APP_SHARDS", name, v))
		}
	}
	_, err := shard.NewKeeper(c.ShardMap)
	return errors.Join(append(errs, err)...)
}

// boolean reads true or false into v, which keeps its value if nothing is said.
func boolean(env func(string) string, name string, v *bool) error {
	s := env(name)
	if s == "" {
		return nil
	}
	b, err := strconv.ParseBool(s)
	if err != nil {
		return fmt.Errorf("%s is %q, want true or false", name, s)
	}
	*v = b
	return nil
}

func (c *Config) readSessions(env func(string) string) error {
	c.SentinelName = cmp.Or(env("APP_SENTINEL_NAME"), "sessions")
	switch c.Sessions = cmp.Or(env("APP_SESSIONS"), SessionsSigned); c.Sessions {
	case SessionsSigned, SessionsLocal:
		return nil
	case SessionsShared, SessionsRegional:
		if c.Sentinels = strings.FieldsFunc(env("APP_SENTINELS"), func(r rune) bool { return r == ',' || r == ' ' }); len(c.Sentinels) == 0 {
			return errors.New("APP_SENTINELS is empty; shared sessions need the sentinels, as host:port with commas")
		}
		if c.Region = env("APP_REGION"); c.Sessions == SessionsRegional {
			return region(c.Region)
		}
		return nil
	}
	return fmt.Errorf("APP_SESSIONS is %q, want %s, %s, %s or %s", c.Sessions, SessionsSigned, SessionsLocal, SessionsShared, SessionsRegional)
}

func (c *Config) readCache(nodes string) error {
	if nodes == "" {
		return nil
	}
	c.Cache = map[string]string{}
	for part := range strings.SplitSeq(nodes, ",") {
		name, addr, ok := strings.Cut(strings.TrimSpace(part), "=")
		if _, _, err := net.SplitHostPort(addr); !ok || name == "" || err != nil {
			return fmt.Errorf("APP_CACHE: node %q is not of the form name=host:port", part)
		}
		c.Cache[name] = addr
	}
	return nil
}
