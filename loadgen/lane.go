package loadgen

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// bodyLimit bounds how much of an answer is read. A longer one costs its connection.
const bodyLimit = 4 << 20

// errEnded tells the library that an attempt has ended without an answer; the attempt itself knows why.
var errEnded = errors.New("ended without an answer")

// lane is one operation under way: its schedule, its attack and the attempts in flight. It is the RoundTripper of the attack
// because only the library's sequence header says which planned request it is, and with it when it is due.
type lane struct {
	op      Op
	index   int
	request request
	plan    schedule
	ids     *numbering // nil outside of the ledger
	profile Profile
	target  Target
	static  *url.URL // the whole URL where the path has no variable
	base    http.RoundTripper
	ctx     context.Context // of the run; the library's requests carry none

	mu       sync.Mutex
	attempts map[uint64]attempt
}

// attempt is what became of a request.
type attempt struct {
	out    Outcome
	err    string
	code   int
	server string
}

// exchange follows one request over its connection.
type exchange struct {
	conn *countedConn
	mark int64
}

func (e *exchange) gotConn(info httptrace.GotConnInfo) {
	e.conn = counted(info.Conn)
	if e.conn != nil {
		e.mark = e.conn.writes.Load()
	}
}

// sent gives the connection up and says whether a byte of the request left on it.
func (e *exchange) sent() bool { return e.conn != nil && e.conn.seal(e.mark) }

// RoundTrip sends the planned request whose number the library put into the header, and keeps what became of it.
func (l *lane) RoundTrip(blueprint *http.Request) (*http.Response, error) {
	seq, err := strconv.ParseUint(blueprint.Header.Get("X-Vegeta-Seq"), 10, 64)
	if err != nil {
		return nil, err
	}
	a, res := l.send(seq)
	l.mu.Lock()
	l.attempts[seq] = a
	l.mu.Unlock()
	if res == nil {
		return nil, errEnded
	}
	res.Body, res.Header = http.NoBody, nil
	return res, nil
}

// send sends request seq once, within its deadline, and reads its answer.
func (l *lane) send(seq uint64) (attempt, *http.Response) {
	due := l.target.begin().Add(l.plan.at(seq))
	if time.Since(due) >= l.profile.Timeout {
		return attempt{out: Missed, err: ErrKindLate}, nil
	}
	ctx, cancel := context.WithDeadline(l.ctx, due.Add(l.profile.Timeout))
	defer cancel()
	var ex exchange
	req, err := l.build(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: ex.gotConn}), l.values(seq))
	if err != nil {
		return attempt{out: Fail, err: ErrKindProtocol}, nil
	}
	res, err := l.base.RoundTrip(req)
	if err != nil {
		out, kind := broken(ctx, isWrite(l.op), ex.sent(), err)
		return attempt{out: out, err: kind}, nil
	}
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, bodyLimit))
	res.Body.Close()
	out, kind := judge(isWrite(l.op), res.StatusCode, res.Header, err)
	return attempt{out: out, err: kind, code: res.StatusCode, server: res.Header.Get("X-Served-By")}, res
}

// onceBody is a body that can't be sent a second time: net/http repeats a request on another connection only if it has no
// body or can rewind it. So even an empty body is one of these.
type onceBody struct{ bytes.Reader }

func (*onceBody) Close() error { return nil }

// build renders a request. It makes the request by hand because http.NewRequest would give it a body that can be rewound.
func (l *lane) build(ctx context.Context, v values) (*http.Request, error) {
	u := l.static
	if u == nil {
		var err error
		if u, err = url.Parse(l.target.Base + l.request.path.text(v, true)); err != nil {
			return nil, err
		}
	}
	text := l.request.body.text(v, false)
	body := &onceBody{}
	body.Reset([]byte(text))
	req := &http.Request{
		Method: l.request.method, URL: u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header, len(l.request.header)+1), Body: body, ContentLength: int64(len(text)),
	}
	req.Header.Set("User-Agent", "gauntlet")
	for name, t := range l.request.header {
		req.Header.Set(name, t.text(v, false))
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	return req.WithContext(ctx), nil
}

func (l *lane) values(seq uint64) values {
	v := values{dice: newDice(l.profile.Seed, l.index, seq)}
	if l.ids != nil {
		v.id = l.ids.id(seq)
	}
	if l.profile.Users > 0 {
		v.user = 1 + int(v.dice.roll(0)%uint64(l.profile.Users))
		v.token = l.target.Sessions.Token(v.user)
	}
	return v
}

// workers is enough for all requests that can be in flight: a deadline counts from the due time, so no more than the rate
// times the timeout. Fewer would make the library send late, silently.
func (l *lane) workers() uint64 {
	return uint64(l.profile.Timeout.Seconds()*float64(time.Second)/l.plan.interval) + uint64(l.profile.Connections) + 256
}

// attack runs the lane's attack to its end, hands on every sample and returns how many requests were planned.
func (l *lane) attack(put func(Sample)) uint64 {
	p := &pacer{schedule: l.plan, ctx: l.ctx, begin: l.target.begin()}
	attacker := vegeta.NewAttacker(
		vegeta.Client(&http.Client{Transport: l, CheckRedirect: noFollow}),
		vegeta.MaxWorkers(l.workers()),
		vegeta.MaxBody(0),
	)
	for r := range attacker.Attack(l.blueprint, p, 0, "") {
		put(l.sample(r))
	}
	return p.asked
}

func noFollow(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// blueprint is the library's Targeter. It doesn't know which request it is asked for, so the real one is built in RoundTrip.
func (l *lane) blueprint(t *vegeta.Target) error {
	t.Method, t.URL = l.request.method, l.target.Base
	return nil
}

// sample joins what the library measured with what became of the attempt.
func (l *lane) sample(r *vegeta.Result) Sample {
	l.mu.Lock()
	a, ok := l.attempts[r.Seq]
	delete(l.attempts, r.Seq)
	l.mu.Unlock()
	if !ok { // the library refused its own blueprint
		a = attempt{out: Missed, err: ErrKindProtocol}
	}
	s := Sample{
		Op: l.op.Name, Class: l.op.Class, Due: l.target.Start + l.plan.at(r.Seq),
		Sent: r.Timestamp.Sub(l.target.Origin), End: r.End().Sub(l.target.Origin),
		Code: a.code, Out: a.out, Server: a.server, Err: a.err,
	}
	if l.ids != nil {
		s.ID = l.ids.id(r.Seq)
	}
	if s.Out == Missed {
		s.Sent = s.End
	}
	return s
}
