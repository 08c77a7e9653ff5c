package session

import (
	"container/list"
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"
)

// maxLocal bounds the sessions that a node keeps; beyond it the oldest is forgotten.
const maxLocal = 100_000

// Local keeps the sessions in this node's memory. Their tokens begin with the node's name and a dot, by which a load balancer
// can find the way back. Make one with NewLocal.
type Local struct {
	node string

	mu    sync.Mutex
	byTok map[string]*list.Element
	age   *list.List // of local, oldest first
}

type local struct {
	token string
	user  int64
	until time.Time
}

// NewLocal returns an empty store of the node.
func NewLocal(node string) *Local {
	return &Local{node: node, byTok: map[string]*list.Element{}, age: list.New()}
}

// Open begins a session of the user and returns its token.
func (l *Local) Open(_ context.Context, user int64) (string, error) {
	tok := l.node + "." + rand.Text()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byTok[tok] = l.age.PushBack(local{tok, user, time.Now().Add(Life)})
	if l.age.Len() > maxLocal {
		l.drop(l.age.Front())
	}
	return tok, nil
}

// User returns whose session the token is, or ErrInvalid.
func (l *Local) User(_ context.Context, tok string) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.byTok[tok]
	if e == nil {
		return 0, fmt.Errorf("%w: %s has no such session", ErrInvalid, l.node)
	}
	s := e.Value.(local)
	if time.Now().After(s.until) {
		l.drop(e)
		return 0, fmt.Errorf("%w: expired", ErrInvalid)
	}
	return s.user, nil
}

// drop forgets a session. The caller holds mu.
func (l *Local) drop(e *list.Element) {
	delete(l.byTok, e.Value.(local).token)
	l.age.Remove(e)
}
