package loadgen

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// DNS says when a client asks for the address of a name.
type DNS string

// The ways to treat names.
const (
	DNSDial DNS = ""     // asked at each new connection
	DNSTTL  DNS = "ttl"  // an answer is kept as long as the server of the zone allows
	DNSHold DNS = "hold" // the first answer is kept for the whole load, as many a connection pool does; a failover by DNS is then never seen
)

// Client says which kind of client a load imitates. The zero value keeps HTTP/1.1 connections alive, in one pool per operation
// class, and asks for a name at each new connection. No client repeats a request, follows a redirect or has a cache.
type Client struct {
	HTTP2     bool          // HTTP/2, over TLS or in clear text; one connection carries up to Streams requests
	Streams   int           // HTTP/2: requests at a time per connection, 0: 100
	Close     bool          // HTTP/1.1: a new connection for each request
	MaxAge    time.Duration // a connection is not used for new requests beyond this age; 0: no limit
	Idle      time.Duration // an unused connection is closed after it; 0: 1 minute
	PerUser   int           // each simulated user has a pool of its own with so many connections; 0: all share one
	DNS       DNS           // when a name is asked for
	Hold      time.Duration // with DNSHold: for how long an answer is kept; 0: for the whole load
	Resolver  string        // DNS server, such as 127.0.0.1:53; "": the system's
	Insecure  bool          // TLS: accept any certificate
	Authority string        // TLS: PEM file of the authorities to trust; "": the system's
	Name      string        // TLS: name that the certificate must have; "": the URL's host
}

// maxUserPools bounds the pools of simulated users.
const maxUserPools = 10_000

// check says what is wrong with a client model. users is how many simulated users there are.
func (c Client) check(users int) error {
	switch {
	case c.HTTP2 && c.Close:
		return errors.New("client: HTTP/2 has no connection per request")
	case c.MaxAge < 0 || c.Idle < 0 || c.Streams < 0 || c.PerUser < 0:
		return errors.New("client: a time or number below 0")
	case c.PerUser > 0 && (users <= 0 || users > maxUserPools):
		return fmt.Errorf("client: a pool per user needs 1 to %d users, not %d", maxUserPools, users)
	case c.Hold < 0 || c.Hold > 0 && c.DNS != DNSHold:
		return errors.New("client: a time to hold names needs dns hold")
	case c.DNS != DNSDial && c.DNS != DNSTTL && c.DNS != DNSHold:
		return fmt.Errorf("client: dns %q, there are ttl and hold", string(c.DNS))
	}
	if c.Resolver != "" {
		if _, _, err := net.SplitHostPort(c.Resolver); err != nil {
			return fmt.Errorf("client: resolver %q, write it like 127.0.0.1:53", c.Resolver)
		}
	}
	_, err := c.tls()
	return err
}

// tls is the client's TLS configuration, nil for the default one.
func (c Client) tls() (*tls.Config, error) {
	if !c.Insecure && c.Authority == "" && c.Name == "" {
		return nil, nil
	}
	conf := &tls.Config{InsecureSkipVerify: c.Insecure, ServerName: c.Name} // Insecure is the user's word
	if c.Authority != "" {
		pem, err := os.ReadFile(c.Authority)
		if err != nil {
			return nil, fmt.Errorf("client: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("client: %s has no certificate in PEM form", c.Authority)
		}
	}
	return conf, nil
}

// atOnce is how many requests of a pool can be on their way at a time.
func (c Client) atOnce(connections int) int {
	if !c.HTTP2 {
		return connections
	}
	if c.Streams > 0 {
		return connections * c.Streams
	}
	return connections * defaultStreams
}

const defaultStreams = 100

// words describe the client for the head of a report.
func (c Client) words(connections int) string {
	kind, kept := "HTTP/1.1", "kept-alive "
	if c.HTTP2 {
		kind = "HTTP/2"
	}
	if c.Close {
		kept = "single-use "
	}
	out := []string{fmt.Sprintf("at most %d %s%s connections per class to one address", connections, kept, kind)}
	if c.PerUser > 0 {
		out[0] = fmt.Sprintf("each user with a pool of %d %s%s connections, at most %d requests per class at a time", c.PerUser, kept, kind, c.atOnce(connections))
	}
	if c.MaxAge > 0 {
		out = append(out, fmt.Sprintf("none older than %v", c.MaxAge))
	}
	switch c.DNS {
	case DNSTTL:
		out = append(out, "names kept for their TTL")
	case DNSHold:
		kept := "names looked up once and kept"
		if c.Hold > 0 {
			kept = fmt.Sprintf("names kept for %v, whatever their TTL", c.Hold)
		}
		out = append(out, kept)
	}
	if c.Insecure {
		out = append(out, "certificates not checked")
	}
	return strings.Join(out, ", ")
}
