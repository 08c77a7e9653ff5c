package cache

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// pulse asks nodes whether they live, each on a connection of its own.
type pulse struct {
	mu    sync.Mutex
	conns map[string]net.Conn // by address
}

func newPulse() *pulse { return &pulse{conns: map[string]net.Conn{}} }

// pulseLimit bounds each of the two questions.
const pulseLimit = 100 * time.Millisecond

const ping, pong = "PING\r\n", "+PONG\r\n"

// beats says whether the node answers on its own connection and through its pool: the pool goes on failing for a while after
// the node is back.
func (p *pulse) beats(ctx context.Context, c *redis.Client) bool {
	if !p.ask(ctx, c.Options().Addr) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, pulseLimit)
	defer cancel()
	return c.Ping(ctx).Err() == nil
}

// ask sends one PING. After a failure the next one connects anew.
func (p *pulse) ask(ctx context.Context, addr string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	end := time.Now().Add(pulseLimit)
	conn := p.conns[addr]
	if conn == nil {
		var err error
		if conn, err = (&net.Dialer{Deadline: end}).DialContext(ctx, "tcp", addr); err != nil {
			return false
		}
		p.conns[addr] = conn
	}
	answer := make([]byte, len(pong))
	err := conn.SetDeadline(end)
	if err == nil {
		_, err = io.WriteString(conn, ping)
	}
	if err == nil {
		_, err = io.ReadFull(conn, answer)
	}
	if err != nil || string(answer) != pong {
		conn.Close()
		delete(p.conns, addr)
		return false
	}
	return true
}

// close ends the connections.
func (p *pulse) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for addr, conn := range p.conns {
		conn.Close()
		delete(p.conns, addr)
	}
}
