package state

import (
	"errors"
	"fmt"
	"slices"

	"gauntlet/chaos"
)

// The kinds and servers of chaos.StateChange.
const (
	flushKind      = "flush"
	poisonKind     = "poison"
	exhaustKind    = "exhaust"
	lockKind       = "lock"
	slowReplayKind = "slow-replay"

	postgres = "postgres"
	redisKV  = "redis"
	rabbitmq = "rabbitmq"
)

// servers are those that each kind knows.
var servers = map[string][]string{
	flushKind: {redisKV}, poisonKind: {rabbitmq}, exhaustKind: {postgres, redisKV, rabbitmq}, lockKind: {postgres}, slowReplayKind: {postgres},
}

// maxPoison and maxConns bound what one operation may do to a server that refuses nothing.
const (
	maxPoison = 100_000
	maxConns  = 20_000 // below the number of ports that the kernel gives to clients
)

// complete fills in the usual port and names of a server, and says what is missing or out of range.
func complete(s chaos.StateChange) (chaos.StateChange, error) {
	known, ok := servers[s.Kind]
	if !ok {
		return s, errors.New("unknown kind: there are flush, poison, exhaust, lock, slow-replay")
	}
	if !slices.Contains(known, s.Server) {
		return s, fmt.Errorf("%w: this kind works on %v", chaos.ErrUnsupported, known)
	}
	fillIn(&s)
	switch {
	case s.Count < 0:
		return s, fmt.Errorf("count %d is below 0", s.Count)
	case s.Kind == poisonKind && s.Queue == "":
		return s, errors.New("no queue is named")
	case s.Kind == poisonKind && s.Count > maxPoison:
		return s, fmt.Errorf("count %d is above %d", s.Count, maxPoison)
	case s.Kind == exhaustKind && s.Count > maxConns:
		return s, fmt.Errorf("count %d is above %d", s.Count, maxConns)
	case s.Kind == exhaustKind && s.Server == rabbitmq && s.Count == 0:
		return s, errors.New("a RabbitMQ takes connections until its machine has no memory: name a count")
	case s.Kind == lockKind && s.Table == "":
		return s, errors.New("no table is named")
	case s.Kind == slowReplayKind && s.Delay <= 0:
		return s, errors.New("delay must be above 0")
	}
	return s, nil
}

func fillIn(s *chaos.StateChange) {
	or := func(field *string, usual string) {
		if *field == "" {
			*field = usual
		}
	}
	port := uint16(0)
	switch s.Server {
	case postgres:
		or(&s.User, "postgres")
		or(&s.Database, s.User)
		port = 5432
	case redisKV:
		port = 6379
	case rabbitmq:
		or(&s.User, "guest")
		or(&s.Password, "guest")
		or(&s.Database, "/") // the virtual host
		port = 5672
	}
	if s.Port == 0 {
		s.Port = port
	}
	if s.Kind == poisonKind {
		s.Count = max(s.Count, 1)
	}
}
