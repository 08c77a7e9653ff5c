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
	"sync/atomic"
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
	pools   *pools          // of which each user has his own; nil: base is for all
	gate    *gate           // nil: nothing is held back
	line    *lineup         // where requests wait for the gate; nil: each in a goroutine of the library
	ctx     context.Context // of the run; the library's requests carry none
	region  string

	head     int     // index of the lane with the session's first step, its own if there are no sessions
	visits   *visits // nil outside of sessions
	step     int     // in the session
	parent   int     // the step that this one waits for, -1 for the first
	captures []capture
	reads    bool // a capture needs the body

	retried  atomic.Uint64
	mu       sync.Mutex
	attempts map[uint64]attempt
	turns    map[uint64]turn // the planned request of each of the library's that has not ended; without a line they are the same
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
	shared bool // HTTP/2: the connection carries other requests too
	tries  int
	conn   *countedConn
	mark   int64
}

func (e *exchange) gotConn(info httptrace.GotConnInfo) {
	e.tries++
	e.conn = counted(info.Conn)
	if e.conn != nil {
		e.mark = e.conn.writes.Load()
	}
}

// sent gives the connection up and says whether a byte of the request left on it. What left on a shared one is not known, so
// it may have.
func (e *exchange) sent() bool {
	if e.shared {
		return e.tries > 0
	}
	return e.conn != nil && e.conn.seal(e.mark)
}

// RoundTrip sends the planned request whose number the library put into the header, and keeps what became of it.
func (l *lane) RoundTrip(blueprint *http.Request) (*http.Response, error) {
	seq, err := strconv.ParseUint(blueprint.Header.Get("X-Vegeta-Seq"), 10, 64)
	if err != nil {
		return nil, err
	}
	a, res := l.send(l.planned(seq).n)
	l.mu.Lock()
	l.attempts[seq] = a
	l.mu.Unlock()
	if res == nil {
		return nil, errEnded
	}
	res.Body, res.Header = http.NoBody, nil
	return res, nil
}

// assign notes which planned request the library's next one is.
func (l *lane) assign(seq uint64, t turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turns[seq] = t
}

// planned is the planned request that the library's is.
func (l *lane) planned(seq uint64) turn {
	if l.line == nil {
		return turn{n: seq}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.turns[seq]
}

// send ends request seq: it is sent at most once, within its deadline, in its session's turn and when the gate lets it pass.
func (l *lane) send(seq uint64) (attempt, *http.Response) {
	due := l.target.begin().Add(l.plan.at(seq))
	ctx, cancel := context.WithDeadline(l.ctx, due.Add(l.profile.Timeout))
	defer cancel()
	if l.line != nil {
		defer l.gate.leave() // it has passed
	}
	var got map[string]string
	if l.visits != nil {
		defer func() { l.visits.end(seq, l.step, got) }()
	}
	late := time.Since(due)
	if late >= l.profile.Timeout {
		return attempt{out: Missed, err: ErrKindLate}, nil
	}
	v := l.values(seq)
	if l.visits != nil && l.parent >= 0 {
		var err error
		if v.captured, err = l.visits.wait(ctx, seq, l.parent); err != nil || !l.request.filled(v.captured) {
			return attempt{out: Missed, err: l.why(ErrKindSession)}, nil
		}
	}
	if l.gate != nil && l.line == nil {
		if err := l.gate.enter(ctx, due); err != nil {
			return attempt{out: Missed, err: l.why(whyLate(late > onTime))}, nil
		}
		defer l.gate.leave()
	}
	a, res, got := l.exchange(ctx, v)
	return a, res
}

// why is the kind of a request that was not sent: a run that was cancelled explains it better.
func (l *lane) why(kind string) string {
	if l.ctx.Err() != nil {
		return ErrKindCanceled
	}
	return kind
}

// exchange sends a request and reads its answer, and with it the values that it captures.
func (l *lane) exchange(ctx context.Context, v values) (attempt, *http.Response, map[string]string) {
	ex := exchange{shared: l.profile.Client.HTTP2}
	req, err := l.build(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: ex.gotConn}), v)
	if err != nil {
		return attempt{out: Fail, err: ErrKindProtocol}, nil, nil
	}
	base := l.base
	if l.pools != nil {
		base = l.pools.get(l.op.Class, l.region, v.user)
	}
	res, err := base.RoundTrip(req)
	if ex.tries > 1 {
		l.retried.Add(1)
	}
	if err != nil {
		out, kind := broken(ctx, isWrite(l.op), ex.sent(), err)
		return attempt{out: out, err: kind}, nil, nil
	}
	var body bytes.Buffer
	if l.reads {
		_, err = io.Copy(&body, io.LimitReader(res.Body, captureLimit))
	}
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(res.Body, bodyLimit))
	}
	res.Body.Close()
	out, kind := judge(isWrite(l.op), res.StatusCode, res.Header, err)
	a := attempt{out: out, err: kind, code: res.StatusCode, server: res.Header.Get("X-Served-By")}
	if out != OK || len(l.captures) == 0 {
		return a, res, nil
	}
	got := map[string]string{}
	for _, c := range l.captures {
		if got[c.name] = c.take(res.Header, body.Bytes()); got[c.name] == "" {
			a.out, a.err = lost(isWrite(l.op)), ErrKindValue
			return a, res, nil
		}
	}
	return a, res, got
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
	req.Header.Set(traceHeader, traceParent(l.target.Origin, l.op.Name, l.region, l.target.Start+l.plan.at(v.number)))
	for name, t := range l.request.header {
		req.Header.Set(name, t.text(v, false))
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	return req.WithContext(ctx), nil
}

