package loadgen

import (
	"context"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// A machine that is out of ports or files says nothing of the system: such requests are missed, and never its failures.
func TestNoPortIsNotTheSystemsFault(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EADDRNOTAVAIL, syscall.EMFILE} {
		dial := func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}
		}
		var got []Sample
		_, err := runOver(t.Context(), dial, profileOf(50, readOp, writeOp), Target{Base: "http://127.0.0.1:1", Origin: time.Now(), Length: 200 * time.Millisecond}, func(s Sample) { got = append(got, s) })
		if err != nil || len(got) != 10 {
			t.Fatalf("%d samples, error %v", len(got), err)
		}
		for _, s := range got {
			if s.Out != Missed || s.Err != ErrKindPorts {
				t.Errorf("%v: %+v, want missed for want of a port", errno, s)
			}
		}
	}
}
