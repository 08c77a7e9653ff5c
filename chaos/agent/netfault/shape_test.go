package netfault

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/chaos"
)

// verdictLog is an out that writes down what it is told.
type verdictLog struct{ said []string }

func (v *verdictLog) note(format string, args ...any) {
	v.said = append(v.said, fmt.Sprintf(format, args...))
}
func (v *verdictLog) upTo(id uint32)                 { v.note("<=%d", id) }
func (v *verdictLog) one(id uint32)                  { v.note("%d", id) }
func (v *verdictLog) replace(id uint32, body []byte) { v.note("%d=%s", id, body) }
func (v *verdictLog) drop(id uint32)                 { v.note("-%d", id) }
func (v *verdictLog) keep(data []byte) []byte        { return slices.Clone(data) }
func (v *verdictLog) send(packet []byte)             { v.note("+%.10s", packet) }

// script is a judge with an answer for every packet.
type script []fate

func (s *script) judge(now time.Duration, _ packet) fate {
	f := (*s)[0]
	*s = (*s)[1:]
	return f
}

func TestLineSpeaksInFewVerdicts(t *testing.T) {
	ms := time.Millisecond
	for _, tc := range []struct {
		name  string
		steal bool
		fates script
		want  string // verdicts, and | where time goes on to 10 ms and 20 ms
	}{
		{"one verdict for a run", false, script{{due: 10 * ms}, {due: 10 * ms}, {due: 20 * ms}}, "| <=2 | <=3"},
		{"drops at once", false, script{{due: 10 * ms}, {drop: true}, {due: 20 * ms}}, "-2 | <=1 | <=3"},
		{"overtakes at once", false, script{{due: 20 * ms}, {overtake: true}}, "2 | | <=1"},
		{"a changed one in between", false, script{{due: 10 * ms}, {due: 10 * ms, body: []byte("x")}, {due: 10 * ms}}, "| <=1 2=x <=3 |"},
		{"a copy goes along", false, script{{due: 10 * ms, send: []byte("copy")}, {due: 20 * ms}}, "| +copy <=1 | <=2"},
		{"an answer for a dropped one", false, script{{drop: true, send: []byte("no")}}, "-1 +no | |"},
		{"stolen ones are sent", true, script{{due: 10 * ms}, {drop: true}, {overtake: true}, {due: 20 * ms, body: []byte("x"), send: []byte("copy")}}, "+p3 | +p1 | +x +copy"},
	} {
		log := &verdictLog{}
		l := line{judge: &tc.fates, out: log, steal: tc.steal}
		for id := range uint32(len(tc.fates)) {
			l.arrive(0, packet{id: id + 1, size: 2, data: fmt.Appendf(nil, "p%d", id+1)})
		}
		for _, now := range []time.Duration{0, 10 * ms, 20 * ms} {
			if now > 0 {
				log.note("|")
			}
			l.release(now)
		}
		if got := strings.Join(log.said, " "); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
		if _, ok := l.next(); ok {
			t.Errorf("%s: something is left", tc.name)
		}
	}
}

func TestLineDrains(t *testing.T) {
	log := &verdictLog{}
	l := line{judge: newShaper(chaos.NetRule{Delay: time.Minute}, true), out: log}
	for id := range uint32(5000) {
		l.arrive(time.Duration(id), packet{id: id})
	}
	if due, ok := l.next(); !ok || due != time.Minute {
		t.Errorf("next is %s, %t", due, ok)
	}
	l.release(time.Minute + 3000)
	l.drain(time.Minute + 3001)
	l.arrive(time.Minute+3002, packet{id: 5000})
	l.release(time.Minute + 3002)
	if l.kept != 0 || len(l.held) != 0 {
		t.Errorf("%d bytes of %d packets are kept", l.kept, len(l.held))
	}
	if got := strings.Join(log.said, " "); got != "<=3000 <=4999 <=5000" {
		t.Error(got)
	}
}

func TestLineKeepsNoMoreThanItMay(t *testing.T) {
	log := &verdictLog{}
	l := line{judge: newShaper(chaos.NetRule{Delay: time.Minute}, false), out: log, steal: true}
	const size = 1 << 20
	data := make([]byte, size)
	for range 2 * maxKept / size {
		l.arrive(0, packet{size: size, data: data})
	}
	if n := len(l.held); n != maxKept/size+1 {
		t.Errorf("%d packets are held", n)
	}
	l.drain(time.Second)
	if l.kept != 0 || len(log.said) != maxKept/size+1 {
		t.Errorf("%d bytes are kept, %d packets were sent", l.kept, len(log.said))
	}
}

// judged are n packets of the size at the same instant or every gap.
func judged(r chaos.NetRule, n, size int, gap time.Duration) []fate {
	s := newShaper(r, false)
	var list []fate
	for i := range n {
		list = append(list, s.judge(time.Duration(i)*gap, packet{size: size, data: make([]byte, size)}))
	}
	return list
}

