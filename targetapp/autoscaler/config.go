package autoscaler

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"gauntlet/targetapp/broker"
	"gauntlet/targetapp/postgres"
)

// config of the role.
type config struct {
	name, listen string // APP_NAME, APP_LISTEN (":8080")
	socket       string // APP_ENGINE, the engine's Unix socket, default /var/run/docker.sock
	id           string // of its own container: the host name, as the engine gives it
	rules        Rules  // from the file APP_RULES, default /etc/autoscaler.yaml; times divided by APP_TIME_SCALE, 1 to 60
	addresses    addresses
	members      []postgres.Member
	brokers      []string
}

func readConfig(env func(string) string) (config, error) {
	c := config{name: env("APP_NAME"), listen: cmp.Or(env("APP_LISTEN"), ":8080"), socket: cmp.Or(env("APP_ENGINE"), "/var/run/docker.sock")}
	var errs []error
	if c.name == "" {
		errs = append(errs, errors.New("APP_NAME is empty; set it to this container's name, such as autoscaler"))
	}
	var err error
	if c.id, err = os.Hostname(); err != nil {
		errs = append(errs, err)
	}
	scale, err := timeScale(env("APP_TIME_SCALE"))
	errs = append(errs, err)
	if c.rules, err = ReadRules(cmp.Or(env("APP_RULES"), "/etc/autoscaler.yaml")); err == nil && scale > 1 {
		c.rules = c.rules.Scaled(scale)
	}
	errs = append(errs, err)
	c.addresses, err = parseAddresses(env("APP_ADDRESSES"))
	errs = append(errs, err)
	if c.rules.goesBy(QueueDepth) {
		c.members, err = postgres.ParseMembers(env("APP_DATABASES"))
		c.brokers = strings.FieldsFunc(env("APP_BROKERS"), func(r rune) bool { return r == ',' || r == ' ' })
		errs = append(errs, err)
		if err := broker.Hosts(c.brokers); err != nil {
			errs = append(errs, fmt.Errorf("APP_BROKERS: %w", err))
		}
	}
	return c, errors.Join(errs...)
}

func timeScale(s string) (float64, error) {
	if s == "" {
		return 1, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < 1 || f > 60 {
		return 1, fmt.Errorf("APP_TIME_SCALE is %q, want a number from 1 to 60", s)
	}
	return f, nil
}

// goesBy says whether a rule needs the measure.
func (r Rules) goesBy(measure string) bool {
	for _, rule := range r.Rules {
		if rule.Measure == measure {
			return true
		}
	}
	return false
}

// addresses are those that new containers get, from first to last. The engine would hand out any that is free, such as that of
// a node that is down just now. The zero value leaves it to the engine.
type addresses struct{ first, last netip.Addr }

// parseAddresses reads APP_ADDRESSES, such as 10.0.0.200-10.0.0.249.
func parseAddresses(s string) (addresses, error) {
	if s == "" {
		return addresses{}, nil
	}
	from, to, _ := strings.Cut(s, "-")
	first, err1 := netip.ParseAddr(from)
	last, err2 := netip.ParseAddr(to)
	if err1 != nil || err2 != nil || last.Less(first) || first.BitLen() != last.BitLen() {
		return addresses{}, fmt.Errorf("APP_ADDRESSES is %q, want a range such as 10.0.0.200-10.0.0.249", s)
	}
	return addresses{first, last}, nil
}

// free is the first address that none of the containers has; "" where it is the engine's choice.
func (a addresses) free(on []Container) (string, error) {
	if !a.first.IsValid() {
		return "", nil
	}
	taken := map[string]bool{}
	for _, c := range on {
		taken[c.IP] = true
	}
	for ip := a.first; !a.last.Less(ip); ip = ip.Next() {
		if !taken[ip.String()] {
			return ip.String(), nil
		}
	}
	return "", fmt.Errorf("no address from %s to %s is free", a.first, a.last)
}
