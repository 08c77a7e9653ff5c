package web

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"

	"gauntlet/targetapp/postgres"
)

// Where sessions live, as APP_SESSIONS says.
const (
	SessionsSigned = "signed" // in signed tokens, the default
	SessionsLocal  = "local"  // in the memory of the node that logged the user in
)

// Config of a web node.
type Config struct {
	Name       string // APP_NAME, the first word of X-Served-By
	Listen     string // APP_LISTEN, default ":8080"
	Members    []postgres.Member
	Secret     string // APP_SECRET, shared by all web nodes
	Idempotent bool   // APP_IDEMPOTENT, default true
	Sessions   string // APP_SESSIONS
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
	if c.Members, err = postgres.ParseMembers(env("APP_DATABASES")); err != nil {
		errs = append(errs, err)
	}
	if s := env("APP_IDEMPOTENT"); s != "" {
		if c.Idempotent, err = strconv.ParseBool(s); err != nil {
			errs = append(errs, fmt.Errorf("APP_IDEMPOTENT is %q, want true or false", s))
		}
	}
	switch c.Sessions = cmp.Or(env("APP_SESSIONS"), SessionsSigned); c.Sessions {
	case SessionsSigned, SessionsLocal:
	default:
		errs = append(errs, fmt.Errorf("APP_SESSIONS is %q, want %s or %s", c.Sessions, SessionsSigned, SessionsLocal))
	}
	return c, errors.Join(errs...)
}
