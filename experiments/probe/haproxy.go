package probe

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// haproxyPollers ask one load balancer for its servers' states.
func (s *session) haproxyPollers(e Endpoint) ([]poller, error) {
	addr, err := e.addr(9999)
	if err != nil {
		return nil, err
	}
	a := &serverAsker{addr: addr, out: s.out, health: health{target: e.Name, out: s.out}, servers: map[string]*watched{}}
	return []poller{{name: "servers " + e.Name, every: serverTick, limit: askLimit, asker: a}}, nil
}

// maxServers bounds the memory for states; more servers than that is an error.
const maxServers = 1000

type serverAsker struct {
	addr    string
	out     *emitter
	health  health
	states  map[string]string
	servers map[string]*watched
}

func (a *serverAsker) ask(ctx context.Context) (err error) {
	a.states, err = serverStates(ctx, a.addr)
	return err
}

func (a *serverAsker) tell(s span, err error) {
	a.health.saw(err, s)
	for name := range a.states {
		if a.servers[name] == nil {
			w := watchFor(a.out, Server, name)
			a.servers[name] = &w
		}
	}
	for name, w := range a.servers {
		switch state, ok := a.states[name]; {
		case err != nil:
			w.saw(Unknown, s)
		case !ok: // it was taken out of the configuration
			w.saw("", s)
		default:
			w.saw(state, s)
		}
	}
}

func (a *serverAsker) close() {}

// serverStates asks HAProxy's runtime API, which answers one command per connection, for the state of each server,
// by "backend/server".
func serverStates(ctx context.Context, addr string) (map[string]string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if d, ok := ctx.Deadline(); ok {
		conn.SetDeadline(d)
	}
	if _, err := io.WriteString(conn, "show stat -1 4 -1\n"); err != nil { // -1: all proxies, 4: servers only, -1: all of them
		return nil, err
	}
	return parseStat(io.LimitReader(conn, bodyLimit))
}

// parseStat reads the CSV of "show stat".
func parseStat(r io.Reader) (map[string]string, error) {
	rows := csv.NewReader(r)
	rows.FieldsPerRecord, rows.LazyQuotes, rows.ReuseRecord = -1, true, true
	head, err := rows.Read()
	if errors.Is(err, io.EOF) { // it closed without a word
		return nil, io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	col := columns(head)
	if col["# pxname"] == 0 || col["svname"] == 0 || col["status"] == 0 {
		return nil, fmt.Errorf("HAProxy's runtime API answered %q, not statistics; let its stats socket accept \"show stat\"", strings.Join(head, ","))
	}
	states := map[string]string{}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return states, nil
		}
		if err != nil {
			return nil, err
		}
		field := func(name string) string {
			if i := col[name]; i <= len(row) {
				return row[i-1]
			}
			return ""
		}
		if sv := field("svname"); sv != "" && sv != "FRONTEND" && sv != "BACKEND" {
			states[field("# pxname")+"/"+sv] = plainStatus(field("status"))
		}
		if len(states) > maxServers {
			return nil, fmt.Errorf("HAProxy has more than %d servers", maxServers)
		}
	}
}

// columns maps names to positions counted from 1.
func columns(head []string) map[string]int {
	col := make(map[string]int, len(head))
	for i, h := range head {
		col[h] = i + 1
	}
	return col
}

// plainStatus drops the count of checks from "UP 1/3", which is a server on its way down that still gets requests.
func plainStatus(s string) string {
	name, rest, _ := strings.Cut(s, " ")
	if strings.Contains(rest, "/") {
		return name
	}
	return s
}
