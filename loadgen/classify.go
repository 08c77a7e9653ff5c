package loadgen

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
)

// Kinds of error in Sample.Err, beside "status N" for an answer that is not a success.
const (
	ErrKindTimeout      = "timeout"       // the deadline passed after the request was sent
	ErrKindRefused      = "refused"       // nobody listens
	ErrKindReset        = "reset"         // the peer, or a node on the way, reset the connection
	ErrKindEOF          = "eof"           // the peer closed the connection before the answer was complete
	ErrKindNoConnection = "no connection" // no connection in time: dial timed out, host unreachable, or all connections busy (Missed)
	ErrKindDNS          = "dns"           // the name could not be resolved
	ErrKindLate         = "late"          // the generator itself was too late to send it (Missed)
	ErrKindPorts        = "no port"       // this machine has no free port or file for another connection (Missed): the generator's fault
	ErrKindCanceled     = "canceled"      // the run was cancelled
	ErrKindSession      = "no session"    // a step before it in its session brought no value that it needs, or never ended (Missed)
	ErrKindValue        = "no value"      // a success without the value that should be captured from it
	ErrKindCertificate  = "certificate"   // TLS: nobody whom the client trusts vouches for the server, or it has another name
	ErrKindProtocol     = "protocol"      // the answer was not HTTP, or TLS failed
)

// isWrite says whether a request of the operation may change the system.
func isWrite(op Op) bool { return op.Class == "write" || op.Ledger }

// judge ends an attempt that has an answer. Only a status of 200..299 is a success. An answer of 4xx had no effect; a write
// with any other answer, or a body that broke off, is unknown unless the server says "X-Effect: none".
func judge(write bool, code int, h http.Header, bodyErr error) (Outcome, string) {
	switch {
	case code >= 200 && code < 300 && bodyErr == nil:
		return OK, ""
	case code >= 200 && code < 300:
		return lost(write), kind(bodyErr)
	case write && (code < 400 || code >= 500) && !strings.EqualFold(h.Get("X-Effect"), "none"):
		return Info, "status " + strconv.Itoa(code)
	default:
		return Fail, "status " + strconv.Itoa(code)
	}
}

// lost is the outcome of a request that was sent and whose answer never came whole.
func lost(write bool) Outcome {
	if write {
		return Info
	}
	return Fail
}

// broken ends an attempt without an answer. sent says whether a byte of it left.
func broken(ctx context.Context, write, sent bool, err error) (Outcome, string) {
	k := kind(err)
	switch {
	case sent:
		return lost(write), k
	case k == ErrKindCanceled, k == ErrKindPorts:
		return Missed, k
	case k == ErrKindTimeout && ctx.Err() != nil && !dialing(err):
		return Missed, ErrKindNoConnection
	case k == ErrKindTimeout:
		return Fail, ErrKindNoConnection
	default:
		return Fail, k
	}
}

func dialing(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// kind maps an error to the short fixed set above.
func kind(err error) string {
	var dns *net.DNSError
	var netErr net.Error
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate):
		return ErrKindCertificate
	case errors.As(err, &dns):
		return ErrKindDNS
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EADDRINUSE), errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return ErrKindPorts
	case errors.Is(err, syscall.ECONNREFUSED):
		return ErrKindRefused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNABORTED), errors.Is(err, net.ErrClosed):
		return ErrKindReset
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return ErrKindTimeout
	case errors.Is(err, context.Canceled), errors.Is(err, errStopped):
		return ErrKindCanceled
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), strings.Contains(err.Error(), "server closed idle connection"):
		return ErrKindEOF
	case dialing(err):
		return ErrKindNoConnection
	default:
		return ErrKindProtocol
	}
}