func TestShares(t *testing.T) {
	const n = 100_000
	count := map[string]int{}
	for _, f := range judged(chaos.NetRule{Delay: time.Second, Loss: 0.1, Duplicate: 0.2, Corrupt: 0.3, Reorder: 0.4, Seed: 9}, n, 60, time.Millisecond) {
		for name, is := range map[string]bool{"loss": f.drop, "duplicate": f.send != nil, "corrupt": f.body != nil, "reorder": f.overtake} {
			if is {
				count[name]++
			}
		}
	}
	for name, want := range map[string]float64{"loss": 0.1, "duplicate": 0.2 * 0.9, "corrupt": 0.3 * 0.9, "reorder": 0.4 * 0.9} {
		if got := float64(count[name]) / n; math.Abs(got-want) > 0.01 {
			t.Errorf("%s: share %.3f, want %.3f", name, got, want)
		}
	}
}

func TestSameSeedSameFate(t *testing.T) {
	r := chaos.NetRule{Delay: time.Second, Jitter: 100 * time.Millisecond, Loss: 0.5, Seed: 4}
	one, two := judged(r, 100, 60, time.Second), judged(r, 100, 60, time.Second)
	r.Seed = 5
	other := judged(r, 100, 60, time.Second)
	same := func(a, b []fate) bool {
		return slices.EqualFunc(a, b, func(x, y fate) bool { return x.drop == y.drop && x.due == y.due })
	}
	if !same(one, two) || same(one, other) {
		t.Error("the seed does not decide")
	}
}

func TestJitterHasItsSpreadAndCorrelation(t *testing.T) {
	const delay, jitter, n = time.Second, 100 * time.Millisecond, 50_000
	for _, tc := range []struct {
		distribution string
		correlation  float64
		deviation    float64 // of the delays, in jitters
	}{
		{"uniform", 0, 1 / math.Sqrt(3)}, {"uniform", 0.8, 1 / math.Sqrt(3)}, {"normal", 0, 1}, {"normal", 0.5, 1},
	} {
		s := newShaper(chaos.NetRule{Delay: delay, Jitter: jitter, Distribution: tc.distribution, Correlation: tc.correlation, Seed: 1}, true)
		var x []float64
		for range n {
			x = append(x, float64(s.delay()-delay)/float64(jitter))
		}
		mean, square, next := 0.0, 0.0, 0.0
		for i := range x {
			mean += x[i] / n
			square += x[i] * x[i] / n
			if i > 0 {
				next += x[i] * x[i-1] / n
			}
		}
		if math.Abs(mean) > 0.05 || math.Abs(math.Sqrt(square)-tc.deviation) > 0.03 {
			t.Errorf("%+v: mean %.3f, deviation %.3f", tc, mean, math.Sqrt(square))
		}
		if got := next / square; math.Abs(got-tc.correlation) > 0.05 {
			t.Errorf("%+v: correlation %.3f", tc, got)
		}
		if tc.distribution == "uniform" && (slices.Max(x) > 1 || slices.Min(x) < -1) {
			t.Errorf("%+v: from %.3f to %.3f", tc, slices.Min(x), slices.Max(x))
		}
	}
}

func TestJitterNeverReorders(t *testing.T) {
	last := time.Duration(0)
	for i, f := range judged(chaos.NetRule{Delay: 10 * time.Millisecond, Jitter: 30 * time.Millisecond, Distribution: "normal"}, 10_000, 60, time.Millisecond) {
		if now := time.Duration(i) * time.Millisecond; f.due < last || f.due < now {
			t.Fatalf("packet %d came at %s and is due at %s, after one at %s", i, now, f.due, last)
		}
		last = f.due
	}
}

// 1 Mbit/s: 1,250 bytes take 10 ms. Sent all at once, 26 of them fit in a quarter of a second; the rest is dropped.
func TestBandwidthSpacesPackets(t *testing.T) {
	list := judged(chaos.NetRule{BitsPerSecond: 1e6, Delay: 5 * time.Millisecond}, 40, 1250, 0)
	passed := 0
	for i, f := range list {
		if f.drop {
			continue
		}
		passed++
		if want := time.Duration(i+1)*10*time.Millisecond + 5*time.Millisecond; f.due != want {
			t.Errorf("packet %d is due at %s, want %s", i, f.due, want)
		}
	}
	if passed != 26 {
		t.Errorf("%d packets passed, want 26", passed)
	}
}

func TestProofSaysWhatAndHow(t *testing.T) {
	for _, tc := range []struct {
		rule chaos.NetRule
		want string
	}{
		{chaos.NetRule{Drop: true, Peers: prefixes(mustPrefixes("10.0.0.1/32", "10.0.0.2/32", "::ffff:10.0.0.3/128"))}, "nftables drop, 3 peers"},
		{chaos.NetRule{Delay: 20 * time.Millisecond}, "NFQUEUE delay 20ms"},
		{chaos.NetRule{Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.01, Direction: chaos.Out}, "NFQUEUE delay 20ms ± 5ms, loss 1 %, out only"},
		{chaos.NetRule{BitsPerSecond: 2.5e6, Ports: []uint16{5432}}, "NFQUEUE bandwidth 2.5 Mbit/s, 1 port"},
		{chaos.NetRule{DNS: &chaos.DNSRule{Answer: "servfail", Names: []string{"db"}}}, "NFQUEUE dns servfail for db"},
		{chaos.NetRule{Refuse: true, Delay: time.Second}, "nftables refuse, NFQUEUE delay 1s"},
	} {
		rule, err := normal(tc.rule)
		if err != nil {
			t.Errorf("%+v: %v", tc.rule, err)
		}
		if got := proof(rule, "NFQUEUE"); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}
