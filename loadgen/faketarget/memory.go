package faketarget

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// network is where a server lives: the kernel's loopback or a memory.
type network interface {
	listen() (net.Listener, error)
}

// memory is a network of one address inside of this process. Nothing of it waits in the kernel, so it works under the made-up
// time of testing/synctest, where a hang of 30 s takes no time and a result has no noise.
type memory struct {
	mu   sync.Mutex
	open *memoryListener // nil: connections are refused
}

func (m *memory) listen() (net.Listener, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open = &memoryListener{net: m, arrive: make(chan net.Conn), done: make(chan struct{})}
	return m.open, nil
}

// dial connects to who listens now, or is refused.
func (m *memory) dial(ctx context.Context) (net.Conn, error) {
	refused := &net.OpError{Op: "dial", Net: "memory", Err: syscall.ECONNREFUSED}
	m.mu.Lock()
	l := m.open
	m.mu.Unlock()
	if l == nil {
		return nil, refused
	}
	a, b := net.Pipe()
	client, server := &memoryConn{Conn: a}, &memoryConn{Conn: b}
	client.peer, server.peer = server, client
	select {
	case l.arrive <- server:
		return client, nil
	case <-l.done:
		return nil, refused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type memoryListener struct {
	net    *memory
	arrive chan net.Conn
	done   chan struct{}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.arrive:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close refuses connections from now on. It is called once.
func (l *memoryListener) Close() error {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	l.net.open = nil
	close(l.done)
	return nil
}

func (l *memoryListener) Addr() net.Addr { return memoryAddr{} }

type memoryAddr struct{}

func (memoryAddr) Network() string { return "memory" }
func (memoryAddr) String() string  { return memoryName }

// memoryConn is one end of a pipe that can be reset like a TCP connection.
type memoryConn struct {
	net.Conn
	peer  *memoryConn
	hard  atomic.Bool // Close resets
	reset atomic.Bool // the peer has reset
}

// SetLinger makes Close a reset when sec is 0, as that of net.TCPConn does.
func (c *memoryConn) SetLinger(sec int) error {
	c.hard.Store(sec == 0)
	return nil
}

// Close ends both directions.
func (c *memoryConn) Close() error {
	if c.hard.Load() {
		c.peer.reset.Store(true)
	}
	return c.Conn.Close()
}

// Read says ECONNRESET where a pipe says EOF after a reset.
func (c *memoryConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	return n, c.cause("read", err)
}

// Write says ECONNRESET where a pipe says that it is closed after a reset.
func (c *memoryConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	return n, c.cause("write", err)
}

func (c *memoryConn) cause(op string, err error) error {
	if c.reset.Load() && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe)) {
		return &net.OpError{Op: op, Net: "memory", Err: syscall.ECONNRESET}
	}
	return err
}
