//go:build linux

package httpfault

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Bounds of what is read only so that a client gets to see an answer before its connection ends: a close with unread bytes
// would send RST, which may overtake the answer.
const (
	lingerTime  = time.Second
	discardSize = 1 << 20 // bytes of a request's body that are read away before an answer of our own; larger ones cost the connection
)

// after says what a connection does when an answer has ended.
type after int

const (
	goesOn after = iota
	ends
	isTunnel // all bytes from now on are handed through
)

// relay is one connection of a client and the one to the target behind it. Two goroutines work on it, one for each direction, so
// that answers that come early, interim answers and clients that give up pass through as without a proxy.
type relay struct {
	client, server         *net.TCPConn
	fromClient, fromServer *bufio.Reader
	judge                  func(*http.Request) verdict
	draining               func() bool

	asked    chan *http.Request // requests that were handed on; one at a time
	answered chan after         // what came of them
}

func newRelay(client, server *net.TCPConn, judge func(*http.Request) verdict, draining func() bool) *relay {
	return &relay{
		client: client, server: server, judge: judge, draining: draining,
		fromClient: bufio.NewReaderSize(client, headSize), fromServer: bufio.NewReaderSize(server, headSize),
		asked: make(chan *http.Request, 1), answered: make(chan after, 2), // that of the last request and the end: never waits
	}
}

// run works until both directions have ended, or ctx has.
func (r *relay) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, r.abort)
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { r.requests(ctx) })
	both.Go(r.answers)
	both.Wait()
	_ = r.server.Close()
	_ = r.client.Close()
}

// abort ends both connections with RST.
func (r *relay) abort() {
	reset(r.client)
	reset(r.server)
}

// reset ends a connection with RST: nothing lingers.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// requests hands on what the client sends.
func (r *relay) requests(ctx context.Context) {
	for waiting := false; ; {
		if _, err := r.fromClient.Peek(1); err != nil {
			hangUp(r.server, err)
			return
		}
		switch r.before(waiting) {
		case ends:
			_, _ = io.Copy(io.Discard, r.fromClient) // bounded: whoever ended it has set a deadline
			return
		case isTunnel:
			hangUp(r.server, pump(r.server, r.fromClient))
			return
		}
		head, req, body, err := readRequest(r.fromClient)
		if err != nil { // all the rest is handed through; answers sees that nothing was asked
			hangUp(r.server, pump(r.server, r.fromClient))
			return
		}
		var over bool
		if waiting, over = r.handle(ctx, head, req, body); over {
			return
		}
	}
}

// before waits for the answer to the request before, if there is one under way.
func (r *relay) before(waiting bool) after {
	if waiting {
		return <-r.answered
	}
	select {
	case a := <-r.answered: // the server spoke without being asked
		return a
	default:
		return goesOn
	}
}

// handle deals with one request: waiting says that its answer is to come from the target, over that the connection has ended.
func (r *relay) handle(ctx context.Context, head []byte, req *http.Request, body framing) (waiting, over bool) {
	v := r.judge(req)
	if v.delay > 0 && !sleep(ctx, v.delay) {
		return false, true
	}
	switch {
	case v.abort:
		r.abort()
		return false, true
	case v.status != 0:
		return false, !r.answerHere(v, req, body)
	}
	r.asked <- req
	if _, err := r.server.Write(head); err != nil {
		return true, true // answers sees it too
	}
	if err := copyBody(r.server, r.fromClient, body); err != nil {
		if isProper(err) || readFailed(err) {
			hangUp(r.server, err) // the client gave up
		}
		return true, true // else the target did: what it still said is on its way
	}
	return true, false
}

// answerHere answers in the target's stead and says whether the connection goes on.
func (r *relay) answerHere(v verdict, req *http.Request, body framing) bool {
	goesOn := !req.Close && req.ProtoMinor > 0 && !r.draining()
	if body.chunked || body.length > discardSize || req.Header.Get("Expect") != "" {
		goesOn = false
	} else if err := copyBody(io.Discard, r.fromClient, body); err != nil {
		return false
	}
	text := "fault injected\n"
	head := fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nGauntlet-Fault: %s\r\nDate: %s\r\n",
		v.status, http.StatusText(v.status), len(text), v.id, time.Now().UTC().Format(http.TimeFormat))
	if !goesOn {
		head += "Connection: close\r\n"
	}
	if req.Method == http.MethodHead {
		text = ""
	}
	if _, err := io.WriteString(r.client, head+"\r\n"+text); err != nil {
		return false
	}
	if !goesOn {
		r.sayGoodbye()
		_ = r.server.CloseWrite()
		_ = r.server.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.Copy(io.Discard, r.fromClient)
	}
	return goesOn
}

// answers hands on what the target sends.
func (r *relay) answers() {
	for {
		if _, err := r.fromServer.Peek(1); err != nil {
			r.serverEnded(err)
			return
		}
		next := isTunnel
		select {
		case req := <-r.asked:
			var err error
			if next, err = r.answer(req); err != nil {
				r.serverEnded(err)
				return
			}
		default: // nothing was asked, or something that is not HTTP
		}
		r.answered <- next
		switch next {
		case isTunnel:
			hangUp(r.client, pump(r.client, r.fromServer))
			return
		case ends:
			r.sayGoodbye()
			_ = r.server.Close()
			return
		}
	}
}

// answer hands on the answer to one request, with the interim ones before it.
func (r *relay) answer(req *http.Request) (after, error) {
	for {
		head, res, body, err := readAnswer(r.fromServer, req)
		if err != nil {
			return isTunnel, nil
		}
		closes := req.Close || res.Close || body.length < 0 && !body.chunked
		final := res.StatusCode >= 200
		if final && r.draining() {
			head, closes = saysClose(head), true
		}
		if _, err := r.client.Write(head); err != nil {
			return ends, err
		}
		if res.StatusCode == http.StatusSwitchingProtocols || req.Method == http.MethodConnect && res.StatusCode/100 == 2 {
			return isTunnel, nil
		}
		if err := copyBody(r.client, r.fromServer, body); err != nil {
			return ends, err
		}
		if final && closes {
			return ends, nil
		}
		if final {
			return goesOn, nil
		}
	}
}

// serverEnded ends the client's connection as the target's has ended, and lets go of requests.
func (r *relay) serverEnded(err error) {
	r.answered <- ends
	if isProper(err) {
		r.sayGoodbye()
	} else {
		reset(r.client)
	}
	_ = r.server.Close()
}

// sayGoodbye ends our side of the client's connection and bounds for how long the client's side is read.
func (r *relay) sayGoodbye() {
	_ = r.client.CloseWrite()
	_ = r.client.SetReadDeadline(time.Now().Add(lingerTime))
}

// pump hands all through until src ends, and returns how it did, nil for a proper end.
func pump(dst io.Writer, src io.Reader) error {
	_, err := io.Copy(dst, src)
	return err
}

// hangUp passes the end of one connection on to the other.
func hangUp(to *net.TCPConn, err error) {
	if err == nil || isProper(err) {
		_ = to.CloseWrite()
		return
	}
	reset(to)
}

// isProper says whether a connection ended as it should, or by our own deadline.
func isProper(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrDeadlineExceeded)
}

// readFailed says whether an error of a copy came from the side that was read.
func readFailed(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if op, ok := err.(*net.OpError); ok && op.Op == "read" {
			return true
		}
	}
	return false
}

// sleep waits and says whether it did to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
