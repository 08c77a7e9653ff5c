package wan

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// listen starts a server that echoes what it reads.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l
}

// over starts a forwarder to the targets and returns its address.
func over(t *testing.T, delay time.Duration, targets ...string) string {
	t.Helper()
	f := &forwarder{delay: delay, log: slog.New(slog.DiscardHandler), client: &http.Client{Timeout: askLimit}}
	ctx, cancel := context.WithCancel(t.Context())
	r := route{listen: "127.0.0.1:0", targets: targets}
	l, err := f.open(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	var run sync.WaitGroup
	run.Go(func() { _ = f.accept(ctx, l, r) })
	t.Cleanup(func() { cancel(); run.Wait(); f.conns.Wait() })
	return l.Addr().String()
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestDelaysBothWaysAndKeepsOrder(t *testing.T) {
	const delay = 50 * time.Millisecond
	c := dial(t, over(t, delay, listen(t).Addr().String()))
	sent := bytes.Repeat([]byte("0123456789"), 50_000)
	var w sync.WaitGroup
	w.Go(func() {
		_, _ = c.Write(sent)
		_ = c.(*net.TCPConn).CloseWrite()
	})
	began := time.Now()
	got, err := io.ReadAll(c)
	w.Wait()
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("%d of %d bytes came back as they were sent, %v", len(got), len(sent), err)
	}
	if took := time.Since(began); took < 4*delay {
		t.Errorf("took %v, want at least %v: a handshake, and there and back", took, 4*delay)
	}
	one := []byte("x")
	c = dial(t, over(t, delay, listen(t).Addr().String()))
	for i := range 3 {
		began := time.Now()
		if _, err := c.Write(one); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, one); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 2*delay {
			t.Errorf("round %d took %v, want at least %v", i, took, 2*delay)
		}
	}
}

func TestAClosedPortResets(t *testing.T) {
	l := listen(t)
	addr := l.Addr().String()
	l.Close()
	c := dial(t, over(t, time.Millisecond, addr))
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Errorf("read: %v, want a reset", err)
	}
}

func TestNobodyLeads(t *testing.T) {
	c := dial(t, over(t, time.Millisecond, "127.0.0.1:1", "127.0.0.1:2"))
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("something answers although nobody leads")
	}
}

func TestReadConfig(t *testing.T) {
	env := map[string]string{"APP_WAN_DELAY": "20ms", "APP_WAN_ROUTES": "5431=10.0.0.1:5432 5000=10.0.0.1:5432|10.0.0.2:5432"}
	c, err := readConfig(func(k string) string { return env[k] })
	if err != nil || len(c.routes) != 2 || c.routes[1].listen != ":5000" || len(c.routes[1].targets) != 2 {
		t.Fatalf("%+v, %v", c, err)
	}
	env = map[string]string{"APP_WAN_DELAY": "soon", "APP_WAN_ROUTES": "5431"}
	_, err = readConfig(func(k string) string { return env[k] })
	for _, want := range []string{"APP_WAN_DELAY", "APP_WAN_ROUTES"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}
