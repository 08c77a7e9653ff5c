package region

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// config of an agent. Without a region it only votes: the arbiter.
type config struct {
	name, listen string        // APP_NAME, APP_LISTEN (":8010")
	region       string        // APP_REGION, "" for the arbiter
	lease        time.Duration // APP_LEASE, default 5s
	voters       []string      // APP_VOTERS, host:port of all voters, the own one included
	patroni      []string      // APP_PATRONI, host:port of the region's Patroni nodes
	source       string        // APP_SOURCE, host:port where the primary of the other region is reached
}

func readConfig(env func(string) string) (config, error) {
	c := config{name: env("APP_NAME"), listen: cmp.Or(env("APP_LISTEN"), ":8010"), region: env("APP_REGION"), lease: 5 * time.Second,
		source: env("APP_SOURCE")}
	var errs []error
	if c.name == "" {
		errs = append(errs, errors.New("APP_NAME is empty; set it to this agent's name, such as agent-a"))
	}
	if s := env("APP_LEASE"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil || d < 2*time.Second || d > MaxLease {
			errs = append(errs, fmt.Errorf("APP_LEASE is %q, want a time from 2s to %s", s, MaxLease))
		}
		c.lease = d
	}
	if c.region == "" {
		return c, errors.Join(errs...)
	}
	var err1, err2, err3 error
	c.voters, err1 = hosts("APP_VOTERS", env("APP_VOTERS"))
	c.patroni, err2 = hosts("APP_PATRONI", env("APP_PATRONI"))
	_, err3 = hosts("APP_SOURCE", c.source)
	return c, errors.Join(append(errs, err1, err2, err3)...)
}

// hosts reads host:port with commas.
func hosts(variable, s string) ([]string, error) {
	all := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
	for _, h := range all {
		if _, _, err := net.SplitHostPort(h); err != nil {
			return nil, fmt.Errorf("%s: %q is not host:port", variable, h)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s is empty; set it to host:port, several with commas", variable)
	}
	return all, nil
}
