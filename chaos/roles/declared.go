package roles

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"gauntlet/chaos"
)

// Declared is a role that a user defines: each running container of the service is asked, by exactly one of HTTP, SQL and Exec.
//
//   - HTTP: a GET of a URL without a host, such as "http://:8080/leader": the host is the container itself. The answer is the body of a
//     2xx status; any other status is no.
//   - SQL: one value from the container's PostgreSQL, as text. No row, or null, is no.
//   - Exec: what a command in the container prints. An exit code other than 0 is no.
type Declared struct {
	Name    string
	Service string
	HTTP    string
	SQL     string
	Exec    []string
	// Expect is the answer of who has the role, compared without space around it. Empty: HTTP and Exec need only
	// succeed, SQL must give t, true, on, yes or 1.
	Expect string
}

var roleName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// Check says what can't be asked; the error is chaos.ErrBadSelector.
func (d Declared) Check() error {
	ways := 0
	for _, set := range []bool{d.HTTP != "", d.SQL != "", len(d.Exec) > 0} {
		if set {
			ways++
		}
	}
	switch {
	case !roleName.MatchString(d.Name):
		return fmt.Errorf("%w: the name must be letters, digits, dots, dashes and underscores", chaos.ErrBadSelector)
	case d.known():
		return fmt.Errorf("%w: that name is found out already; take another one", chaos.ErrBadSelector)
	case d.Service == "":
		return fmt.Errorf("%w: name the service whose containers may have it", chaos.ErrBadSelector)
	case ways != 1:
		return fmt.Errorf("%w: write exactly one of http, sql and exec", chaos.ErrBadSelector)
	}
	_, err := d.url("127.0.0.1")
	return err
}

func (d Declared) known() bool {
	return slices.ContainsFunc(kinds, func(k kind) bool { return slices.Contains(k.roles, d.Name) })
}

// url is HTTP with the host filled in; nil if there is none.
func (d Declared) url(host string) (*url.URL, error) {
	if d.HTTP == "" {
		return nil, nil
	}
	u, err := url.Parse(d.HTTP)
	if err != nil || u.Scheme != "http" || u.Hostname() != "" {
		return nil, fmt.Errorf(`%w: http %q: write a URL without a host, such as "http://:8080/leader"`, chaos.ErrBadSelector, d.HTTP)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	u.Host = net.JoinHostPort(host, port)
	return u, nil
}

func (d Declared) probe(n node, exec Execer) probe {
	ask := func(ctx context.Context) ([]string, error) {
		has, err := d.ask(ctx, n, exec)
		if err != nil || !has {
			return nil, err
		}
		return []string{d.Name}, nil
	}
	return probe{node: n, gives: func(role string) bool { return role == d.Name }, ask: ask}
}

func (d Declared) ask(ctx context.Context, n node, exec Execer) (bool, error) {
	switch {
	case d.HTTP != "":
		return d.askHTTP(ctx, n)
	case d.SQL != "":
		return d.askSQL(ctx, n)
	}
	out, code, err := exec.Exec(ctx, n.c.ID, d.Exec)
	if err != nil || code != 0 {
		return false, err
	}
	return d.says(out), nil
}

// says compares an answer with what is expected, if anything is.
func (d Declared) says(answer string) bool {
	return d.Expect == "" || strings.TrimSpace(answer) == strings.TrimSpace(d.Expect)
}

func (d Declared) askHTTP(ctx context.Context, n node) (bool, error) {
	u, err := d.url(n.host())
	if err != nil {
		return false, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return false, err
	}
	body, err := n.http(req)
	var status *statusError
	if errors.As(err, &status) {
		return false, nil
	}
	return err == nil && d.says(string(body)), err
}

// yes are the answers that count as true.
var yes = []string{"t", "true", "on", "yes", "1"}

func (d Declared) askSQL(ctx context.Context, n node) (bool, error) {
	conn, err := connectPostgres(ctx, n)
	if err != nil {
		return false, err
	}
	defer closePostgres(conn)
	rows, err := conn.Query(ctx, d.SQL, pgx.QueryExecModeSimpleProtocol) // which gives each value as text
	if err != nil {
		return false, err
	}
	defer rows.Close()
	if !rows.Next() {
		return false, rows.Err()
	}
	values := rows.RawValues()
	if len(values) == 0 || values[0] == nil {
		return false, nil
	}
	if d.Expect == "" {
		return slices.Contains(yes, strings.ToLower(string(values[0]))), nil
	}
	return d.says(string(values[0])), nil
}
