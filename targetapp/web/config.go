package web

import (
	"errors"
	"fmt"
	"strconv"

	"gauntlet/targetapp/postgres"
)

// Config of a web node.
type Config struct {
	Name       string // APP_NAME, the first word of X-Served-By
	Listen     string // APP_LISTEN, default ":8080"
	Members    []postgres.Member
	Secret     string // APP_SECRET, shared by all web nodes
	Idempotent bool   // APP_IDEMPOTENT, default true
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
	return c, errors.Join(errs...)
}
