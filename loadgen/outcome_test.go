package loadgen

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"gauntlet/loadgen/faketarget"
)

type ending struct {
	out  Outcome
	err  string
	code int
}

func TestOutcomes(t *testing.T) {
	for _, tt := range []struct {
		name        string
		do          faketarget.Behaviour
		read, write ending
	}{
		{"ok", faketarget.Behaviour{}, ending{OK, "", 200}, ending{OK, "", 200}},
		{"hang", faketarget.Behaviour{Mode: faketarget.Hang}, ending{Fail, "timeout", 0}, ending{Info, "timeout", 0}},
		{"refuse", faketarget.Behaviour{Mode: faketarget.Refuse}, ending{Fail, "refused", 0}, ending{Fail, "refused", 0}},
		{"reset", faketarget.Behaviour{Mode: faketarget.Reset}, ending{Fail, "reset", 0}, ending{Info, "reset", 0}},
		{"500", faketarget.Behaviour{Mode: faketarget.Status}, ending{Fail, "status 500", 500}, ending{Info, "status 500", 500}},
		{"503 without effect", faketarget.Behaviour{Mode: faketarget.Status, Code: 503, NoEffect: true}, ending{Fail, "status 503", 503}, ending{Fail, "status 503", 503}},
		{"409", faketarget.Behaviour{Mode: faketarget.Status, Code: 409}, ending{Fail, "status 409", 409}, ending{Fail, "status 409", 409}},
		{"303", faketarget.Behaviour{Mode: faketarget.Status, Code: 303}, ending{Fail, "status 303", 303}, ending{Info, "status 303", 303}},
		{"slow", faketarget.Behaviour{Mode: faketarget.Slow, Delay: 50 * time.Millisecond}, ending{OK, "", 200}, ending{OK, "", 200}},
		{"cut", faketarget.Behaviour{Mode: faketarget.Cut}, ending{Fail, "eof", 200}, ending{Info, "eof", 200}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := fake(t)
			if err := s.Set(tt.do); err != nil {
				t.Fatal(err)
			}
			got, _, err := load(t.Context(), t, profileOf(40, readOp, writeOp), s.URL(), 500*time.Millisecond)
			if err != nil || len(got) != 20 {
				t.Fatalf("%d samples, error %v", len(got), err)
			}
			for _, x := range got {
				want := tt.read
				if x.Class == "write" {
					want = tt.write
				}
				if g := (ending{x.Out, x.Err, x.Code}); g != want {
					t.Errorf("%s: got %+v, want %+v", x.Op, g, want)
				}
				if x.Err == "timeout" && (x.Latency() < time.Second || x.Latency() > 3*time.Second) {
					t.Errorf("timed out after %v, want 1 s from the due time", x.Latency())
				}
			}
		})
	}
}

func TestOutcomesWithoutServer(t *testing.T) {
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	for _, tt := range []struct {
		name, base string
		want       ending
	}{
		{"no such name", "http://no-such-name.invalid", ending{Fail, "dns", 0}},
		{"not HTTP", "http://" + banner(t), ending{Fail, "protocol", 0}},
		{"never accepted", "http://" + deaf.Addr().String(), ending{Fail, "timeout", 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := load(t.Context(), t, profileOf(10, readOp), tt.base, 300*time.Millisecond)
			if err != nil || len(got) != 3 {
				t.Fatalf("%d samples, error %v", len(got), err)
			}
			for _, x := range got {
				if g := (ending{x.Out, x.Err, x.Code}); g != tt.want {
					t.Errorf("got %+v, want %+v", g, tt.want)
				}
			}
		})
	}
}

// banner serves something that is not HTTP and returns its address.
func banner(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan bool)
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1000))
			_, _ = c.Write([]byte("220 not a web server\r\n"))
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return ln.Addr().String()
}

func TestStalledWritesCantDelayReads(t *testing.T) {
	s := fake(t)
	if err := s.Set(faketarget.Behaviour{Mode: faketarget.Slow, Delay: 300 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	rare := readOp
	rare.Weight = 0.05
	p := profileOf(105, writeOp, rare)
	p.Connections = 2
	got, _, err := load(t.Context(), t, p, s.URL(), 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	late := 0
	for _, x := range got {
		switch {
		case x.Class == "read" && x.Out != OK:
			t.Errorf("a read was delayed by writes: %+v", x)
		case x.Class == "write" && x.Out != OK:
			late++
		}
	}
	if late < 100 {
		t.Errorf("%d of 200 writes failed over 2 connections at 300 ms each, want at least 100", late)
	}
}

// silent is an address where nobody answers a SYN, as on a host that is gone: a listener whose backlog is full.
func silent(t *testing.T) string {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 10 {
		c, err := net.DialTimeout("tcp", addr, 100*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the backlog never fills up")
	return ""
}

func TestHostThatIsGone(t *testing.T) {
	p := profileOf(100, writeOp)
	p.Connections = 2
	got, _, err := load(t.Context(), t, p, "http://"+silent(t), time.Second)
	if err != nil || len(got) != 100 {
		t.Fatalf("%d samples, error %v", len(got), err)
	}
	for _, x := range got {
		if x.Err != ErrKindNoConnection || (x.Out != Fail && x.Out != Missed) {
			t.Errorf("got %+v, want fail or missed without a connection", x)
		}
		if x.Out == Missed && (x.Latency() < time.Second || x.Sent != x.End) {
			t.Errorf("missed at the wrong time: %+v", x)
		}
	}
	if c := count(got); c[Fail] < 2 || c[Fail] > 10 || c[Missed] < 90 {
		t.Errorf("outcomes %v, want a few dials that timed out (2 at a time, 500 ms each) and all others missed", c)
	}
}

func TestLateGeneratorIsSeen(t *testing.T) {
	s := fake(t)
	var got []Sample
	rep, err := Run(t.Context(), profileOf(100, readOp), Target{Base: s.URL(), Origin: time.Now().Add(-3 * time.Second), Length: 3 * time.Second},
		func(x Sample) { got = append(got, x) })
	if err != nil || rep.Planned["read"] != 300 || len(got) != 300 {
		t.Fatalf("planned %v, %d samples, error %v", rep.Planned, len(got), err)
	}
	c := count(got)
	if c[Missed] < 190 || c[OK] < 50 {
		t.Errorf("outcomes %v, want 200 missed because their deadline had passed", c)
	}
	for _, x := range got {
		if x.Out == Missed && x.Err != ErrKindLate && x.Due < 1900*time.Millisecond { // those due at 2 s reach their deadline just now
			t.Fatalf("missed for another reason: %+v", x)
		}
	}
}

func TestSealForbidsWrites(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	c := &countedConn{Conn: a}
	if c.seal(0) {
		t.Error("nothing was sent")
	}
	if n, err := c.Write([]byte("x")); n != 0 || err == nil {
		t.Errorf("wrote %d bytes after the seal, error %v", n, err)
	}
	if c.seal(0) {
		t.Error("the forbidden write was counted")
	}
}

func TestDialTimeout(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{
		100 * time.Millisecond: 100 * time.Millisecond, 400 * time.Millisecond: 300 * time.Millisecond,
		time.Second: 500 * time.Millisecond, time.Minute: time.Second,
	} {
		if got := dialTimeout(timeout); got != want {
			t.Errorf("timeout %v: dial %v, want %v", timeout, got, want)
		}
	}
}
