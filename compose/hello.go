package compose

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"
)

// hello is the shortest conversation that a server understands: what to say, and how a server that is ready begins its answer.
//
// Note: an accepted connection proves nothing. Docker's proxy accepts for a container whose server has not started yet.
type hello struct {
	say     string
	answers []string
}

// hellos are the servers that can be asked for readiness without a library, by the first word of the label.
var hellos = map[string]hello{
	"postgres": {"\x00\x00\x00\x08\x04\xd2\x16\x2f", []string{"N", "S"}}, // may we speak TLS?
	"redis":    {"PING\r\n", []string{"+PONG"}},
	// A node of a cluster that serves has no such key, or says who may; one whose slots nobody serves refuses.
	"redis-cluster": {"GET gauntlet\r\n", []string{"$-1", "-MOVED"}},
	"outpost":       {"{\"ping\":true}\n", []string{"{\"at\":"}},                                                        // what time is it?
	"dns":           {"\x00\x11\x00\x07\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x06\x00\x01", []string{"\x00"}}, // who keeps the root? Any answer will do
}

// helloLimit bounds one conversation.
const helloLimit = time.Second

// ask is why the server at addr is not ready, "" if it is.
func (h hello) ask(ctx context.Context, addr string) string {
	ctx, cancel := context.WithTimeout(ctx, helloLimit)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	if end, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(end); err != nil {
			return err.Error()
		}
	}
	if _, err := conn.Write([]byte(h.say)); err != nil {
		return err.Error()
	}
	answer := make([]byte, 64)
	n, err := conn.Read(answer)
	for _, a := range h.answers {
		if strings.HasPrefix(string(answer[:n]), a) {
			return ""
		}
	}
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s answers %q", addr, answer[:n])
}