func (l *lane) values(seq uint64) values {
	v := values{number: seq, dice: newDice(l.profile.Seed, l.index, seq)}
	if v.session = v.dice; l.head != l.index {
		v.session = newDice(l.profile.Seed, l.head, seq)
	}
	if l.ids != nil {
		v.id = l.ledgerID(seq)
	}
	if l.profile.Users > 0 {
		v.user = 1 + int(v.session.roll(0)%uint64(l.profile.Users))
		v.token = l.target.Sessions.Token(v.user)
	}
	return v
}

// workers is enough for all requests that can be in flight: a deadline counts from the due time, so no more than the rate
// times the timeout, and with a line no more than the gate has places. Fewer would make the library send late, silently.
func (l *lane) workers() uint64 {
	if l.line != nil {
		return uint64(l.gate.places) + 256
	}
	return l.plan.crowd(l.profile.Timeout, l.profile.peak()) + uint64(l.profile.Connections) + 256
}

// attack runs the lane's attack to its end, hands on every sample and returns how many requests were planned.
func (l *lane) attack(put func(Sample)) uint64 {
	attacker := vegeta.NewAttacker(
		vegeta.Client(&http.Client{Transport: l, CheckRedirect: noFollow}),
		vegeta.MaxWorkers(l.workers()),
		vegeta.MaxBody(0),
	)
	if l.line != nil {
		p := &linePacer{lane: l, put: put, begin: l.target.begin()}
		l.collect(attacker.Attack(l.blueprint, p, 0, ""), put)
		return p.asked
	}
	p := &pacer{schedule: l.plan, ctx: l.ctx, begin: l.target.begin()}
	l.collect(attacker.Attack(l.blueprint, p, 0, ""), put)
	return p.asked
}

func (l *lane) collect(results <-chan *vegeta.Result, put func(Sample)) {
	for r := range results {
		put(l.sample(r))
	}
}

func noFollow(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// blueprint is the library's Targeter. It doesn't know which request it is asked for, so the real one is built in RoundTrip.
func (l *lane) blueprint(t *vegeta.Target) error {
	t.Method, t.URL = l.request.method, l.target.Base
	return nil
}

// sample joins what the library measured with what became of the attempt.
func (l *lane) sample(r *vegeta.Result) Sample {
	t := l.planned(r.Seq)
	l.mu.Lock()
	a, ok := l.attempts[r.Seq]
	delete(l.attempts, r.Seq)
	delete(l.turns, r.Seq)
	l.mu.Unlock()
	if !ok { // the library refused its own blueprint
		a = attempt{out: Missed, err: ErrKindProtocol}
	}
	s := l.planOf(t.n)
	s.Sent, s.End = r.Timestamp.Add(-t.waited).Sub(l.target.Origin), r.End().Sub(l.target.Origin)
	s.Code, s.Out, s.Server, s.Err = a.code, a.out, a.server, a.err
	if s.Out == Missed {
		s.Sent = s.End
	}
	return s
}

// missed is the sample of a request that was never handed to the library.
func (l *lane) missed(n uint64, kind string) Sample {
	s := l.planOf(n)
	s.End = time.Since(l.target.Origin)
	s.Sent, s.Out, s.Err = s.End, Missed, kind
	return s
}

// planOf is what is known of a request beforehand.
func (l *lane) planOf(n uint64) Sample {
	s := Sample{Op: l.op.Name, Class: l.op.Class, Region: l.region, Due: l.target.Start + l.plan.at(n)}
	if l.ids != nil {
		s.ID = l.ledgerID(n)
	}
	return s
}
