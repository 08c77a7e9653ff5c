package wan

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// route forwards what arrives at a port.
type route struct {
	listen  string   // :PORT
	targets []string // host:port; several: the one that leads, as its Patroni says
}

// patroniPort is where a database's Patroni answers.
const patroniPort = "8008"

type config struct {
	listen string        // APP_LISTEN, for health checks, default ":8080"
	delay  time.Duration // APP_WAN_DELAY, one way
	routes []route       // APP_WAN_ROUTES: PORT=HOST:PORT with blanks between; PORT=HOST:PORT|HOST:PORT: to the one that leads
}

func readConfig(env func(string) string) (config, error) {
	c := config{listen: cmp.Or(env("APP_LISTEN"), ":8080")}
	var errs []error
	var err error
	if c.delay, err = time.ParseDuration(env("APP_WAN_DELAY")); err != nil || c.delay < 0 || c.delay > time.Second {
		errs = append(errs, fmt.Errorf("APP_WAN_DELAY is %q, want a time up to 1s, such as 20ms", env("APP_WAN_DELAY")))
	}
	for _, part := range strings.Fields(env("APP_WAN_ROUTES")) {
		port, to, ok := strings.Cut(part, "=")
		r := route{listen: ":" + port, targets: strings.Split(to, "|")}
		for _, t := range r.targets {
			if _, _, err := net.SplitHostPort(t); err != nil || !ok {
				errs = append(errs, fmt.Errorf("APP_WAN_ROUTES: %q is not PORT=HOST:PORT", part))
			}
		}
		c.routes = append(c.routes, r)
	}
	if len(c.routes) == 0 {
		errs = append(errs, errors.New("APP_WAN_ROUTES is empty; set it to PORT=HOST:PORT, several with blanks"))
	}
	return c, errors.Join(errs...)
}
