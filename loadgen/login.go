package loadgen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// ErrLogin is wrapped by every failed login.
var ErrLogin = errors.New("login failed")

// errRefusedLogin says that trying again would not help.
var errRefusedLogin = errors.New("refused")

// Bounds of the login before the load. It isn't measured, so it may take longer than a request of the load and try again.
const (
	loginConnections = 8
	loginTries       = 6
	loginTimeout     = 10 * time.Second
	loginPause       = 300 * time.Millisecond // before the second try; it doubles, to 9 s in all
)

// Sessions are the tokens of the simulated users. The zero value has none.
type Sessions struct{ tokens []string }

// SessionsOf makes sessions of the tokens of users 1, 2, ...
func SessionsOf(tokens []string) Sessions { return Sessions{tokens: tokens} }

// Tokens are the tokens of users 1..Len.
func (s Sessions) Tokens() []string { return slices.Clone(s.tokens) }

// Len is how many users are logged in.
func (s Sessions) Len() int { return len(s.tokens) }

// Token is the token of user 1..Len, "" for any other.
func (s Sessions) Token(user int) string {
	if user < 1 || user > len(s.tokens) {
		return ""
	}
	return s.tokens[user-1]
}

// Login logs users 1..p.Users in, a few at a time, with the request p.Login. The answer must be a 2xx with a JSON object that
// has "token". A user who gets another answer than 4xx, or none, is tried again, up to six times: a system that has just
// been started may still be slow. Without p.Login there are no sessions and no error.
func Login(ctx context.Context, p Profile, base string) (Sessions, error) {
	if p.Login == nil || p.Users <= 0 {
		return Sessions{}, nil
	}
	p, err := p.open()
	if err != nil {
		return Sessions{}, err
	}
	r, err := compile(*p.Login)
	if err != nil {
		return Sessions{}, fmt.Errorf("%w: %w", ErrLogin, err)
	}
	if err := r.bind(p.Data); err != nil {
		return Sessions{}, fmt.Errorf("%w: %w", ErrLogin, err)
	}
	patient := p
	patient.Timeout, patient.Connections = loginTimeout, loginConnections
	own, err := newPools(ctx, p.Client.dialer(loginTimeout), patient)
	if err != nil {
		return Sessions{}, fmt.Errorf("%w: %w", ErrLogin, err)
	}
	defer own.close()
	l := &lane{index: -1, request: r, profile: p, target: Target{Base: strings.TrimSuffix(base, "/")}, pools: own}
	tokens := make([]string, p.Users)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(loginConnections)
	for i := range tokens {
		group.Go(func() error {
			var err error
			tokens[i], err = l.login(ctx, i+1)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return Sessions{}, err
	}
	return Sessions{tokens: tokens}, nil
}

func (l *lane) login(ctx context.Context, user int) (string, error) {
	var err error
	for try := range loginTries {
		if try > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(loginPause << (try - 1)):
			}
		}
		var token string
		if token, err = l.token(ctx, user); err == nil {
			return token, nil
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if errors.Is(err, errRefusedLogin) {
			break
		}
	}
	return "", fmt.Errorf("%w: user %d: %w; is the system seeded with that user?", ErrLogin, user, err)
}

// token logs one user in once.
func (l *lane) token(ctx context.Context, user int) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	dice := newDice(l.profile.Seed, l.index, uint64(user))
	req, err := l.build(ctx, values{number: uint64(user - 1), user: user, dice: dice, session: dice})
	if err != nil {
		return "", err
	}
	res, err := l.pools.get("", "", user).RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if res.StatusCode/100 == 4 {
		return "", fmt.Errorf("%w: %s", errRefusedLogin, res.Status)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return "", fmt.Errorf("answered %s", res.Status)
	}
	var answer struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", fmt.Errorf("answer is not JSON: %w", err)
	}
	if answer.Token == "" {
		return "", errors.New(`answer has no "token"`)
	}
	return answer.Token, nil
}
